"""World: a small rulebook made from a vector's own columns, and a real Exchange on it, spoken to in decimals.

Responsible for: grids and columns of in-memory rulebooks, accounts, fills against the house, marks, readings.
Must not: contain a formula, know a vector's expected numbers, reach past the engine's public functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from isocross.codes import (
    AdlRanking,
    CommandKind,
    ContractKind,
    CrossLiquidationOrder,
    EventKind,
    FeeBasis,
    IsolatedFillBasis,
    IsolatedFundingSource,
    LiquidationLadder,
    MarginMode,
    OrderType,
    Refusal,
    RemainderTo,
    SelfTradePrevention,
    Side,
    SymbolStatus,
    TimeInForce,
)
from isocross.exchange import Exchange, Result
from isocross.limits import LEVERAGE_MAX, NOTIONAL_MAX_E8, PRICE_MAX_E8, QUANTITY_MAX_E8
from isocross.rulebook.brackets import BracketFaultError, BracketRow, build_brackets
from isocross.rulebook.model import Bracket, Rulebook, SymbolRules
from isocross.views import PositionView, WalletView
from tests.vectors.vector import NotApplicable

E8 = 10**8
HOUSE = 1
RICH = Fraction(10**9)  # a deposit that keeps margin out of the question
LEAST_RATE = Fraction(1, E8)  # a maintenance rate that keeps liquidation out of the question
_BOUNDS = {
    Refusal.AMOUNT_TOO_LARGE,
    Refusal.PRICE_TOO_LARGE,
    Refusal.QUANTITY_TOO_LARGE,
    Refusal.ACCOUNT_TOO_LARGE,
    Refusal.BRACKET_EXCEEDED,
    Refusal.LEVERAGE_OUT_OF_RANGE,
    Refusal.RATE_OUT_OF_RANGE,
}


def e8(value: Fraction, name: str) -> int:
    """× 10^8, exactly, or NotApplicable: the engine counts in 0.00000001."""
    scaled = value * E8
    if scaled.denominator != 1:
        raise NotApplicable(f"{name} is finer than 0.00000001, the engine's unit")
    return scaled.numerator


def near(value: Fraction) -> Fraction:
    """The nearest value on the engine's grid: for inputs of vectors whose tolerance allows it."""
    return Fraction(round(value * E8), E8)


def money(value_e8: int) -> Fraction:
    """Money, price or quantity × 10^8 as the number it is."""
    return Fraction(int(value_e8), E8)


def grid_e8(values: Iterable[Fraction], name: str) -> int:
    """The coarsest power of ten, at most 1, that all values are multiples of, × 10^8."""
    grid = E8
    for value in values:
        while e8(value, name) % grid:
            grid //= 10
    return grid


@dataclass(frozen=True)
class Market:
    """Columns of one contract; what a vector does not speak about stays out of the way."""

    name: str
    prices: tuple[Fraction, ...]  # every order price of the vector: they choose the tick
    quantities: tuple[Fraction, ...]  # every quantity: they choose the step
    maintenance_rate: Fraction = LEAST_RATE
    maker_fee_rate: Fraction = Fraction(0)
    taker_fee_rate: Fraction = Fraction(0)
    liquidation_fee_rate: Fraction = Fraction(0)
    brackets: tuple[Bracket, ...] = ()
    price_max: Fraction | None = None  # twenty times the highest price unless said
    leverage_max: int = LEVERAGE_MAX
    impact: Fraction = Fraction(1)  # notional of the impact prices
    is_inverse: bool = False  # quantities are of quote money then, and money is coin

    def rules(self) -> SymbolRules:
        """As a row of a rulebook, within the bounds of limits.py."""
        tick_e8 = grid_e8(self.prices, "a price")
        step_e8 = grid_e8(self.quantities, "a quantity")
        if self.is_inverse:
            return self._inverse_rules(tick_e8, step_e8)
        if tick_e8 * step_e8 % E8:
            raise NotApplicable("tick × step is finer than 0.00000001, the engine's unit of money")
        highest = self.price_max or 20 * max([*self.prices, Fraction(1)])
        price_max_e8 = min(PRICE_MAX_E8, -(-int(highest * E8) // tick_e8) * tick_e8)
        most_e8 = e8(max([abs(quantity) for quantity in self.quantities] or [Fraction(1)]), "a quantity")
        if max([e8(price, "a price") for price in self.prices] or [0]) > price_max_e8:
            raise NotApplicable("a price is above 100,000,000, the engine's bound")
        if most_e8 > QUANTITY_MAX_E8 or most_e8 * price_max_e8 > NOTIONAL_MAX_E8 * E8:
            highest = max([*self.prices, Fraction(1)])
            price_max_e8 = min(PRICE_MAX_E8, -(-int(2 * highest * E8) // tick_e8) * tick_e8)
            if most_e8 > QUANTITY_MAX_E8 or most_e8 * price_max_e8 > NOTIONAL_MAX_E8 * E8:
                raise NotApplicable("a notional is above 5.7 billion, the engine's bound")
        return self._row(ContractKind.LINEAR, tick_e8, step_e8, 1, price_max_e8)

    def _inverse_rules(self, tick_e8: int, step_e8: int) -> SymbolRules:
        """Prices go down to a twentieth of the lowest, rounded down to a power of ten."""
        price_min_e8 = 10 ** (len(str(int(min(self.prices) * E8) // 20)) - 1)
        tick_e8 = min(tick_e8, price_min_e8)
        if step_e8 * E8 % price_min_e8 or step_e8 * E8 % tick_e8:
            raise NotApplicable("step ÷ price is finer than 0.00000001, the engine's unit of money")
        price_max_e8 = min(PRICE_MAX_E8, -(-int((self.price_max or 20 * max(self.prices)) * E8) // tick_e8) * tick_e8)
        rules = self._row(ContractKind.INVERSE, tick_e8, step_e8, price_min_e8, price_max_e8)
        if max(self.quantities) * E8 > rules.lots_max * step_e8:
            raise NotApplicable("a notional is above the engine's bound")
        return rules

    def _row(
        self, kind: ContractKind, tick_e8: int, step_e8: int, price_min_e8: int, price_max_e8: int
    ) -> SymbolRules:
        return SymbolRules(
            symbol=self.name,
            base_asset=self.name,
            margin_asset="USDT",
            contract_kind=kind,
            tick_e8=tick_e8,
            step_e8=step_e8,
            price_min_e8=price_min_e8,
            price_max_e8=price_max_e8,
            min_notional_e8=0,
            maker_fee_rate_e8=_rate_e8(self.maker_fee_rate, "maker fee rate"),
            taker_fee_rate_e8=_rate_e8(self.taker_fee_rate, "taker fee rate"),
            liquidation_fee_rate_e8=_rate_e8(self.liquidation_fee_rate, "liquidation fee rate"),
            market_bound_rate_e8=E8,
            funding_interval_hours=8,
            funding_cap_rate_e8=E8,
            funding_floor_rate_e8=-E8,
            interest_rate_e8=0,
            impact_notional_e8=e8(self.impact, "the impact notional"),
            brackets=self.brackets or flat_bracket(self.maintenance_rate, self.leverage_max),
        )


def flat_bracket(rate: Fraction, leverage_max: int = LEVERAGE_MAX) -> tuple[Bracket, ...]:
    """One bracket: the whole notional pays one maintenance rate."""
    return bracket_table([BracketRow(0, _rate_e8(rate, "maintenance rate"), leverage_max)])


def bracket_table(rows: list[BracketRow], top_e8: int = NOTIONAL_MAX_E8) -> tuple[Bracket, ...]:
    """A table with its deductions, as the rulebook's loader makes it."""
    try:
        brackets, _ = build_brackets(rows, top_e8, LEVERAGE_MAX)
    except BracketFaultError as fault:
        raise NotApplicable(f"the rulebook refuses the brackets: {fault}") from None
    return brackets


def _rate_e8(rate: Fraction, name: str) -> int:
    if not 0 <= rate <= 1:
        raise NotApplicable(f"{name}: a rulebook holds rates of 0 … 1")
    return e8(rate, name)


def rulebook(
    markets: Iterable[Market],
    *,
    fill_basis: IsolatedFillBasis = IsolatedFillBasis.MARK,
    ladder: LiquidationLadder = LiquidationLadder.ONE_ORDER,
    mode: MarginMode = MarginMode.CROSS,
    takeover_ratio: Fraction = Fraction(1),
) -> Rulebook:
    """A venue of these contracts."""
    return Rulebook(
        name="vector",
        venue="a venue",
        as_of="2025-01-01",
        sources=(),
        margin_assets=("USDT",),
        default_margin_mode=mode,
        default_leverage=LEVERAGE_MAX,
        leverage_max=LEVERAGE_MAX,
        margin_call_ratio_e8=E8,
        isolated_fill_basis=fill_basis,
        isolated_funding_source=IsolatedFundingSource.ISOLATED_WALLET,
        fee_basis=FeeBasis.FILL_VALUE,
        liquidation_ladder=ladder,
        cross_liquidation_order=CrossLiquidationOrder.LARGEST_MAINTENANCE,
        liquidation_pays_trading_fee=False,
        remainder_to=RemainderTo.ACCOUNT,
        adl_ranking=AdlRanking.PNL_TIMES_MARGIN_RATIO,
        symbols={market.name: market.rules() for market in markets},
        takeover_ratio_e8=_rate_e8(takeover_ratio, "takeover ratio"),
    )


class Refused(NotApplicable):
    """A command was refused: handlers whose question it is map it, for all others the vector is not applicable."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"a command of it is {refusal.name} here")
        self.refusal = refusal


class World:
    """A real exchange with the columns of one vector."""

    def __init__(self, markets: Iterable[Market], **columns: Any) -> None:
        self.exchange = Exchange(rulebook(markets, **columns))
        self.events: list[np.void] = []  # all of them, in order
        self._accounts = HOUSE

    # ---- commands ----

    def submit(self, kind: CommandKind, **fields: Any) -> Result:
        """One command; its events are kept. Raises Refused."""
        result = self.exchange.submit(kind, **fields)
        self.events.extend(result.events)
        if not result.is_accepted:
            raise Refused(result.refusal)
        return result

    def need(self, kind: CommandKind, **fields: Any) -> Result:
        """A command that the vector takes for granted: where the engine refuses it the vector does not apply."""
        try:
            return self.submit(kind, **fields)
        except Refused as refused:
            if refused.refusal in _BOUNDS:
                raise NotApplicable(f"outside the engine's bounds: {refused.refusal.name}") from None
            raise NotApplicable(f"this state cannot be reached here: {kind.name} is {refused.refusal.name}") from None

    def account(self, deposit: Fraction = RICH, *, is_house: bool = False) -> int:
        """A new account with a cross wallet."""
        self._accounts += 1
        self.need(CommandKind.CREATE_ACCOUNT, account=self._accounts, is_house=int(is_house))
        if deposit < 0:
            raise NotApplicable("a cross wallet without position is never below zero")
        if deposit:
            self.deposit(self._accounts, deposit)
        return self._accounts

    def deposit(self, account: int, amount: Fraction) -> None:
        self.need(CommandKind.DEPOSIT, account=account, asset=0, amount_e8=e8(amount, "a balance"))

    def withdraw(self, account: int, amount: Fraction) -> None:
        self.need(CommandKind.WITHDRAW, account=account, asset=0, amount_e8=e8(amount, "a balance"))

    def marks(self, marks: Mapping[str, Fraction], time_ms: int | None = None) -> list[np.void]:
        """Marks of several symbols in one prices command; its events."""
        records = []
        for name, mark in marks.items():
            mark_e8 = e8(mark, "a mark price")
            records.append({"symbol": self.row(name), "index_e8": mark_e8, "mark_e8": mark_e8})
        first = len(self.events)
        self.need(CommandKind.PRICES, records=records, time_ms=time_ms)
        return self.events[first:]

    def set_leverage(self, account: int, name: str, leverage: Fraction) -> None:
        if leverage.denominator != 1:
            raise NotApplicable("leverage is a whole number here")
        self.need(CommandKind.SET_LEVERAGE, account=account, symbol=self.row(name), leverage=int(leverage))

    def submit_leverage(self, account: int, name: str, leverage: int) -> None:
        """As set_leverage, where the question is whether it is refused."""
        self.submit(CommandKind.SET_LEVERAGE, account=account, symbol=self.row(name), leverage=leverage)

    def set_isolated(self, account: int, name: str) -> None:
        self.need(
            CommandKind.SET_MARGIN_MODE, account=account, symbol=self.row(name), margin_mode=int(MarginMode.ISOLATED)
        )

    def place(
        self,
        account: int,
        name: str,
        side: Side,
        quantity: Fraction,
        price: Fraction | None,
        tif: TimeInForce = TimeInForce.GTC,
        *,
        reduce_only: bool = False,
        prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER,
    ) -> tuple[Result, list[np.void]]:
        """An order; market when there is no price. Raises Refused."""
        result = self.submit(
            CommandKind.PLACE_ORDER,
            account=account,
            symbol=self.row(name),
            side=int(side),
            order_type=int(OrderType.MARKET if price is None else OrderType.LIMIT),
            time_in_force=int(tif),
            price_ticks=0 if price is None else self.ticks(name, price),
            lots=self.lots(name, quantity),
            is_reduce_only=int(reduce_only),
            self_trade_prevention=int(prevention),
        )
        return result, list(result.events)

    def cancel(self, account: int, order_id: int) -> None:
        self.submit(CommandKind.CANCEL_ORDER, account=account, order_id=order_id)

    def fill(
        self, account: int, name: str, side: Side, quantity: Fraction, price: Fraction, *, reduce_only: bool = False
    ) -> list[np.void]:
        """The account takes a house order at this price, completely; the FILLED events of the account's side."""
        order, _ = self.place(HOUSE, name, Side(1 - side), quantity, price)
        try:
            _, events = self.place(account, name, side, quantity, price, TimeInForce.IOC, reduce_only=reduce_only)
        finally:
            if any(one.order_id == order.order_id for one in self.exchange.orders(HOUSE)):
                self.cancel(HOUSE, order.order_id)
        return self.fills(events, account)

    def open(self, account: int, name: str, quantity: Fraction, price: Fraction) -> list[np.void]:
        """A signed quantity traded at a price, or NotApplicable; nothing for 0."""
        if not quantity:
            return []
        try:
            fills = self.fill(account, name, side_of(quantity), abs(quantity), price)
        except Refused as refused:
            raise NotApplicable(f"this state cannot be reached here: the fill is {refused.refusal.name}") from None
        if sum(int(fill["lots"]) for fill in fills) != self.lots(name, abs(quantity)):
            raise NotApplicable("this state cannot be reached here: the fill cannot be margined")
        return fills

    def settle_funding(self, name: str, rate: Fraction, time_ms: int | None = None) -> None:
        records = [{"symbol": self.row(name), "rate_e8": e8(rate, "a funding rate")}]
        self.need(CommandKind.SETTLE_FUNDING, records=records, time_ms=time_ms)

    # ---- readings ----

    def row(self, name: str) -> int:
        return self.exchange.symbol_row(name)

    def ticks(self, name: str, price: Fraction) -> int:
        return _on_grid(e8(price, "a price"), self.exchange.rules(name).tick_e8)

    def lots(self, name: str, quantity: Fraction) -> int:
        return _on_grid(e8(quantity, "a quantity"), self.exchange.rules(name).step_e8)

    def quantity(self, name: str, lots: int) -> Fraction:
        return money(int(lots) * self.exchange.rules(name).step_e8)

    def price(self, name: str, ticks: int) -> Fraction:
        return money(int(ticks) * self.exchange.rules(name).tick_e8)

    def position(self, account: int, name: str) -> PositionView:
        return self.exchange.position(account, name)

    def wallet(self, account: int) -> WalletView:
        return self.exchange.wallet(account)

    def cash(self, account: int) -> Fraction:
        """All wallets of an account less what its positions cost: the signed quote balance of other venues."""
        view = self.wallet(account)
        cost = sum(position.entry_cost_e8 for position in self.exchange.positions(account))
        return money(view.cross_wallet_e8 + view.isolated_wallets_e8 - cost)

    def entry_price(self, account: int, name: str) -> Fraction:
        """Entry cost ÷ quantity, of an inverse contract quantity ÷ entry cost, exactly; 0 when flat."""
        view = self.position(account, name)
        if view.lots == 0:
            return Fraction(0)
        if self.exchange.rules(name).is_inverse:
            return self.quantity(name, view.lots) / -money(view.entry_cost_e8)
        return money(view.entry_cost_e8) / self.quantity(name, view.lots)

    def delist(self, name: str) -> list[np.void]:
        """Settle a contract for good at its mark; the events."""
        first = len(self.events)
        self.need(CommandKind.SET_SYMBOL_STATUS, symbol=self.row(name), symbol_status=int(SymbolStatus.DELISTED))
        return self.events[first:]

    def fills(self, events: Iterable[np.void], account: int) -> list[np.void]:
        return [one for one in events if one["kind"] == EventKind.FILLED and one["account"] == account]

    def of_kind(self, events: Iterable[np.void], kind: EventKind, account: int | None = None) -> list[np.void]:
        return [one for one in events if one["kind"] == kind and account in (None, int(one["account"]))]


def _on_grid(value_e8: int, grid: int) -> int:
    count, rest = divmod(value_e8, grid)
    assert rest == 0, "a market's grids come from all its prices and quantities"
    return count


def side_of(quantity: Fraction) -> Side:
    return Side.BUY if quantity > 0 else Side.SELL


def sign_of(side: Any) -> int:
    """+1 for long and buy, −1 for short and sell."""
    if side in ("long", "buy"):
        return 1
    if side in ("short", "sell"):
        return -1
    raise NotApplicable(f"side {side!r} is unknown")
