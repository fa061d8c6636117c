"""Compare: the same trade in the same history, isolated, cross and hybrid, each lived through by the engine.

Responsible for: inputs to a plan, one world per margin mode and bar order, lists of leverages and margins, the demo.
Must not: contain a formula, print, decide which mode is better.

`margin` means the most lots for which what moves into an isolated wallet at the fill is at most that; the fee comes on
top. All modes get the same lots at the same moment. The trade is opened at market, first, then the second position;
what is open at the end of the history is closed at market. Hybrid is the trade isolated and the second position cross.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..answer.words import price_text
from ..codes import CommandKind, MarginMode, Refusal
from ..errors import InputError, RefusedError
from ..exchange import Exchange
from ..market.candles import format_interval
from ..market.frames import Frame
from ..market.history import BarOrder, History, Moment
from ..rulebook import why_not_runnable
from ..rulebook.model import Rulebook, SymbolRules
from ..units import Amount, format_e8, to_time_ms
from . import inputs
from .compare_result import SCHEMA, CompareResult, ModeResult, OtherOrder, mode_result
from .feed import Feed, Leg
from .history_choice import HistoryLike, choose_history, symbol_name, with_rules_for
from .inputs import DEFAULT_RULEBOOK
from .replay import Life, Plan, Progress, live, refused, size

DEFAULT_SIDE = "long"
DEFAULT_MARGIN = 500
DEFAULT_LEVERAGE = 10
DEFAULT_WALLET = 10_000
DEFAULT_FUND = 1_000_000
STRETCHES = 400  # how finely the account's line is drawn
GRID_MAX = 200  # combinations of leverage and margin in one call

_ACCOUNT_COLUMNS = ("isolated_fill_basis", "remainder_to", "cross_liquidation_order", "liquidation_pays_trading_fee")
_SECOND = re.compile(r"^\s*(?P<symbol>\S+)\s+(?P<side>long|short)(?P<rest>(\s+[a-z]+\s*=\s*\S+)*)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Second:
    """A second position of the account: opened with the trade, without exits of its own."""

    symbol: str
    side: str
    margin: Amount
    leverage: Amount

    @classmethod
    def parse(cls, text: str) -> Second:
        """'ETHUSDT short margin=500 leverage=5'. InputError otherwise."""
        match = _SECOND.match(text)
        fields = dict(re.findall(r"([a-z]+)\s*=\s*(\S+)", match["rest"].lower())) if match else {}
        if match is None or set(fields) != {"margin", "leverage"}:
            raise InputError(
                f"second: {text[:80]!r} does not read as SYMBOL long|short margin=AMOUNT leverage=N, for example "
                "'ETHUSDT short margin=500 leverage=5'"
            )
        return cls(match["symbol"], match["side"], fields["margin"], fields["leverage"])


def compare(
    symbol: str | None = None,
    side: str = DEFAULT_SIDE,
    margin: Amount = DEFAULT_MARGIN,
    leverage: Amount = DEFAULT_LEVERAGE,
    wallet: Amount = DEFAULT_WALLET,
    *,
    stop: Amount | None = None,
    take_profit: Amount | None = None,
    second: Second | str | None = None,
    history: HistoryLike | None = None,
    last: str | Path | Frame | None = None,
    mark: str | Path | Frame | None = None,
    funding: str | Path | Frame | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    enter: Moment | None = None,
    order: BarOrder = "pessimistic",
    fund: Amount = DEFAULT_FUND,
    rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
    stretches: int = STRETCHES,
    progress: Progress | None = None,
) -> CompareResult:
    """One trade in one history, in each margin mode, from the same wallet.

    Takes    symbol: BTCUSDT or BTC/USDT:USDT; the history's first when it holds one. side: long or short. margin,
             leverage, wallet: see the head of the file. stop, take_profit: mark prices that close all of it.
             second: 'ETHUSDT short margin=500 leverage=5'. history: a History, 'A' or 'B' (the demos), a folder, or a
             file of last prices; a Polars or pandas frame of candles, a pandas Series of prices, or several as
             {symbol: frame}; or last with mark and funding, each a file or a frame. start, end: cut it. enter: when to open, its first
             moment unless said. order: what a bar does first: pessimistic against its own direction, or other; the
             outcome of the other one is reported too. fund: what the insurance fund has. stretches: how finely the
             account's line is sampled.
    Returns  CompareResult.
    Errors   InputError and its subclasses; RefusedError where no world could open the trade as told.
    """
    prepared = _prepare(
        symbol=symbol,
        second=second,
        history=history,
        last=last,
        mark=mark,
        funding=funding,
        start=start,
        end=end,
        enter=enter,
        order=order,
        rulebook=rulebook,
        stretches=stretches,
    )
    return prepared.run(side, margin, leverage, wallet, stop, take_profit, fund, progress)


def compare_grid(
    leverages: Sequence[Amount], margins: Sequence[Amount], *, progress: Progress | None = None, **told: Any
) -> tuple[CompareResult, ...]:
    """`compare` for every margin with every leverage; the other arguments as there."""
    if not leverages or not margins:
        raise InputError("leverage, margin: expected at least one of each")
    if len(leverages) * len(margins) > GRID_MAX:
        raise InputError(f"leverage, margin: {len(leverages) * len(margins)} combinations; expected at most {GRID_MAX}")
    side, wallet = told.pop("side", DEFAULT_SIDE), told.pop("wallet", DEFAULT_WALLET)
    stop, take_profit = told.pop("stop", None), told.pop("take_profit", None)
    fund = told.pop("fund", DEFAULT_FUND)
    prepared = _prepare(**{**_NOTHING_TOLD, **told})
    share = _Shared(progress, len(leverages) * len(margins))
    return tuple(
        prepared.run(side, margin, leverage, wallet, stop, take_profit, fund, share.next())
        for margin in margins
        for leverage in leverages
    )


def compare_demo(
    *,
    order: BarOrder = "pessimistic",
    fund: Amount = DEFAULT_FUND,
    rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
    stretches: int = STRETCHES,
) -> tuple[CompareResult, CompareResult]:
    """Two trades from 10,000 USDT, each in a crash of its own: one that cross survives, and one that takes it all."""
    same: dict[str, Any] = {"order": order, "fund": fund, "rulebook": rulebook, "stretches": stretches}
    return (
        compare("BTCUSDT", "long", 500, 10, 10_000, history="A", **same),
        compare("SOLUSDT", "long", 2_000, 10, 10_000, history="B", **same),
    )


def results_to_dict(results: Sequence[CompareResult]) -> dict[str, Any]:
    """One result as it is; several as a list under the same schema."""
    if len(results) == 1:
        return results[0].to_dict()
    return {"schema": SCHEMA, "results": [result.to_dict() for result in results]}


@dataclass(frozen=True)
class _Prepared:
    """Everything that does not depend on the trade's size: shared by all combinations of a list."""

    rulebook: Rulebook
    history: History
    history_name: str
    symbol: str
    second: Second | None
    feeds: tuple[Feed, Feed]  # the order asked for, and the other one
    order: BarOrder
    notes: tuple[str, ...]

    def run(
        self,
        side: str,
        margin: Amount,
        leverage: Amount,
        wallet: Amount,
        stop: Amount | None,
        take_profit: Amount | None,
        fund: Amount,
        progress: Progress | None,
    ) -> CompareResult:
        """All worlds of one trade."""
        book, rules = self.rulebook, self.rulebook.symbols[self.symbol]
        trade = replace(
            _leg(book, rules, side, margin, leverage, ""),
            stop_ticks=None if stop is None else inputs.to_price_ticks(stop, rules, "stop"),
            take_profit_ticks=None if take_profit is None else inputs.to_price_ticks(take_profit, rules, "take-profit"),
        )
        legs = [trade]
        if self.second is not None:
            other = book.symbols[symbol_name(book, self.second.symbol)]
            if other.margin_asset != rules.margin_asset:
                raise InputError(
                    f"second: {other.symbol} is margined in {other.margin_asset}, {rules.symbol} in "
                    f"{rules.margin_asset}: they share no pool"
                )
            legs.append(_leg(book, other, self.second.side, self.second.margin, self.second.leverage, "second "))
        plan = Plan(
            rulebook=book,
            symbols=tuple(leg.symbol for leg in legs),
            asset=rules.margin_asset,
            wallet_e8=inputs.to_money_e8(wallet, "wallet"),
            fund_e8=_fund_e8(fund),
            legs=tuple(legs),
        )
        names = list(_modes(plan))
        sized: list[Leg] = []
        for leg in legs:
            try:
                sized.append(replace(leg, lots=size(plan, leg, self.feeds[0])))
            except RefusedError as error:
                return self._refused(plan, names, leg, error)
        plan = replace(plan, legs=tuple(sized))
        share = _Shared(progress, 2 * len(names))
        modes, others = [], []
        for name, by_symbol in names:
            life = live(plan, self.feeds[0], by_symbol, is_watched=True, progress=share.next())
            modes.append(mode_result(name, plan, by_symbol, life, self.feeds[0].end_ms))
            others.append(self._other(plan, name, by_symbol, share))
        notes = _notes(plan, modes)
        if any(one.balance_e8 < 0 for mode in modes for one in mode.liquidations):
            bar_ms = next(one.last.interval_ms for one in self.history.series if one.symbol == self.symbol)
            notes.append(
                f"the mark jumped past a bankruptcy price between two of the four points of a {format_interval(bar_ms)} "
                "bar: finer bars would have liquidated nearer to it"
            )
        return self._result(plan, modes, [other for other in others if other is not None], notes)

    def _refused(
        self, plan: Plan, names: Sequence[tuple[str, dict[str, MarginMode]]], leg: Leg, error: RefusedError
    ) -> CompareResult:
        """No world could open a leg as told, whatever its mode."""
        feed = self.feeds[0]
        modes = [
            mode_result(name, plan, modes, refused(plan, feed, modes, Refusal(error.refusal), leg.symbol), feed.end_ms)
            for name, modes in names
        ]
        return self._result(plan, modes, [], [str(error)])

    def _result(
        self, plan: Plan, modes: Sequence[ModeResult], others: Sequence[OtherOrder], notes: Sequence[str]
    ) -> CompareResult:
        return CompareResult(
            rulebook=self.rulebook,
            rules=self.rulebook.symbols[self.symbol],
            plan=plan,
            history_name=self.history_name,
            start_ms=self.history.start_ms,
            end_ms=self.history.end_ms,
            entry_ms=self.feeds[0].time_ms,
            order=self.order,
            mark_source=self.history.mark_source,
            modes=tuple(modes),
            other_order=tuple(others),
            notes=(*self.notes, *notes),
            decisions=tuple(name for name in _ACCOUNT_COLUMNS if name in self.rulebook.decisions),
        )

    def _other(self, plan: Plan, name: str, modes: dict[str, MarginMode], share: _Shared) -> OtherOrder | None:
        """The same world with the low and the high of every bar the other way round."""
        feed = self.feeds[1]
        try:
            life: Life = live(plan, feed, modes, is_watched=False, progress=share.next())
        except InputError:  # the entry's own bar does not change with the order, so what is wrong was said already
            return None
        told = mode_result(name, plan, modes, life, feed.end_ms)
        return OtherOrder(name, told.ending, told.ended_ms, told.wallet_after_e8)


class _Shared:
    """One progress over several replays."""

    def __init__(self, progress: Progress | None, count: int) -> None:
        self._progress, self._count, self._started = progress, count, -1

    def next(self) -> Progress | None:
        self._started += 1
        before, report = self._started, self._progress
        if report is None:
            return None
        return lambda done, total: report(before * total + done, self._count * total)


_NOTHING_TOLD: dict[str, Any] = dict.fromkeys(
    ("symbol", "second", "history", "last", "mark", "funding", "start", "end", "enter")
) | {"order": "pessimistic", "rulebook": DEFAULT_RULEBOOK, "stretches": STRETCHES}


def _prepare(
    *,
    symbol: str | None,
    second: Second | str | None,
    history: HistoryLike | None,
    last: str | Path | Frame | None,
    mark: str | Path | Frame | None,
    funding: str | Path | Frame | None,
    start: Moment | None,
    end: Moment | None,
    enter: Moment | None,
    order: BarOrder,
    rulebook: str | Path | Rulebook,
    stretches: int,
) -> _Prepared:
    if order not in ("pessimistic", "other"):
        raise InputError(f"order: {order!r} is neither pessimistic nor other")
    if stretches < 1:
        raise InputError(f"stretches: {stretches} is not above 0")
    book = inputs.to_rulebook(rulebook)
    reasons = why_not_runnable(book)
    if reasons:
        raise InputError(f"rulebook: {book.name} cannot run here: {'; '.join(reasons)}")
    other = Second.parse(second) if isinstance(second, str) else second
    second_symbol = None if other is None else symbol_name(book, other.symbol)
    found, trade_symbol, name = choose_history(
        book,
        symbol=None if symbol is None else symbol_name(book, symbol),
        second_symbol=second_symbol,
        history=history,
        last=last,
        mark=mark,
        funding=funding,
        start=start,
        end=end,
    )
    if second_symbol == trade_symbol:
        raise InputError(f"second: {second_symbol} is the trade's own contract; expected another one")
    book, notes = with_rules_for(book, found)
    enter_ms = None if enter is None else to_time_ms(enter, "enter")
    dtype = Exchange(book, [trade_symbol]).pack([(CommandKind.ADVANCE_CLOCK, {})]).dtype
    symbols = (trade_symbol,) if second_symbol is None else (trade_symbol, second_symbol)
    orders: tuple[BarOrder, BarOrder] = (order, "other" if order == "pessimistic" else "pessimistic")
    return _Prepared(
        rulebook=book,
        history=found,
        history_name=name,
        symbol=trade_symbol,
        second=other,
        feeds=(
            Feed(found, orders[0], enter_ms, symbols, dtype, stretches),
            Feed(found, orders[1], enter_ms, symbols, dtype, stretches),
        ),
        order=order,
        notes=(*found.notes, *notes),
    )


def _leg(book: Rulebook, rules: SymbolRules, side: str, margin: Amount, leverage: Amount, which: str) -> Leg:
    return Leg(
        symbol=rules.symbol,
        is_long=inputs.to_is_long(side, f"{which}side"),
        leverage=inputs.to_leverage(leverage, book, rules, f"{which}leverage"),
        margin_e8=inputs.to_money_e8(margin, f"{which}margin"),
    )


def _fund_e8(fund: Amount) -> int:
    return inputs.to_money_e8(fund, "fund", is_zero_allowed=True)


def _modes(plan: Plan) -> Iterator[tuple[str, dict[str, MarginMode]]]:
    """The worlds: every position isolated, every position cross, and with a second one the trade alone isolated."""
    symbols = [leg.symbol for leg in plan.legs]
    yield "isolated", dict.fromkeys(symbols, MarginMode.ISOLATED)
    yield "cross", dict.fromkeys(symbols, MarginMode.CROSS)
    if len(symbols) > 1:
        yield "hybrid", {symbols[0]: MarginMode.ISOLATED, symbols[1]: MarginMode.CROSS}


def _notes(plan: Plan, modes: Sequence[ModeResult]) -> list[str]:
    """What a reader must know about these worlds beside their numbers, one sentence each."""
    notes = []
    ended = [mode.name for mode in modes if mode.ending == "end_of_history"]
    if ended:
        notes.append(f"{', '.join(ended)}: still open at the end of the history, closed there at market")
    stop_ticks = plan.legs[0].stop_ticks
    for mode in modes:
        if stop_ticks is not None and mode.liquidation_e8 is not None:
            rules = plan.rulebook.symbols[plan.legs[0].symbol]
            stop_e8 = stop_ticks * rules.tick_e8
            if stop_e8 <= mode.liquidation_e8 if plan.legs[0].is_long else stop_e8 >= mode.liquidation_e8:
                notes.append(
                    f"{mode.name}: the stop, {format_e8(stop_e8)}, lies beyond the liquidation price at entry, "
                    f"{price_text(mode.liquidation_e8, rules.tick_e8)}: it protects nothing there"
                )
        for symbol, lots in mode.open_lots_after.items():
            quantity = format_e8(abs(lots) * plan.rulebook.symbols[symbol].step_e8)
            notes.append(f"{mode.name}: {quantity} {symbol} found no buyer at the end; wallet after is its equity")
        if mode.unfilled_lots:
            notes.append(f"{mode.name}: {mode.unfilled_lots} lots of the entry order were not filled")
    taken = [mode.name for mode in modes if mode.is_second_liquidated]
    if taken:
        notes.append(f"{', '.join(taken)}: a liquidation also took from {plan.legs[1].symbol}")
    return notes
