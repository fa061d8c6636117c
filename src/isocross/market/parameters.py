"""Parameters: what the made-up world takes for normal, symbol by symbol.

Responsible for: volatility, share of the common factor, first price and pace of trading of each asset, with where each comes
from; jumps, regimes and basis, which all share. Must not: draw a number.

Volatility and the factor's share are measured on hourly closes of Binance USDⓈ-M contracts, 2025-01-01 to 2026-02-18
(correlations there: BTC–ETH 0.81, BTC–XRP 0.74, BTC–BNB 0.69, BTC–DOGE 0.76; 1000PEPE, INJ and OP among one another 0.79–0.85).
Assets without a figure there, first prices and all of `Climate` are decisions: docs/decisions/0050.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..errors import InputError
from ..limits import PRICE_MAX_E8
from ..rulebook.model import SymbolRules
from ..units import ONE_E8, format_e8

STEP_MS = 10_000  # the world's grain: paths are reckoned here, and refined to seconds where they are told
STEPS_PER_HOUR = 360
STEPS_PER_DAY = 24 * STEPS_PER_HOUR
STEPS_PER_YEAR = 365 * STEPS_PER_DAY


class AssetParameters(NamedTuple):
    """One asset against its quote."""

    price: float  # at the world's first instant, where nobody says another
    volatility: float  # of a year
    factor_share: float  # of its variance that is the whole market's: two assets correlate by √(share · share)
    trade_gap_seconds: int  # one small order each


@dataclass(frozen=True, slots=True)
class Climate:
    """What all assets share."""

    regime_hours: tuple[int, int, int] = (1, 8, 72)  # volatility wanders between nodes this far apart,
    regime_deviations: tuple[float, float, float] = (0.25, 0.40, 0.35)  # by so much of its logarithm
    market_jumps_per_day: float = 0.35
    own_jumps_per_day: float = 0.25  # of each asset
    market_jump_share: float = 0.12  # of the factor's variance that comes as jumps
    own_jump_share: float = 0.30  # of an asset's own variance
    falling_share: float = 0.58  # of the factor's jumps; an asset's own go either way
    basis_mean: float = 0.0001  # mark above index
    basis_deviation_1h: float = 0.0002
    basis_deviation_8h: float = 0.0005
    basis_max: float = 0.005
    swing_max: float = 10.0  # a price stays between a tenth and ten times its first


CLIMATE = Climate()

_ASSETS = {
    "BTC": AssetParameters(60_000, 0.45, 0.75, 1),
    "ETH": AssetParameters(3_000, 0.72, 0.87, 1),
    "BNB": AssetParameters(600, 0.55, 0.64, 2),
    "SOL": AssetParameters(150, 0.85, 0.80, 2),
    "XRP": AssetParameters(0.6, 0.83, 0.73, 2),
    "DOGE": AssetParameters(0.12, 0.92, 0.85, 2),
    "ADA": AssetParameters(0.45, 0.92, 0.80, 2),
    "LTC": AssetParameters(75, 0.80, 0.72, 2),
    "LINK": AssetParameters(13, 0.95, 0.80, 5),
    "AVAX": AssetParameters(28, 0.98, 0.80, 5),
}
REFERENCE = _ASSETS["BTC"]  # whose weight in the factor is 1 in a scene
_OTHER = AssetParameters(0, 1.10, 0.75, 5)  # as INJ, OP and 1000PEPE; its first price is 10,000 ticks
_OTHER_TICKS = 10_000
_TICKS_MIN = 200  # of a first price: below, one tick is half a percent


def parameters_for(rules: SymbolRules) -> AssetParameters:
    """The parameters of a contract's asset; those of a small one where it is not known."""
    return _ASSETS.get(rules.base_asset, _OTHER)


def first_price_e8(rules: SymbolRules, given_e8: int | None) -> int:
    """The price at the world's first instant, on the tick.

    Errors   InputError: it has fewer than 200 ticks, or is above half of the symbol's highest price.
    """
    known = parameters_for(rules).price
    ticks_max = rules.price_max_ticks // 2
    wanted = given_e8 if given_e8 is not None else round(known * ONE_E8) or min(_OTHER_TICKS, ticks_max) * rules.tick_e8
    ticks = (wanted + rules.tick_e8 // 2) // rules.tick_e8
    if not _TICKS_MIN <= ticks <= min(ticks_max, PRICE_MAX_E8 // rules.tick_e8):
        raise InputError(
            f"first price of {rules.symbol}: {format_e8(wanted)}: expected {format_e8(_TICKS_MIN * rules.tick_e8)} … "
            f"{format_e8(ticks_max * rules.tick_e8)}"
        )
    return ticks * rules.tick_e8
