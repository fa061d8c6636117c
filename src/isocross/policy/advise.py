"""Advise: a margin mode, a leverage and a quantity for a trade to come, and the rule that decided.

Responsible for: reading the caller's words into facts, asking the rules, checking what they allow against liq's own
answer and trying it in the engine. Must not: contain a formula, hold a rule (advise_rules.py), print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from ..codes import MarginMode, Refusal
from ..errors import InputError
from ..kernel import margin
from ..rulebook.model import Rulebook, SymbolRules
from ..units import ONE_E8, Amount, format_e8, format_money, format_rate
from . import inputs
from .advise_facts import Answers, Conviction, Facts, Legs, Purpose
from .advise_fit import Fit, Limits, NoFit, guard_e8, leverage_top
from .advise_result import Advice, AdviseResult, Constraint, Loss, ModeCase, Place
from .advise_rules import Step, decide, fit_of
from .inputs import DEFAULT_RULEBOOK
from .liq import liq
from .liq_result import LiqColumn, LiqResult
from .plan import with_own_fee
from .plan_inputs import to_budget_e8, to_plan
from .pool import PoolPosition
from .trial import Fate

DEFAULT_HOLD = "1d"
_LARGE_BUDGET_E8 = ONE_E8 // 20  # of the wallet
_HOURS_OF_INTEREST = 8  # the interest rate is said per 8 hours
_HOUR_MS = 3_600_000
_Word = TypeVar("_Word", bound=StrEnum)


def advise(
    symbol: str,
    side: str,
    *,
    entry: Amount,
    stop: Amount,
    risk: Amount,
    wallet: Amount,
    hold: str | None = None,
    mark: Amount | None = None,
    position: Sequence[str] = (),
    new: bool | None = None,
    watching: bool | None = None,
    conviction: str | None = None,
    several: bool | None = None,
    legs: str | None = None,
    purpose: str | None = None,
    taker: bool = True,
    fee: Amount | None = None,
    funding_rate: Amount | None = None,
    rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
) -> AdviseResult:
    """Margin mode, leverage and quantity for a trade, with the rule that decided and what the other mode could cost.

    Takes    symbol: BTCUSDT or BTC/USDT:USDT. side: long or short. entry: the expected fill. stop: where it is closed if
             it goes wrong. risk: the most it may lose there, both fees and funding included: money, or '1%' of the
             wallet. wallet: the cross wallet before the trade. hold: how long, '8h', '3d', '2w'; a day unless said.
             mark: entry unless said. position: the pool's other cross positions, 'ETHUSDT short 2 @ 3000 mark 2900 10x'.
             new: new to perpetuals? watching: is somebody there to cut or adjust it? conviction: low, medium, high.
             several: do several strategies run in this account? legs: none, together (this leg and the pool's other
             side are to pay for each other), apart (a hedge that has to outlive its book). purpose: core or speculation.
             taker: False pays the maker fee at entry; fee: a rate of your own for both. funding_rate: per settlement;
             the contract's resting rate unless said.
    Returns  AdviseResult; `is_negative` where no quantity keeps the limits of the rule.
    Errors   InputError and its subclasses: one line that names the thing, the value and what was expected.
    """
    book = inputs.to_rulebook(rulebook)
    rules = inputs.to_rules(book, symbol)
    if rules.is_inverse:
        raise InputError(
            f"contract: {rules.symbol} is INVERSE, margined in {rules.margin_asset}: advice is given for LINEAR contracts alone; "
            "liq, size, check, compare and a Sandbox answer it"
        )
    if fee is not None:
        rules = with_own_fee(rules, inputs.to_fee_rate_e8(fee))
    plan = to_plan(book, rules, inputs.to_is_long(side), entry, stop, mark, 1, wallet, position, taker)
    assert plan.wallet_e8 is not None
    budget_e8 = to_budget_e8(risk, plan.wallet_e8)
    if budget_e8 > plan.wallet_e8:
        raise InputError(f"risk: {risk} is more than the wallet, {wallet}")
    hold_ms = inputs.to_duration_ms(DEFAULT_HOLD if hold is None else hold, "hold")
    facts = Facts(
        plan=plan,
        answers=Answers(
            is_new=new,
            is_watched=watching,
            conviction=_to_word(conviction, Conviction, "conviction"),
            has_several_strategies=several,
            legs=_to_word(legs, Legs, "legs"),
            purpose=_to_word(purpose, Purpose, "purpose"),
        ),
        budget_e8=budget_e8,
        hold_ms=hold_ms,
        settlement_count=-(-hold_ms // (rules.funding_interval_hours * _HOUR_MS)),
        funding_rate_e8=_funding_rate_e8(funding_rate, rules),
    )
    steps = decide(facts)
    fit = fit_of(facts, steps[-1])
    advice: Advice | None = None
    decisions: tuple[str, ...] = ()
    if isinstance(fit, Fit):
        numbers = _liq_of(facts, fit, position, taker, fee)
        decisions = numbers.decisions
        advice = _advice(facts, steps[-1].rule.limits, fit, numbers)
        try_in_the_engine(facts, advice)
    return AdviseResult(
        facts=facts,
        steps=steps,
        advice=advice,
        reason=fit.reason if isinstance(fit, NoFit) else "",
        places=_places(facts, steps[-1], advice),
        assumed=_assumed(facts, hold, funding_rate),
        notes=_notes(facts, steps, advice),
        decisions=decisions,
    )


def try_in_the_engine(facts: Facts, advice: Advice) -> None:
    """Open it, let the stop trade: the engine accepts it, and it loses to the unit what was said, funding apart."""
    lived = facts.plan.stage.trial(
        advice.lots, advice.leverage, advice.mode, facts.wallet_e8, stop_ticks=facts.stop_ticks
    )
    assert lived.fate is Fate.STOPPED, lived
    assert lived.loss_e8 == advice.loss.total_e8 - advice.loss.funding_e8, lived


# ---- the caller's words


def _to_word(value: str | None, words: type[_Word], name: str) -> _Word | None:
    """One of the words, or None for nothing said."""
    if value is None:
        return None
    text = str(value).strip().lower()
    if text not in [word.value for word in words]:
        raise InputError(f"{name}: {value!r} is none of {', '.join(words)}")
    return words(text)


def _funding_rate_e8(said: Amount | None, rules: SymbolRules) -> int:
    """What was said per settlement, within the contract's cap; else the resting rate: interest alone, rounded up."""
    if said is None:
        return -(-rules.interest_rate_e8 * rules.funding_interval_hours // _HOURS_OF_INTEREST)
    rate_e8 = inputs.to_return_e8(said, "funding-rate")
    if not rules.funding_floor_rate_e8 <= rate_e8 <= rules.funding_cap_rate_e8:
        raise InputError(
            f"funding-rate: {said} is outside {format_e8(rules.funding_floor_rate_e8 * 100)} % … "
            f"{format_e8(rules.funding_cap_rate_e8 * 100)} %, the range of {rules.symbol} per settlement"
        )
    return rate_e8


def _assumed(facts: Facts, hold: str | None, funding_rate: Amount | None) -> tuple[str, ...]:
    """What was not said and is needed: what it was taken as."""
    told = []
    if hold is None:
        told.append(f"held for {DEFAULT_HOLD}")
    if funding_rate is None:
        told.append(f"funding at rest, {format_e8(facts.funding_rate_e8 * 100)} % a settlement")
    return tuple(told)


# ---- the numbers


def _liq_of(facts: Facts, fit: Fit, position: Sequence[str], taker: bool, fee: Amount | None) -> LiqResult:
    """What `liq` answers for the trade, in both modes."""
    plan = facts.plan
    return liq(
        plan.rules.symbol,
        "long" if plan.is_long else "short",
        qty=format_e8(fit.lots * plan.rules.step_e8),
        entry=format_e8(facts.entry_e8),
        mark=format_e8(plan.mark_e8),
        leverage=fit.leverage,
        wallet=format_e8(facts.wallet_e8),
        position=position,
        taker=taker,
        fee=fee,
        rulebook=plan.book,
    )


def _advice(facts: Facts, limits: Limits, fit: Fit, numbers: LiqResult) -> Advice:
    plan, lots = facts.plan, fit.lots
    assert numbers.isolated is not None
    assert numbers.cross is not None
    fees_e8 = plan.cost(lots).fee_e8 + plan.exit_fee_e8(lots, facts.stop_ticks)
    isolated = _case(facts, lots, numbers.isolated, numbers.isolated.transfer_e8)
    cross = _case(facts, lots, numbers.cross, plan.cross_backing_e8(lots, facts.wallet_e8))
    is_cross = fit.mode is MarginMode.CROSS
    advice = Advice(
        mode=fit.mode,
        leverage=fit.leverage,
        lots=lots,
        held_by=fit.held_by,
        isolated=isolated,
        cross=cross,
        loss=Loss(plan.loss_e8(lots) - fees_e8, fees_e8, facts.funding_e8(lots)),
        pool_leverage_e8=facts.pool_leverage_e8(lots if is_cross else 0),
        legs_gain_e8=_legs_gain_e8(facts, isolated) if is_cross and facts.opposite else None,
        constraints=_constraints(facts, limits, fit, cross if is_cross else isolated),
    )
    assert all(one.is_met for one in advice.constraints), [one.sentence for one in advice.constraints if not one.is_met]
    return advice


def _case(facts: Facts, lots: int, column: LiqColumn, backing_e8: int) -> ModeCase:
    """One mode: liq's column, the liquidation price once funding is paid, and the most that this trade can take."""
    plan, stop_e8 = facts.plan, facts.stop_e8
    after_e8 = plan.liquidation_e8(lots, backing_e8 - facts.funding_e8(lots))
    beyond_e8 = None
    if after_e8 is not None:
        way_e8 = stop_e8 - after_e8 if plan.is_long else after_e8 - stop_e8
        size_e8 = abs(way_e8) * ONE_E8 // stop_e8
        beyond_e8 = size_e8 if way_e8 >= 0 else -size_e8
    worst_e8 = 1 if plan.is_long else plan.rules.price_max_e8
    alone_e8 = plan.cost(lots).fee_e8 - plan.unrealized_pnl_e8(lots, worst_e8)
    return ModeCase(column, after_e8, beyond_e8, min(column.most_lost_e8, alone_e8))


def _legs_gain_e8(facts: Facts, isolated: ModeCase) -> int | None:
    """What the other side earns while this side falls to its isolated liquidation price, all marks moving alike."""
    price_e8 = isolated.column.liquidation.price_e8
    if price_e8 is None:
        return None
    gain_e8 = 0
    for other in facts.opposite:
        rules = other.rules
        moved_e8 = max(1, min(other.mark_e8 * price_e8 // facts.plan.mark_e8, rules.price_max_e8))
        then_e8 = margin.unrealized_pnl_e8(
            rules.contract_kind, other.lots, rules.step_e8, other.entry_cost_e8, moved_e8
        )
        gain_e8 += int(then_e8) - other.unrealized_pnl_e8
    return gain_e8


def _constraints(facts: Facts, limits: Limits, fit: Fit, case: ModeCase) -> tuple[Constraint, ...]:
    """Every promise of the advice, asked again of the numbers that are shown."""
    plan, column = facts.plan, case.column
    loss_e8, guard = facts.loss_e8(fit.lots), guard_e8(facts, limits)
    asked_e8, available_e8 = _asked(facts, fit)
    due = "nowhere" if case.after_funding_e8 is None else f"at {format_e8(case.after_funding_e8)}"
    top = leverage_top(facts, limits)
    told = [
        Constraint(
            "loss",
            f"the loss at the stop, fees and funding included, is {format_e8(loss_e8)}, at most {format_e8(facts.budget_e8)}",
            loss_e8 <= facts.budget_e8,
        ),
        Constraint(
            "stop",
            f"the stop at {format_e8(facts.stop_e8)} trades first: once funding is paid, liquidation is {due}, "
            f"and has to be beyond {format_e8(guard)}",
            not plan.is_reached(case.after_funding_e8, guard),
        ),
        Constraint(
            "wallet",
            f"opening asks for {format_e8(asked_e8)}, margin and fee, at most {format_e8(available_e8)} is available",
            asked_e8 <= available_e8 and column.refusal is Refusal.NONE and not column.is_due,
        ),
        Constraint("leverage", f"the leverage setting is {fit.leverage}x, at most {top}x", 1 <= fit.leverage <= top),
        Constraint(
            "least order",
            f"the order is worth {format_e8(plan.cost(fit.lots).fill_value_e8)}, at least {format_e8(plan.rules.min_notional_e8)}",
            plan.cost(fit.lots).fill_value_e8 >= plan.rules.min_notional_e8,
        ),
    ]
    if fit.mode is MarginMode.CROSS:
        pool_e8 = facts.pool_leverage_e8(fit.lots)
        told.append(
            Constraint(
                "pool",
                f"the pool holds {'no balance' if pool_e8 is None else format_e8(pool_e8)} times its balance, "
                f"at most {limits.leverage_max} times",
                pool_e8 is not None and pool_e8 <= limits.leverage_max * ONE_E8,
            )
        )
    if limits.is_within_other_side:
        notional_e8 = plan.notional_e8(fit.lots, plan.mark_e8)
        told.append(
            Constraint(
                "other side",
                f"the trade is worth {format_e8(notional_e8)} at mark, the other side {format_e8(facts.opposite_notional_e8)}",
                notional_e8 <= facts.opposite_notional_e8,
            )
        )
    return tuple(told)


def _asked(facts: Facts, fit: Fit) -> tuple[int, int]:
    """What opening asks for, and what there is."""
    plan = replace(facts.plan, leverage=fit.leverage)
    available_e8 = plan.available_e8(fit.mode)
    assert available_e8 is not None
    return plan.asked_e8(fit.lots, fit.mode), available_e8


# ---- what goes where


def _places(facts: Facts, step: Step, advice: Advice | None) -> tuple[Place, ...]:
    """This trade, each other position, and the rest of the wallet."""
    mode, rules = step.rule.mode, facts.plan.rules
    asset = rules.margin_asset
    trade = f"{rules.symbol} {'long' if facts.plan.is_long else 'short'}"
    places = []
    if mode is MarginMode.ISOLATED:
        own = "" if advice is None else f", with {format_money(advice.advised.margin_e8)} {asset} of its own"
        places.append(Place(trade, mode, f"isolated{own}"))
    else:
        places.append(Place(trade, mode, "in the cross pool"))
    places += [_place_of(other, mode, facts) for other in facts.plan.others]
    if advice is not None:
        gone_e8 = facts.plan.cost(advice.lots).fee_e8
        if mode is MarginMode.ISOLATED:
            rest_e8 = facts.wallet_e8 - gone_e8 - advice.advised.margin_e8
            reach = "out of this trade's reach" + ("; it backs the pool" if facts.plan.others else "")
        else:
            rest_e8, reach = facts.wallet_e8 - gone_e8, "all of it backs the pool, this trade included"
        places.append(Place("the rest of the wallet", MarginMode.CROSS, f"{format_money(rest_e8)} {asset}, {reach}"))
    return tuple(places)


def _place_of(other: PoolPosition, mode: MarginMode, facts: Facts) -> Place:
    """Where another position of the pool stays: its mode cannot change while it is open."""
    what = f"{other.rules.symbol} {other.side} {format_e8(other.quantity_e8)}"
    if mode is MarginMode.ISOLATED:
        book = " with the book that this trade hedges" if facts.answers.legs is Legs.APART else ""
        return Place(what, MarginMode.CROSS, f"stays in the cross pool{book}")
    if other in facts.opposite and facts.answers.legs is Legs.TOGETHER:
        return Place(what, MarginMode.CROSS, "the other leg, in the same pool")
    return Place(
        what,
        MarginMode.CROSS,
        "in the pool, and backed by the same wallet; if it is not a part of this, it belongs isolated, "
        "which can be set once it is closed",
    )


def _notes(facts: Facts, steps: Sequence[Step], advice: Advice | None) -> tuple[str, ...]:
    """What a reader must know beside the numbers."""
    rules = facts.plan.rules
    notes = []
    asked_for = {
        "offsetting-legs": facts.answers.legs is Legs.TOGETHER,
        "watched-core": facts.answers.purpose is Purpose.CORE,
    }
    notes += [
        f"not {step.rule.name}: {step.verdict.sentence}"
        for step in steps
        if asked_for.get(step.rule.name) and not step.verdict.is_deciding
    ]
    if facts.answers.has_several_strategies and steps[-1].rule.mode is MarginMode.ISOLATED:
        notes.append("several strategies: each of them isolated; only a watched core position belongs in the pool")
    if facts.budget_e8 * ONE_E8 >= _LARGE_BUDGET_E8 * facts.wallet_e8:
        left_e8 = facts.wallet_e8
        for _ in range(5):
            left_e8 -= left_e8 * facts.budget_e8 // facts.wallet_e8
        notes.append(
            f"the risk budget is {format_rate(facts.budget_e8 * ONE_E8 // facts.wallet_e8, 0)} of the wallet: five such "
            f"losses in a row leave {format_money(left_e8)} of {format_money(facts.wallet_e8)}"
        )
    if advice is not None and facts.settlement_count and not advice.loss.funding_e8 and facts.funding_rate_e8:
        notes.append("funding is received on this side at this rate, and not counted on")
    if advice is not None:
        notes.append(
            "the stop is taken to trade at its price; a gap can carry it further, up to what the mode can cost"
        )
    if rules.is_template:
        notes.append(f"{rules.symbol}: rules made from a template, not from the venue's own row")
    notes.extend(rules.notes)
    return tuple(notes)
