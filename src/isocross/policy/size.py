"""Size: how large a trade may be for what it may lose, and what it takes to outlive a move, in both margin modes.

Responsible for: the public function; the largest whole lots within budget, wallet and bracket; whether the stop comes
before the liquidation. Must not: contain a formula, print. Every answer is tried in the engine (trial.py) before it is
handed back: it holds, and one lot, leverage or unit further does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..codes import MarginMode, Refusal
from ..errors import AmountError, InputError
from ..rulebook.model import Rulebook
from ..units import ONE_E8, Amount, format_e8
from . import inputs, outlive
from .inputs import DEFAULT_RULEBOOK
from .plan import Plan, with_own_fee
from .plan_inputs import to_budget_e8, to_plan
from .pool import PoolPosition
from .size_result import Limit, Outlive, SizeColumn, SizeResult, StopOrder, Tried, What
from .sizing import is_within_brackets, most_lots, notional_cap_e8
from .trial import PLENTY_E8, Fate, Trial

_REFUSALS = {  # of an asked size; its bracket is checked before
    Limit.WALLET: Refusal.MARGIN_INSUFFICIENT,
    Limit.LARGEST: Refusal.ACCOUNT_TOO_LARGE,
}


def size(
    symbol: str,
    side: str,
    *,
    entry: Amount,
    stop: Amount | None = None,
    risk: Amount | None = None,
    qty: Amount | None = None,
    survive: Amount | None = None,
    mark: Amount | None = None,
    leverage: Amount | None = None,
    wallet: Amount | None = None,
    position: Sequence[str] = (),
    taker: bool = True,
    fee: Amount | None = None,
    rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
    mode: str | MarginMode | None = None,
) -> SizeResult:
    """The largest size for a risk budget, and the margin, leverage and balance that outlive a move.

    Takes    symbol: BTCUSDT or BTC/USDT:USDT. side: long or short. entry: the expected fill. The size: risk, what may be
             lost at the stop, fees included, as money or as a share of the wallet ('1%'); or qty. survive: a move against
             the position, '15%'. mark: at the fill, the entry unless said. leverage: the rulebook's default. wallet: the
             cross wallet before the trade; without it only a cross position's needs are told. position: the pool's other
             cross positions, 'ETHUSDT short 2 @ 3000 mark 2900 10x'. taker: False pays the maker fee at entry; the stop
             always pays the taker's. fee: a rate of your own for both. mode: cross, isolated or both.
    Returns  SizeResult; money and prices × 10^8, `to_dict()` in exact decimal text.
    Errors   InputError and its subclasses: one line that names the thing, the value and what was expected.
    """
    book = inputs.to_rulebook(rulebook)
    rules = inputs.to_rules(book, symbol)
    if fee is not None:
        rules = with_own_fee(rules, inputs.to_fee_rate_e8(fee))
    plan = to_plan(book, rules, inputs.to_is_long(side), entry, stop, mark, leverage, wallet, position, taker)
    modes = inputs.to_modes(mode)
    budget_e8 = None if risk is None else to_budget_e8(risk, plan.wallet_e8)
    if (budget_e8 is None) == (qty is None):
        raise InputError("risk: say exactly one of --risk (what may be lost at --stop) and --qty (base units)")
    if budget_e8 is not None and stop is None:
        raise InputError("stop: missing; --risk is what may be lost at --stop PRICE")
    if stop is None and survive is None:
        raise InputError("survive: say --stop, --survive or both: what shall this size meet?")
    asked = None
    if qty is not None:
        asked = inputs.to_lots(qty, rules)
        said = " (the rulebook's default)" if leverage is None else ""
        inputs.check_bracket(rules, plan.notional_e8(asked, plan.mark_e8), plan.leverage, said)
    rate_e8 = None if survive is None else inputs.to_move_e8(survive)
    until_e8 = None if rate_e8 is None else _until_e8(plan, rate_e8)
    columns = {one: _Sizer(plan, one, budget_e8, asked).column(until_e8) for one in modes}
    return SizeResult(
        rulebook=book,
        rules=rules,
        is_long=plan.is_long,
        entry_e8=plan.price_ticks * rules.tick_e8,
        mark_e8=plan.mark_e8,
        stop_e8=None if plan.stop_ticks is None else plan.stop_ticks * rules.tick_e8,
        leverage=plan.leverage,
        budget_e8=budget_e8,
        wallet_e8=plan.wallet_e8,
        entry_fee_rate_e8=plan.entry_fee_rate_e8,
        exit_fee_rate_e8=rules.taker_fee_rate_e8,
        others=plan.others,
        survive_rate_e8=rate_e8,
        isolated=columns.get(MarginMode.ISOLATED),
        cross=columns.get(MarginMode.CROSS),
        notes=_notes(plan, position, max(column.lots for column in columns.values())),
        decisions=_decisions(plan, fee is not None, leverage is None),
    )


# ---- the question


def _until_e8(plan: Plan, rate_e8: int) -> int:
    """The mark after the move, rounded away from the start."""
    move_e8 = -(-plan.mark_e8 * rate_e8 // ONE_E8)
    until_e8 = plan.mark_e8 - move_e8 if plan.is_long else plan.mark_e8 + move_e8
    low_e8, high_e8 = plan.rules.price_min_e8, plan.rules.price_max_e8
    if not low_e8 <= until_e8 <= high_e8:
        if not plan.is_long:
            most = f"{plan.rules.symbol} trades up to {format_e8(high_e8)}"
        elif plan.rules.is_inverse:
            most = f"{plan.rules.symbol} trades down to {format_e8(low_e8)}"
        else:
            most = "a long can fall by less than 100 %"
        raise AmountError(f"survive: {format_e8(rate_e8 * 100)} % from {format_e8(plan.mark_e8)} is out of range, {most}")
    return until_e8


# ---- one mode


class _Sizer:
    """The answer in one margin mode."""

    def __init__(self, plan: Plan, mode: MarginMode, budget_e8: int | None, asked: int | None) -> None:
        self._plan, self._mode, self._budget_e8, self._asked = plan, mode, budget_e8, asked
        self._available_e8 = plan.available_e8(mode)
        self._is_backed = mode is MarginMode.ISOLATED or plan.wallet_e8 is not None
        self._wallet_e8 = PLENTY_E8 if plan.wallet_e8 is None else plan.wallet_e8

    def column(self, until_e8: int | None) -> SizeColumn:
        """Size, stop and survival."""
        plan, mode = self._plan, self._mode
        refusal, tried = Refusal.NONE, tuple[Tried, ...]()
        if self._asked is None:
            lots, limit, reason, tried = self._largest()
        else:
            lots, limit = self._asked, Limit.ASKED
            refusal, reason = self._refusal(lots)
        lives = self._opened(lots, refusal)
        stop = self._stop(lots, lives) if plan.stop_ticks is not None else None
        stop_outlive = survive = None
        if stop in (StopOrder.BEYOND_LIQUIDATION, StopOrder.UNKNOWN):
            assert plan.stop_ticks is not None
            stop_outlive = self._outlive(lots, plan.stop_ticks * plan.rules.tick_e8)
        if until_e8 is not None and lots >= plan.lots_min:
            survive = self._outlive(lots, until_e8)
        cost = plan.cost(lots)
        due_e8 = lives.liquidation_e8 if lives is not None else None
        return SizeColumn(
            mode=mode,
            lots=lots,
            limit=limit,
            reason=reason,
            notional_e8=plan.notional_e8(lots, plan.mark_e8),
            initial_margin_e8=cost.initial_margin_e8,
            isolated_margin_e8=cost.transfer_e8 if mode is MarginMode.ISOLATED else None,
            entry_fee_e8=cost.fee_e8,
            exit_fee_e8=None if plan.stop_ticks is None else plan.exit_fee_e8(lots, plan.stop_ticks),
            loss_e8=None if plan.stop_ticks is None else plan.loss_e8(lots),
            liquidation_e8=due_e8,
            liquidation_reason=self._no_price(lots, refusal) if due_e8 is None else "",
            stop=stop,
            refusal=refusal,
            stop_outlive=stop_outlive,
            survive=survive,
            is_surviving=None if until_e8 is None or lives is None else self._is_surviving(lots, until_e8),
            tried=tried,
        )

    def _trial(self, lots: int, until_e8: int | None = None, stop_ticks: int | None = None) -> Trial:
        return self._plan.stage.trial(
            lots, self._plan.leverage, self._mode, self._wallet_e8, until_e8=until_e8, stop_ticks=stop_ticks
        )

    def _opened(self, lots: int, refusal: Refusal) -> Trial | None:
        """The position with its stop, lived by the engine; None where it cannot be opened or nobody said what backs it."""
        if not lots or not self._is_backed:
            return None
        trial = self._trial(lots, stop_ticks=self._plan.stop_ticks)
        assert trial.refusal is refusal
        if refusal is not Refusal.NONE:
            return None
        if self._mode is MarginMode.ISOLATED:
            backing_e8 = self._plan.cost(lots).transfer_e8
        else:
            backing_e8 = self._plan.cross_backing_e8(lots, self._wallet_e8)
        assert trial.liquidation_e8 == self._plan.liquidation_e8(lots, backing_e8)
        return trial

    def _stop(self, lots: int, lives: Trial | None) -> StopOrder | None:
        """What comes first, as the engine lived it."""
        if lives is None:
            is_open_to_answer = lots >= self._plan.lots_min and not self._is_backed
            return StopOrder.UNKNOWN if is_open_to_answer else None
        if lives.fate is Fate.LIQUIDATED:
            return StopOrder.BEYOND_LIQUIDATION
        if lives.fate is Fate.STOP_UNFILLED:
            return StopOrder.NOT_FILLED
        assert (lives.fate, lives.loss_e8) == (Fate.STOPPED, self._plan.loss_e8(lots))
        return StopOrder.FIRST

    def _is_surviving(self, lots: int, until_e8: int) -> bool:
        return self._trial(lots, until_e8=until_e8).fate is Fate.LIVES

    def _outlive(self, lots: int, until_e8: int) -> Outlive:
        ask = outlive.isolated if self._mode is MarginMode.ISOLATED else outlive.cross
        return ask(self._plan, lots, until_e8)

    def _no_price(self, lots: int, refusal: Refusal) -> str:
        if not lots or refusal is not Refusal.NONE:
            return "it cannot be opened"
        if not self._is_backed:
            return "needs a wallet"
        return inputs.outlasts_text(self._plan.rules, self._plan.is_long)

    # ---- how large

    def _largest(self) -> tuple[int, Limit, str, tuple[Tried, ...]]:
        """The most lots, what stops the next one, and both lived by the engine."""
        plan = self._plan
        lots = most_lots(lambda count: count == 0 or self._limit(count) is None, plan.lots_max)
        if lots < plan.lots_min:
            lots, next_lots = 0, plan.lots_min
        else:
            next_lots = lots + 1
        limit = self._limit(next_lots)
        assert limit is not None, "what stops the least order stops every size"
        at = self._lot_trial(lots, limit) if lots else None
        further = self._lot_trial(next_lots, limit)
        if limit is Limit.RISK:
            assert self._budget_e8 is not None
            assert at is None or (at.fate is Fate.STOPPED and at.loss_e8 is not None and at.loss_e8 <= self._budget_e8)
            assert further.loss_e8 is None or further.loss_e8 > self._budget_e8
            assert further.fate in (Fate.STOPPED, Fate.REFUSED)
        else:
            assert at is None or at.fate is not Fate.REFUSED
            assert further.fate is Fate.REFUSED
        tried = Tried(self._mode, What.LOTS, lots, at, next_lots, further)
        return lots, limit, self._reason(next_lots, limit, is_least=lots == 0), (tried,)

    def _lot_trial(self, lots: int, limit: Limit) -> Trial:
        """A size against what limits it: the stop's loss is tried where nothing else can stop it."""
        plan = self._plan
        if limit is Limit.RISK:
            return plan.stage.trial(lots, 1, MarginMode.CROSS, PLENTY_E8, stop_ticks=plan.stop_ticks)
        return self._trial(lots)

    def _limit(self, lots: int) -> Limit | None:
        """What stops so many lots; None when nothing does. Each is monotone in the lots."""
        plan = self._plan
        if lots > plan.lots_max:
            return Limit.LARGEST
        if self._budget_e8 is not None and plan.loss_e8(lots) > self._budget_e8:
            return Limit.RISK
        if not is_within_brackets(plan.rules, plan.notional_e8(lots, plan.mark_e8), plan.leverage):
            return Limit.BRACKET
        if self._available_e8 is not None and plan.asked_e8(lots, self._mode) > self._available_e8:
            return Limit.WALLET
        return None

    def _refusal(self, lots: int) -> tuple[Refusal, str]:
        """What the engine answers to an asked size, and why."""
        if lots < self._plan.lots_min:
            least = self._quantity(self._plan.lots_min)
            return Refusal.NOTIONAL_TOO_SMALL, f"{self._quantity(lots)} is below the least order, {least}"
        limit = self._limit(lots)
        if limit is None:
            return Refusal.NONE, ""
        return _REFUSALS[limit], self._reason(lots, limit, is_least=False)

    def _quantity(self, lots: int) -> str:
        return f"{format_e8(lots * self._plan.rules.step_e8)} {self._plan.rules.quantity_asset}"

    def _reason(self, lots: int, limit: Limit, is_least: bool) -> str:
        """Why not so many lots."""
        plan = self._plan
        what = f"the least order, {self._quantity(lots)}," if is_least else self._quantity(lots)
        if limit is Limit.RISK:
            assert self._budget_e8 is not None
            return (
                f"{what} loses {format_e8(plan.loss_e8(lots))} at the stop, the budget is {format_e8(self._budget_e8)}"
            )
        if limit is Limit.WALLET:
            assert self._available_e8 is not None
            return (
                f"{what} asks for {format_e8(plan.asked_e8(lots, self._mode))}, the wallet may give "
                f"{format_e8(max(0, self._available_e8))}"
            )
        if limit is Limit.BRACKET:
            return (
                f"{what} is worth {format_e8(plan.notional_e8(lots, plan.mark_e8))}, {plan.leverage}x allows "
                f"{format_e8(notional_cap_e8(plan.rules, plan.leverage))}"
            )
        return f"no {plan.rules.symbol} position may be larger"


# ---- what must be known beside the numbers


def _notes(plan: Plan, said: Sequence[str], lots: int) -> tuple[str, ...]:
    notes = []
    most = plan.rules.order_lots_max if plan.is_maker else plan.rules.market_lots_max
    if lots > most:
        kind = "limit" if plan.is_maker else "market"
        notes.append(
            f"{-(-lots // most)} orders: one {kind} order has at most {format_e8(most * plan.rules.step_e8)} {plan.rules.quantity_asset}"
        )
    if plan.stop_ticks is not None:
        notes.append("the stop is taken to fill at its price; a gap fills worse, and funding comes on top")
    else:
        notes.append("funding is not counted")
    if plan.others and any(one != raw for one, raw in zip(plan.others, _as_said(plan, said), strict=True)):
        notes.append("position: an entry value finer than tick × step is rounded against you")
    if plan.rules.is_template:
        notes.append(f"{plan.rules.symbol}: rules made from a template, not from the venue's own row")
    notes.extend(plan.rules.notes)
    return tuple(notes)


def _as_said(plan: Plan, said: Sequence[str]) -> list[PoolPosition]:
    return [inputs.to_pool_position(text, plan.book) for text in said]


def _decisions(plan: Plan, is_fee_own: bool, is_leverage_default: bool) -> tuple[str, ...]:
    """The columns this answer rests on that the rulebook holds by decision, not by a source."""
    used = {"isolated_fill_basis", "fee_basis", "brackets", "tick", "step", "price_max", "min_notional"}
    if not is_fee_own:
        used |= {"taker_fee_rate"} | ({"maker_fee_rate"} if plan.is_maker else set())
    if is_leverage_default:
        used.add("default_leverage")
    return tuple(sorted(used & (plan.book.decisions | plan.rules.decisions)))
