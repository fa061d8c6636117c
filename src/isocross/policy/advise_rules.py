"""Advise rules: the ordered table that chooses the margin mode. The first rule that decides is the answer.

Responsible for: RULES, a row of data and one function each, and `decide`.
Must not: compute a margin; know how an answer looks.

Isolated is the answer unless a named reason for cross holds, and there are two: legs that pay for one another, and a
core position that is watched and small for its pool. That cross is liquidated later is no reason: what it lives on
then is the rest of the wallet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..codes import MarginMode
from ..units import ONE_E8, format_e8, format_money
from .advise_facts import Conviction, Facts, Legs, Purpose
from .advise_fit import Fit, HeldBy, Limits, NoFit, fit_cross, fit_isolated
from .pool import PoolPosition

ISOLATED, CROSS = MarginMode.ISOLATED, MarginMode.CROSS


class Verdict(NamedTuple):
    """What a rule says of a trade."""

    is_deciding: bool
    sentence: str  # what it saw, in the reader's terms
    fit: Fit | NoFit | None = None  # of a cross rule: what it found room for


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what it looks at, the mode it stands for, the limits of a trade under it, and why."""

    name: str
    mode: MarginMode
    limits: Limits
    decides_when: str
    why: str
    judge: Callable[[Facts], Verdict]


class Step(NamedTuple):
    """A rule that was asked, and what it said."""

    rule: Rule
    verdict: Verdict


def decide(facts: Facts) -> tuple[Step, ...]:
    """Ask the rules in order; the last step is the one that decides."""
    steps = []
    for rule in RULES:
        steps.append(Step(rule, rule.judge(facts)))
        if steps[-1].verdict.is_deciding:
            return tuple(steps)
    raise AssertionError("the last rule always decides")


def fit_of(facts: Facts, step: Step) -> Fit | NoFit:
    """Leverage and quantity under the rule that decided."""
    return fit_isolated(facts, step.rule.limits) if step.verdict.fit is None else step.verdict.fit


# ---- one function per rule, in the order of the table


def new_to_perps(facts: Facts) -> Verdict:
    if facts.answers.is_new:
        return _decides("you are new to perpetuals")
    return _passes("you are not new to perpetuals")


def hedge_kept_apart(facts: Facts) -> Verdict:
    if facts.answers.legs is Legs.APART:
        return _decides("this is a hedge, and it has to outlive the book that it hedges")
    return _passes("this is no hedge that has to outlive a book")


def offsetting_legs(facts: Facts) -> Verdict:
    if facts.answers.legs is not Legs.TOGETHER:
        return _passes("this is no leg that is to back another")
    side = "short" if facts.plan.is_long else "long"
    if not facts.opposite:
        return _passes(f"legs that back each other need a {side} in the pool, and there is none")
    held_by = HeldBy.OFFSET if facts.offset_lots < facts.risk_lots else HeldBy.RISK
    fit = fit_cross(facts, _OFFSETTING, facts.offset_lots, held_by)
    if isinstance(fit, NoFit):
        return _passes(f"the legs could back each other, but {fit.reason}")
    return _decides(
        f"it offsets {_named(facts.opposite)}, worth {format_money(facts.opposite_notional_e8)}, and is no larger; "
        f"the pool holds {_pool_leverage(facts, fit)} its balance, at most {_OFFSETTING.leverage_max} times",
        fit,
    )


def several_strategies(facts: Facts) -> Verdict:
    if facts.answers.has_several_strategies:
        return _decides("several strategies run at once")
    return _passes("no other strategy runs in this account")


def speculation(facts: Facts) -> Verdict:
    if facts.answers.purpose is Purpose.SPECULATION:
        return _decides("this is a speculation")
    return _passes("this is no speculation")


def not_watched(facts: Facts) -> Verdict:
    if facts.answers.is_watched is False:
        return _decides("nobody watches it")
    return _passes("it is watched" if facts.answers.is_watched else "nothing was said of who watches it")


def low_conviction(facts: Facts) -> Verdict:
    conviction = facts.answers.conviction
    if conviction is Conviction.LOW:
        return _decides("your conviction is low")
    if conviction is Conviction.HIGH:
        return _passes("your conviction is high, which moves no price and is no reason for cross")
    return _passes("your conviction is not low")


def same_side_in_the_pool(facts: Facts) -> Verdict:
    if facts.same_side:
        side = "long" if facts.plan.is_long else "short"
        return _decides(f"the pool is {side} already: {_named(facts.same_side)}")
    return _passes("the pool holds nothing on the same side")


def watched_core(facts: Facts) -> Verdict:
    answers = facts.answers
    if answers.purpose is not Purpose.CORE or not answers.is_watched:
        return _passes("this is no core position that somebody watches")
    fit = fit_cross(facts, _CORE, facts.risk_lots, HeldBy.RISK)
    if isinstance(fit, NoFit):
        return _passes(f"a watched core position, but {fit.reason}")
    return _decides(
        f"a core position that is watched, and the pool holds {_pool_leverage(facts, fit)} its balance, "
        f"at most {_CORE.leverage_max} times",
        fit,
    )


def no_reason_for_cross(facts: Facts) -> Verdict:
    return _decides("no reason for cross was found")


# ---- the table

_OFFSETTING = Limits(leverage_max=5, cushion_e8=ONE_E8, is_within_other_side=True)
_CORE = Limits(leverage_max=3, cushion_e8=ONE_E8)

RULES: tuple[Rule, ...] = (
    Rule(
        name="new-to-perps",
        mode=ISOLATED,
        limits=Limits(leverage_max=3, cushion_e8=ONE_E8),
        decides_when="you are new to perpetuals",
        why="Isolated keeps a mistake to the margin of one trade, and that margin is on the screen before you send it.",
        judge=new_to_perps,
    ),
    Rule(
        name="hedge-kept-apart",
        mode=ISOLATED,
        limits=Limits(leverage_max=5, cushion_e8=ONE_E8),
        decides_when="the trade is a hedge that has to outlive the book it hedges",
        why="In the book's own pool the hedge would be liquidated with the book, on the day it is meant for. "
        "Isolated it stays open whatever becomes of the pool.",
        judge=hedge_kept_apart,
    ),
    Rule(
        name="offsetting-legs",
        mode=CROSS,
        limits=_OFFSETTING,
        decides_when="the legs are to back one another, the pool holds the other side, and it stays small for the pool",
        why="Only in one pool does the profit of one leg pay for the loss of the other. Isolated, the losing leg can be "
        "liquidated while the pair as a whole has lost nothing, and the other one is then left alone.",
        judge=offsetting_legs,
    ),
    Rule(
        name="several-strategies",
        mode=ISOLATED,
        limits=Limits(leverage_max=10, cushion_e8=ONE_E8 // 2),
        decides_when="several strategies run at once",
        why="In one pool several strategies are one bet: the worst of them takes the others with it, and nobody can tell "
        "which one used the wallet.",
        judge=several_strategies,
    ),
    Rule(
        name="speculation",
        mode=ISOLATED,
        limits=Limits(leverage_max=10, cushion_e8=ONE_E8 // 2),
        decides_when="the trade is a speculation",
        why="The price of a speculation should be known when it is bought: isolated, that price is its margin.",
        judge=speculation,
    ),
    Rule(
        name="not-watched",
        mode=ISOLATED,
        limits=Limits(leverage_max=5, cushion_e8=ONE_E8),
        decides_when="nobody watches the trade",
        why="A cross position draws on the wallet for as long as nobody cuts it, and there is nobody.",
        judge=not_watched,
    ),
    Rule(
        name="low-conviction",
        mode=ISOLATED,
        limits=Limits(leverage_max=5, cushion_e8=ONE_E8 // 2),
        decides_when="your conviction is low",
        why="What you doubt should not have the whole wallet behind it.",
        judge=low_conviction,
    ),
    Rule(
        name="same-side-in-the-pool",
        mode=ISOLATED,
        limits=Limits(leverage_max=10, cushion_e8=ONE_E8 // 2),
        decides_when="the pool holds a position on the same side",
        why="One move would hit both positions, and one wallet would have to bear both.",
        judge=same_side_in_the_pool,
    ),
    Rule(
        name="watched-core",
        mode=CROSS,
        limits=_CORE,
        decides_when="a core position that is watched and adjusted, and the pool stays small for its balance",
        why="A core position is managed together with the whole account, and somebody is there to cut it or to adjust it. "
        "The reason ends where the pool grows large for its balance.",
        judge=watched_core,
    ),
    Rule(
        name="no-reason-for-cross",
        mode=ISOLATED,
        limits=Limits(leverage_max=10, cushion_e8=ONE_E8 // 2),
        decides_when="no rule before this one has decided",
        why="Isolated is the default here: the most that can be lost is set before the trade, not by it.",
        judge=no_reason_for_cross,
    ),
)
assert len({rule.name for rule in RULES}) == len(RULES)


def _decides(sentence: str, fit: Fit | None = None) -> Verdict:
    return Verdict(True, sentence, fit)


def _passes(sentence: str) -> Verdict:
    return Verdict(False, sentence)


def _named(positions: tuple[PoolPosition, ...]) -> str:
    return ", ".join(f"{one.rules.symbol} {one.side} {format_e8(one.quantity_e8)}" for one in positions)


def _pool_leverage(facts: Facts, fit: Fit) -> str:
    leverage_e8 = facts.pool_leverage_e8(fit.lots)
    assert leverage_e8 is not None
    return f"{format_money(leverage_e8)} times"
