"""Preview: what commands of an account would do, in each margin mode side by side, before any is sent.

Responsible for: the worlds in which the question is asked, one column each. Must not: read what came of it (outcome.py
does), decide for the user, leave a byte changed.

    for column in preview(exchange, 2, "BTCUSDT", [(CommandKind.PLACE_ORDER, fields)]):
        column.name, column.basis, column.outcome

The columns:

    isolated, cross   the contract in that mode, everything else of the account as it is
    hybrid            where other positions share its margin asset: the contract isolated, the others cross; left out
                      where that is what `isolated` is already

A mode that the account has is asked AS_IT_IS; one that it may set is SWITCHED to, by that command first. One that cannot be
set now, because a position or an order is there, is asked in a BRANCH: the same history, in which it had been set at the
last moment at which the contract was flat and orderless. Without a history there is no such world, and no number (NONE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..codes import CommandKind, MarginMode, Refusal
from ..errors import InputError
from ..exchange import Exchange
from ..journal.history import History
from .branching import branch
from .moment import Moment
from .outcome import Commands, Outcome, outcome_of
from .outline import Outline
from .rewrite import flip_mode
from .shadow import Upkeep
from .world import World

Modes = Mapping[str, MarginMode]  # contract → margin mode
Elsewhere = Callable[[Modes], World]  # a world in which these modes had been set. Errors   InputError, RewriteError


class Basis(Enum):
    """How a column's world comes about."""

    AS_IT_IS = "as it is"
    SWITCHED = "switched"
    BRANCH = "branch"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Setting:
    """A world in which commands are previewed."""

    name: str  # isolated, cross, hybrid
    mode: MarginMode  # of the contract
    basis: Basis
    refusals: Mapping[str, Refusal]  # contract → why its mode cannot be set now
    exchange: Exchange  # where it is asked; with basis NONE the exchange that cannot say
    switches: Commands  # what sets the modes there, accepted one after the other
    world: World | None = None  # of basis BRANCH
    why_none: str = ""  # of basis NONE


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """One margin mode."""

    setting: Setting
    outcome: Outcome | None  # None: there is no world to ask in

    @property
    def name(self) -> str:
        """isolated, cross, hybrid."""
        return self.setting.name

    @property
    def basis(self) -> Basis:
        """How its world comes about."""
        return self.setting.basis


def preview(
    exchange: Exchange, account: int, symbol: str | int, commands: Commands, elsewhere: Elsewhere | None = None
) -> tuple[PreviewColumn, ...]:
    """Commands of one account in one contract, in every mode.

    Takes    commands: as Exchange.submit takes them, all or none: an order, then its exits. elsewhere: makes the world of
             modes that cannot be set now (`branches_of`).
    Errors   InputError for what cannot be sent.
    """
    return tuple(
        preview_in(one, account, symbol, commands) for one in settings_of(exchange, account, symbol, elsewhere)
    )


def preview_in(setting: Setting, account: int, symbol: str | int, commands: Commands) -> PreviewColumn:
    """The commands in one world."""
    if setting.basis is Basis.NONE:
        return PreviewColumn(setting, None)
    return PreviewColumn(setting, outcome_of(setting.exchange, account, symbol, commands, setting.switches))


def settings_of(
    exchange: Exchange, account: int, symbol: str | int, elsewhere: Elsewhere | None = None
) -> tuple[Setting, ...]:
    """The worlds to ask in."""
    rules = exchange.rules(symbol)
    found = [
        _setting(exchange, account, mode.name.lower(), {rules.symbol: mode}, elsewhere)
        for mode in (MarginMode.ISOLATED, MarginMode.CROSS)
    ]
    others = {
        name: mode
        for name, mode in exchange.open_modes(account).items()
        if name != rules.symbol and exchange.rules(name).margin_asset == rules.margin_asset
    }
    if any(mode != MarginMode.CROSS for mode in others.values()):
        modes = {rules.symbol: MarginMode.ISOLATED} | dict.fromkeys(others, MarginMode.CROSS)
        found.append(_setting(exchange, account, "hybrid", modes, elsewhere))
    return tuple(found)


def branches_of(
    base: History | World, account: int, *, compiled: bool | None = None, upkeep: Callable[[], Upkeep] | None = None
) -> Elsewhere:
    """The worlds of a history under other modes, each set at the last moment at which its contract was flat and orderless.

    Takes    compiled: as the base's exchange unless told. upkeep: makes what runs such a world beside the account's own commands.
    """

    def elsewhere(modes: Modes) -> World:
        since = base.moment if isinstance(base, World) else _end_of(base)
        flips = [flip_mode(account, symbol, since=since, to=mode) for symbol, mode in modes.items()]
        is_compiled = compiled if compiled is not None else not isinstance(base, World) or base.exchange.is_compiled
        keeper = None if upkeep is None else upkeep()
        return branch(base, *flips, name="preview", compiled=is_compiled, upkeep=keeper)

    return elsewhere


def _end_of(history: History) -> Moment:
    sequences = Outline(history).sequence
    return Moment(sequence=int(sequences[-1]) if len(sequences) else 0)


def _setting(exchange: Exchange, account: int, name: str, modes: Modes, elsewhere: Elsewhere | None) -> Setting:
    """The world in which an account has these modes; the first of them is that of the contract in question."""
    mode = next(iter(modes.values()))
    switches, refusals = _switches(exchange, account, modes)
    if not refusals:
        basis = Basis.SWITCHED if switches else Basis.AS_IT_IS
        return Setting(name, mode, basis, {}, exchange, switches)
    if elsewhere is None:
        return Setting(name, mode, Basis.NONE, refusals, exchange, (), why_none="no history was given to branch from")
    try:
        world = elsewhere({symbol: modes[symbol] for symbol in refusals})
    except InputError as error:
        return Setting(name, mode, Basis.NONE, refusals, exchange, (), why_none=str(error))
    switches, still = _switches(world.exchange, account, modes)
    if still:
        told = ", ".join(f"{symbol}: {refusal.name}" for symbol, refusal in still.items())
        return Setting(name, mode, Basis.NONE, refusals, exchange, (), why_none=f"not in a branch either ({told})")
    return Setting(name, mode, Basis.BRANCH, refusals, world.exchange, switches, world)


def _switches(exchange: Exchange, account: int, modes: Modes) -> tuple[Commands, dict[str, Refusal]]:
    """The commands that set modes, and the contracts whose mode cannot be set now."""
    switches: list[tuple[CommandKind, Mapping[str, Any]]] = []
    refusals: dict[str, Refusal] = {}
    for symbol, mode in modes.items():
        if exchange.margin_mode(account, symbol) == mode:
            continue
        fields = {"account": account, "symbol": exchange.symbol_row(symbol), "margin_mode": mode}
        refusal = exchange.preview(CommandKind.SET_MARGIN_MODE, **fields).refusal
        if refusal == Refusal.NONE:
            switches.append((CommandKind.SET_MARGIN_MODE, fields))
        else:
            refusals[symbol] = refusal
    return tuple(switches), refusals
