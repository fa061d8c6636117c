"""Advise text: the words of an advice: heading, table, why, what the other mode could cost, the working.

Responsible for: text for people. Must not: choose, compute a margin, print, know the terminal.
"""

from __future__ import annotations

from dataclasses import replace
from textwrap import fill

from ..answer import Shown, Table
from ..answer.words import duration_text, money_text, percent_text, price_text
from ..codes import MarginMode, Refusal
from ..units import format_e8
from .advise_fit import HeldBy, guard_e8
from .advise_result import Advice, AdviseResult
from .advise_rules import RULES


def shown(result: AdviseResult) -> Shown:
    """What people see of it."""
    tables = [] if result.advice is None else [Table(("", *headings(result)), rows(result))]
    told = (*(f"{place.what}: {place.sentence}" for place in result.places), *notes(result))
    return Shown(title(result), tables, " ".join(sentences(result)), told)


def title(result: AdviseResult) -> str:
    """'BTCUSDT long: isolated, 8x, 0.046 BTC, margin 345.00'."""
    rules = result.facts.plan.rules
    trade = f"{rules.symbol} {result.side}: {_name(result.mode)}"
    if result.advice is None or result.quantity_e8 is None:
        return f"{trade}, and no quantity fits"
    margin = money_text(result.margin_e8)
    return f"{trade}, {result.leverage}x, {format_e8(result.quantity_e8)} {rules.quantity_asset}, margin {margin}"


def headings(result: AdviseResult) -> list[str]:
    """One per column; the advised mode says so."""
    return [f"{_name(mode)}{', advised' if mode is result.mode else ''}" for mode in _MODES]


def rows(result: AdviseResult) -> list[list[str]]:
    """The table: a label and a cell per mode."""
    advice, facts = result.advice, result.facts
    assert advice is not None
    tick_e8, cases, loss = facts.plan.rules.tick_e8, (advice.isolated, advice.cross), advice.loss
    table = [
        ["Margin", *(money_text(case.margin_e8) for case in cases)],
        ["Liquidation price", *(price_text(case.column.liquidation.price_e8, tick_e8) for case in cases)],
    ]
    if loss.funding_e8:
        table.append(["  after the funding", *(price_text(case.after_funding_e8, tick_e8) for case in cases)])
    table += [
        ["  beyond the stop", *(percent_text(case.beyond_stop_e8, none="") for case in cases)],
        ["Loss at the stop", *(money_text(loss.total_e8) for _ in cases)],
        ["  price move", *(money_text(loss.price_e8) for _ in cases)],
        ["  entry and exit fee", *(money_text(loss.fees_e8) for _ in cases)],
    ]
    if loss.funding_e8:
        times = "once" if facts.settlement_count == 1 else f"{facts.settlement_count} times"
        table.append([f"  funding, {times}", *(money_text(loss.funding_e8) for _ in cases)])
    return [*table, ["Most it could cost", *(money_text(case.could_cost_e8) for case in cases)]]


def sentences(result: AdviseResult) -> list[str]:
    """Why this mode; what the other one could cost; what holds the quantity."""
    told = [why(result)]
    if result.advice is None:
        return [*told, f"No quantity fits: {result.reason}."]
    return [*told, other_mode(result, result.advice), held(result, result.advice)]


def why(result: AdviseResult) -> str:
    """The rule that decided, what it saw, and its reason."""
    rule, saw = result.rule, result.steps[-1].verdict.sentence
    return f"Rule {RULES.index(rule) + 1}, {rule.name}: {saw}. {rule.why}"


def other_mode(result: AdviseResult, advice: Advice) -> str:
    """What the other mode could cost, in money."""
    asset, tick_e8 = result.facts.plan.rules.margin_asset, result.facts.plan.rules.tick_e8
    own, other = money_text(advice.advised.could_cost_e8), money_text(advice.other.could_cost_e8)
    more_e8 = advice.other_costs_more_e8
    if advice.mode is MarginMode.ISOLATED:
        if more_e8 <= 0:
            return f"Cross could cost no more here: {other} {asset}, isolated {own}."
        refused = "" if advice.cross.column.refusal is Refusal.NONE else " (the wallet could not open it so)"
        return (
            f"Cross could cost {other} {asset}{refused}, where isolated costs at most {own}: "
            f"{money_text(more_e8)} more, if price jumps over the stop."
        )
    price_e8 = advice.isolated.column.liquidation.price_e8
    if price_e8 is None:
        gone = f"Isolated at {advice.leverage}x would set {money_text(advice.isolated.margin_e8)} {asset} aside, and could cost {other}."
    else:
        gone = f"Isolated at {advice.leverage}x would be liquidated at {price_text(price_e8, tick_e8)} and cost {other} {asset} there."
    if advice.legs_gain_e8 is not None:
        gone += f" The other side, moving alike, would by then have earned {money_text(advice.legs_gain_e8)} that isolated cannot use."
    return f"{gone} The price of cross: up to {own} is at stake."


def held(result: AdviseResult, advice: Advice) -> str:
    """What keeps the quantity from being larger."""
    facts, plan = result.facts, replace(result.facts.plan, leverage=advice.leverage)
    budget, asset = format_e8(facts.budget_e8), facts.plan.rules.margin_asset
    words = {
        HeldBy.RISK: f"The risk budget of {budget} {asset} holds the quantity: one lot more would lose "
        f"{money_text(facts.loss_e8(advice.lots + 1))} at the stop.",
        HeldBy.OFFSET: f"The other side holds the quantity: it is worth {money_text(facts.opposite_notional_e8)} {asset}, "
        "and a larger leg would be a bet of its own.",
        HeldBy.WALLET: f"The wallet holds the quantity, not the risk budget of {budget} {asset}: one lot more asks for "
        f"{money_text(plan.asked_e8(advice.lots + 1, advice.mode))} at {advice.leverage}x, and "
        f"{money_text(plan.available_e8(advice.mode))} is available; a higher leverage would bring liquidation too near "
        "to the stop or break the rule's limit.",
        HeldBy.BRACKET: f"The venue's bracket holds the quantity: it allows {advice.leverage}x up to this notional.",
        HeldBy.LIQUIDATION: "Liquidation holds the quantity: with one lot more it would come too near to the stop.",
        HeldBy.LARGEST: "The quantity is the largest position there can be.",
    }
    return words[advice.held_by]


def notes(result: AdviseResult) -> list[str]:
    """What a reader must know beside the numbers."""
    told = list(result.notes)
    if result.assumed:
        told.append(f"taken as: {'; '.join(result.assumed)}")
    unsaid = result.facts.answers.unsaid
    if unsaid:
        told.append(f"not said, and so a reason for nothing: {', '.join(unsaid)}")
    if result.decisions:
        told.append(f"decided, not sourced, in this rulebook: {', '.join(result.decisions)}")
    return told


def explain(result: AdviseResult) -> str:
    """The rules that were asked, the arithmetic of the loss, and every limit, in exact numbers."""
    facts, plan, advice = result.facts, result.facts.plan, result.advice
    lines = ["Rules, in order; the first that decides is the answer"]
    for number, step in enumerate(result.steps, start=1):
        answer = "decides" if step.verdict.is_deciding else "passes"
        lines.append(_line(f"{number} {step.rule.name}", f"{answer}: {step.verdict.sentence}", 25))
    limits = result.rule.limits
    lines += [
        "",
        f"Limits of {result.rule.name}",
        _line("leverage", f"at most {limits.leverage_max}x"),
        _line(
            "cushion",
            f"from stop to liquidation at least {format_e8(limits.cushion_e8)} times the way from entry to stop, "
            f"or half of the stop's price: liquidation beyond {format_e8(guard_e8(facts, limits))}",
        ),
        "",
    ]
    if advice is None or result.quantity_e8 is None:
        return "\n".join([*lines, _line("no fit", result.reason)])
    quantity, loss = format_e8(result.quantity_e8), advice.loss
    fees = (plan.cost(advice.lots).fee_e8, plan.exit_fee_e8(advice.lots, facts.stop_ticks))
    first, second = (facts.entry_e8, facts.stop_e8) if plan.is_long else (facts.stop_e8, facts.entry_e8)
    once_e8 = loss.funding_e8 // facts.settlement_count
    lines += [
        "Loss at the stop",
        _line("price", f"{quantity} × ({format_e8(first)} − {format_e8(second)}) = {format_e8(loss.price_e8)}"),
        _line("fees", f"{format_e8(fees[0])} + {format_e8(fees[1])} = {format_e8(loss.fees_e8)}"),
        _line(
            "funding",
            f"{facts.settlement_count} × {format_e8(once_e8)} = {format_e8(loss.funding_e8)}, at most, "
            f"in {duration_text(facts.hold_ms)}",
        ),
        _line("total", format_e8(loss.total_e8)),
        _line("one lot more", format_e8(facts.loss_e8(advice.lots + 1))),
        "",
        "Kept, and tried in the engine: it opens, and the stop closes it at this loss",
    ]
    return "\n".join([*lines, *(_line(one.name, one.sentence) for one in advice.constraints)])


def _line(label: str, text: str, width: int = 14) -> str:
    """A label and its text, further lines below the text."""
    return fill(text, 80, initial_indent=f"  {label:<{width - 2}} ", subsequent_indent=" " * (width + 1))


_MODES = (MarginMode.ISOLATED, MarginMode.CROSS)


def _name(mode: MarginMode) -> str:
    return mode.name.lower()
