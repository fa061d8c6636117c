"""Explain: the arithmetic of `liq` line by line, so that it can be redone on paper.

Responsible for: text in which every number is exact, never rounded for display; where the venue's rules round, the
line shows the exact result, the direction, and what it becomes. Lines fit 80 columns wherever their numbers allow.
Must not: decide anything: all results come from kernel/margin.py and from the LiqResult that is explained.
"""

from __future__ import annotations

from ..codes import FeeBasis, IsolatedFillBasis, MarginMode
from ..kernel import margin as formulas
from ..rulebook.model import SymbolRules
from ..units import ONE_E8, format_e8
from . import pool
from .liq_result import LiqColumn, LiqResult, Target
from .setup import terms_of_fill, terms_of_max_open
from .sizing import OrderTerms, is_within_brackets, order_cost

WIDTH = 80
_LABEL = 16


def explain(result: LiqResult) -> str:
    """The whole of it: the fills, each margin mode, the target."""
    sheet = _Sheet()
    rules = result.rules
    sheet.title(
        f"{rules.symbol} {result.side} {format_e8(result.quantity_e8)} {rules.quantity_asset}, {result.leverage}x, "
        f"rulebook {result.rulebook.name}"
    )
    _entry(sheet, result)
    for other in result.others:
        sheet.title(f"Pool: {other.rules.symbol} {other.side} at mark {format_e8(other.mark_e8)}, {other.leverage}x")
        _valued(sheet, other.rules, other.lots, other.entry_cost_e8, other.mark_e8)
        sheet.quotient("initial", other.notional_e8, other.leverage, other.initial_margin_e8)
    for column in result.modes:
        _column(sheet, result, column)
    if result.target is not None:
        _target(sheet, result, result.target)
    return sheet.text()


class _Sheet:
    """Lines of `label  expression = value`, broken before `=` and `→` where they grow too long."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def text(self) -> str:
        return "\n".join(self._lines)

    def title(self, text: str) -> None:
        if self._lines:
            self._lines.append("")
        self._lines.append(text)

    def line(self, label: str, *parts: str) -> None:
        """One line; each part moves to a line of its own when it does not fit behind the one before."""
        current = f"  {label:<{_LABEL}}"
        indent = " " * len(current)
        for index, part in enumerate(parts):
            if index and len(current) + 1 + len(part) > WIDTH:
                self._lines.append(current)
                current = indent + "  " + part
            else:
                current += (" " if index else "") + part
        self._lines.append(current.rstrip())

    def product(self, label: str, a_e8: int, b_e8: int, result_e8: int, less_e8: int = 0) -> None:
        """a × b (− less), exact, and what it is rounded to."""
        exact = a_e8 * b_e8 - less_e8 * ONE_E8
        expression = f"{format_e8(a_e8)} × {format_e8(b_e8)}" + (f" − {format_e8(less_e8)}" if less_e8 else "")
        self.line(label, expression, *_rounded(_exact(exact, 16), exact - result_e8 * ONE_E8, result_e8))

    def value(self, label: str, rules: SymbolRules, quantity_e8: int, price_e8: int, result_e8: int) -> None:
        """A quantity at a price: their product, or of an inverse contract their quotient."""
        if not rules.is_inverse:
            self.product(label, quantity_e8, price_e8, result_e8)
            return
        excess = quantity_e8 * ONE_E8 - result_e8 * price_e8
        arrow = "=" if excess == 0 else "→ down" if excess > 0 else "→ up"
        self.line(label, f"{format_e8(quantity_e8)} ÷ {format_e8(price_e8)}", f"{arrow} {format_e8(result_e8)}")

    def quotient(self, label: str, a_e8: int, b: int, result_e8: int) -> None:
        """a ÷ b, rounded up: exact when it divides, else the result after the arrow."""
        self.line(label, f"{format_e8(a_e8)} ÷ {b}", f"{'→ up' if a_e8 % b else '='} {format_e8(result_e8)}")

    def sum(self, label: str, *terms_e8: int) -> None:
        """a + b − c … = their sum."""
        expression = format_e8(terms_e8[0])
        if len(terms_e8) == 1:
            self.line(label, expression)
            return
        for term in terms_e8[1:]:
            expression += f" − {format_e8(-term)}" if term < 0 else f" + {format_e8(term)}"
        self.line(label, expression, f"= {format_e8(sum(terms_e8))}")


def _rounded(exact: str, excess: int, result_e8: int) -> tuple[str, ...]:
    """`= exact` alone, or with the direction in which it was rounded; `excess` is exact − result."""
    if excess == 0:
        return (f"= {exact}",)
    return (f"= {exact}", f"→ {'down' if excess > 0 else 'up'} {format_e8(result_e8)}")


def _equals(numerator_e8: int, denominator_e8: int, otherwise: str) -> str:
    """'=' where the quotient has at most eight decimals, else how it was rounded."""
    return "=" if numerator_e8 * ONE_E8 % denominator_e8 == 0 else otherwise


def _exact(value: int, decimals: int) -> str:
    """Plain text of value ÷ 10^decimals, trailing zeros cut."""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**decimals)
    digits = f"{rest:0{decimals}d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def _entry(sheet: _Sheet, result: LiqResult) -> None:
    """Fill by fill: value, fee, and what goes into an isolated wallet."""
    rules, fees_e8, costs_e8, transfers_e8 = result.rules, [], [], []
    for fill in result.fills:
        terms = terms_of_fill(result.rulebook, rules, result.lots > 0, fill, result.leverage, result.is_taker)
        cost = order_cost(terms, fill.lots, result.fee_rate_e8)
        quantity_e8, price_e8 = fill.lots * rules.step_e8, fill.price_ticks * rules.tick_e8
        sheet.title(f"Fill {format_e8(quantity_e8)} @ {format_e8(price_e8)}, mark {format_e8(fill.mark_e8)}")
        sheet.value("value", rules, quantity_e8, price_e8, cost.fill_value_e8)
        fee_value_e8 = cost.fill_value_e8 if result.rulebook.fee_basis is FeeBasis.FILL_VALUE else cost.notional_e8
        if result.rulebook.isolated_fill_basis is IsolatedFillBasis.MARK or fee_value_e8 == cost.notional_e8:
            sheet.value("notional", rules, quantity_e8, fill.mark_e8, cost.notional_e8)
        sheet.product("entry fee", fee_value_e8, result.fee_rate_e8, cost.fee_e8)
        _transfer(sheet, terms, fill.lots)
        fees_e8.append(cost.fee_e8)
        costs_e8.append(cost.fill_value_e8)
        transfers_e8.append(cost.transfer_e8)
    if len(result.fills) > 1:
        sheet.title("All fills together")
        sheet.sum("entry value", *costs_e8)
        sheet.sum("entry fees", *fees_e8)
        sheet.sum("transfers", *transfers_e8)


def _transfer(sheet: _Sheet, terms: OrderTerms, lots: int) -> None:
    """What an increasing fill moves into an isolated wallet."""
    cost = order_cost(terms, lots)
    if terms.isolated_fill_basis is not IsolatedFillBasis.MARK:
        sheet.quotient("transfer", cost.accepted_value_e8, terms.leverage, cost.transfer_e8)
        return
    sheet.quotient("initial", cost.notional_e8, terms.leverage, cost.initial_margin_e8)
    _open_loss(sheet, terms, lots)
    sheet.sum("transfer", cost.initial_margin_e8, cost.open_loss_e8)


def _open_loss(sheet: _Sheet, terms: OrderTerms, lots: int) -> None:
    """max(0, what it costs − what it is worth at mark); of what owes its value: what that is worth − what came in."""
    rules, cost = terms.rules, order_cost(terms, lots)
    kind, quantity_e8 = rules.contract_kind, lots * rules.step_e8
    if terms.is_buy != rules.is_inverse:
        at_mark_e8 = int(formulas.value_down_e8(kind, quantity_e8, terms.mark_e8))
        inner = f"{format_e8(cost.accepted_value_e8)} − {format_e8(at_mark_e8)}"
    else:
        came_e8 = int(formulas.fill_value_down_e8(kind, lots, terms.price_ticks, rules.tick_value_e8))
        inner = f"{format_e8(cost.notional_e8)} − {format_e8(came_e8)}"
    sheet.line("open loss", f"max(0, {inner})", f"= {format_e8(cost.open_loss_e8)}")


def _valued(sheet: _Sheet, rules: SymbolRules, lots: int, entry_cost_e8: int, mark_e8: int) -> tuple[int, int]:
    """Value, profit, notional, bracket and maintenance at a mark; returns (uPnL, maintenance)."""
    kind, quantity_e8, brackets = rules.contract_kind, abs(lots) * rules.step_e8, rules.brackets
    value_e8 = int(formulas.signed_value_e8(kind, lots, rules.step_e8, mark_e8))
    pnl_e8 = int(formulas.unrealized_pnl_e8(kind, lots, rules.step_e8, entry_cost_e8, mark_e8))
    notional_e8 = int(formulas.notional_e8(kind, lots, rules.step_e8, mark_e8))
    index = int(formulas.bracket_of(notional_e8, brackets, 0, len(brackets)))
    bracket = brackets[index]
    maintenance_e8 = int(formulas.maintenance_margin_e8(notional_e8, brackets, 0, len(brackets)))
    sheet.value("value", rules, quantity_e8, mark_e8, abs(value_e8))
    if value_e8 >= 0:
        sheet.line("uPnL", f"{format_e8(value_e8)} − {format_e8(entry_cost_e8)}", f"= {format_e8(pnl_e8)}")
    else:
        sheet.line("uPnL", f"{format_e8(-entry_cost_e8)} − {format_e8(-value_e8)}", f"= {format_e8(pnl_e8)}")
    if notional_e8 == abs(value_e8):
        sheet.line("notional", f"the value, {format_e8(notional_e8)}")
    else:
        sheet.value("notional", rules, quantity_e8, mark_e8, notional_e8)
    sheet.line(
        f"bracket {index + 1}",
        f"{format_e8(bracket.floor_e8)} … {format_e8(bracket.cap_e8)}:",
        f"rate {format_e8(bracket.rate_e8)}, deduction {format_e8(bracket.deduction_e8)},",
        f"at most {bracket.leverage_max}x",
    )
    sheet.product("maintenance", notional_e8, bracket.rate_e8, maintenance_e8, bracket.deduction_e8)
    return pnl_e8, maintenance_e8


def _column(sheet: _Sheet, result: LiqResult, column: LiqColumn) -> None:
    """One margin mode: what backs it, at the mark, at the two prices, what it may open."""
    name, mark = column.mode.name, format_e8(result.mark_e8)
    is_cross = column.mode is MarginMode.CROSS
    sheet.title(f"{name}: what backs it")
    if is_cross:
        assert result.wallet_e8 is not None
        sheet.sum("cross wallet", result.wallet_e8, -result.entry_fee_e8)
        if result.others:
            sheet.sum("other uPnL", *(other.unrealized_pnl_e8 for other in result.others))
            sheet.sum("other maint.", *(other.maintenance_margin_e8 for other in result.others))
        sheet.line("", "all else equal: what else is in the pool stays as it is")
    else:
        sheet.sum("isolated wallet", column.transfer_e8, column.added_margin_e8)
    sheet.title(f"{name}: at mark {mark}")
    _judged(sheet, result, column, result.mark_e8)
    sheet.quotient("initial", result.notional_e8, result.leverage, column.initial_margin_e8)
    if column.effective_leverage_e8 is None:
        sheet.line("eff. leverage", "none: the margin balance is not above 0")
    else:
        sheet.line(
            "eff. leverage",
            f"{format_e8(result.notional_e8)} ÷ {format_e8(column.margin_balance_e8)}",
            f"{_equals(result.notional_e8, column.margin_balance_e8, '→ down')} {format_e8(column.effective_leverage_e8)}",
        )
    _most_lost(sheet, result, column)
    _liquidation(sheet, result, column)
    _bankruptcy(sheet, result, column)
    _max_open(sheet, result, column)


def _most_lost(sheet: _Sheet, result: LiqResult, column: LiqColumn) -> None:
    if column.mode is MarginMode.ISOLATED:
        sheet.sum("most lost", column.wallet_e8, result.entry_fee_e8)
        return
    assert result.wallet_e8 is not None
    others_e8 = pool.unrealized_pnl_e8(result.others)
    if result.wallet_e8 + others_e8 < 0:
        sheet.line("most lost", "0: the pool's balance is below 0 already")
    else:
        sheet.sum("most lost", result.wallet_e8, *([others_e8] if result.others else []))


def _judged(sheet: _Sheet, result: LiqResult, column: LiqColumn, mark_e8: int) -> None:
    """The inequality that decides, with its numbers, at one mark."""
    pnl_e8, own_e8 = _valued(sheet, result.rules, result.lots, result.entry_cost_e8, mark_e8)
    is_cross = column.mode is MarginMode.CROSS
    others_pnl_e8 = pool.unrealized_pnl_e8(result.others) if is_cross else 0
    others_maintenance_e8 = pool.maintenance_margin_e8(result.others) if is_cross else 0
    has_others = is_cross and bool(result.others)
    balance_e8 = column.wallet_e8 + others_pnl_e8 + pnl_e8
    sheet.sum("balance", column.wallet_e8, *([others_pnl_e8] if has_others else []), pnl_e8)
    if has_others:
        sheet.sum("pool maint.", own_e8, others_maintenance_e8)
    needed_e8 = own_e8 + others_maintenance_e8
    is_due = bool(formulas.is_due(balance_e8, needed_e8))
    sheet.line(
        "due" if is_due else "alive",
        f"balance {format_e8(balance_e8)} {'≤' if is_due else '>'}",
        f"maintenance {format_e8(needed_e8)}",
    )


def _liquidation(sheet: _Sheet, result: LiqResult, column: LiqColumn) -> None:
    name, price_e8 = column.mode.name, column.liquidation.price_e8
    is_long = result.lots > 0
    if price_e8 is None:
        last_e8 = result.rules.price_min_e8 if is_long else result.rules.price_max_e8
        sheet.title(f"{name}: liquidation price none")
        sheet.line("reason", column.liquidation.reason)
        sheet.title(f"{name}: at the last mark there is, {format_e8(last_e8)}")
        _judged(sheet, result, column, last_e8)
        return
    if column.is_due:
        sheet.title(f"{name}: liquidation price {format_e8(price_e8)}")
        sheet.line("reason", "due at the mark already: see above")
        return
    before_e8 = price_e8 + 1 if is_long else price_e8 - 1
    sheet.title(f"{name}: one unit before its liquidation price, {format_e8(before_e8)}")
    _judged(sheet, result, column, before_e8)
    sheet.title(f"{name}: at its liquidation price, {format_e8(price_e8)}")
    _judged(sheet, result, column, price_e8)
    _distance(sheet, result, column.liquidation.distance_e8, price_e8)


def _bankruptcy(sheet: _Sheet, result: LiqResult, column: LiqColumn) -> None:
    name, price_e8 = column.mode.name, column.bankruptcy.price_e8
    if price_e8 is None:
        sheet.title(f"{name}: bankruptcy price none")
        sheet.line("reason", column.bankruptcy.reason)
        return
    sheet.title(f"{name}: at its bankruptcy price, {format_e8(price_e8)}")
    rules, is_cross = result.rules, column.mode is MarginMode.CROSS
    others_e8 = pool.unrealized_pnl_e8(result.others) if is_cross else 0
    value_e8 = int(formulas.signed_value_e8(rules.contract_kind, result.lots, rules.step_e8, price_e8))
    sheet.value("value", rules, result.quantity_e8, price_e8, abs(value_e8))
    terms = [column.wallet_e8, *([others_e8] if is_cross and result.others else []), value_e8, -result.entry_cost_e8]
    sheet.sum("balance", *terms)
    _distance(sheet, result, column.bankruptcy.distance_e8, price_e8)


def _distance(sheet: _Sheet, result: LiqResult, distance_e8: int | None, price_e8: int) -> None:
    assert distance_e8 is not None
    difference_e8 = price_e8 - result.mark_e8
    arrow = _equals(difference_e8, result.mark_e8, "→ cut to")
    sheet.line(
        "distance", f"{format_e8(difference_e8)} ÷ {format_e8(result.mark_e8)}", f"{arrow} {format_e8(distance_e8)}"
    )


def _max_open(sheet: _Sheet, result: LiqResult, column: LiqColumn) -> None:
    """The most lots that are accepted, and why one lot more is not."""
    if column.max_open_lots is None or result.wallet_e8 is None:
        return
    rules = result.rules
    terms = terms_of_max_open(
        result.rulebook, rules, result.lots > 0, result.fills, result.is_planned, result.mark_e8, result.leverage, result.is_taker
    )
    price_e8 = terms.price_ticks * rules.tick_e8
    sheet.title(f"{column.mode.name}: max open at {format_e8(price_e8)}, mark {format_e8(terms.mark_e8)}")
    if result.others:
        sheet.sum("other uPnL", *(other.unrealized_pnl_e8 for other in result.others))
        sheet.sum("other initial", *(other.initial_margin_e8 for other in result.others))
        balance_e8 = result.wallet_e8 + pool.unrealized_pnl_e8(result.others)
        inner = f"{format_e8(balance_e8)} − {format_e8(pool.initial_margin_e8(result.others))}"
        available_e8 = pool.available_e8(result.wallet_e8, result.others)
        sheet.line("available", f"max(0, {inner})", f"= {format_e8(available_e8)}")
    else:
        available_e8 = pool.available_e8(result.wallet_e8, ())
        sheet.line("available", format_e8(available_e8))
    limit_e8 = pool.isolated_limit_e8(result.wallet_e8, result.others)
    if column.mode is MarginMode.ISOLATED and result.others:
        inner = (
            f"{format_e8(available_e8)}, "
            f"{format_e8(result.wallet_e8)} − {format_e8(pool.maintenance_margin_e8(result.others))}"
        )
        sheet.line("may leave", f"min({inner})", f"= {format_e8(limit_e8)}")
    for lots in (column.max_open_lots, column.max_open_lots + 1):
        cost = order_cost(terms, lots, result.fee_rate_e8, result.acceptance_fee_rate_e8)
        sheet.line(f"{format_e8(lots * rules.step_e8)}", f"notional {format_e8(cost.notional_e8)}")
        if not is_within_brackets(rules, cost.notional_e8, result.leverage):
            sheet.line("", f"no bracket allows {result.leverage}x on that notional")
            continue
        if lots > rules.lots_max:
            sheet.line("", "more than a position may be")
            continue
        sheet.line(
            "",
            f"{format_e8(cost.initial_margin_e8)} + {format_e8(cost.open_loss_e8)} + {format_e8(cost.accepted_fee_e8)}",
            f"= {format_e8(cost.required_e8)}",
            f"{'≤' if cost.required_e8 <= available_e8 else '>'} {format_e8(available_e8)}",
        )
        if column.mode is MarginMode.ISOLATED:
            leaves_e8 = cost.transfer_e8 + cost.fee_e8
            sheet.line(
                "",
                f"{format_e8(cost.transfer_e8)} + {format_e8(cost.fee_e8)}",
                f"= {format_e8(leaves_e8)}",
                f"{'≤' if leaves_e8 <= limit_e8 else '>'} {format_e8(limit_e8)}",
            )


def _target(sheet: _Sheet, result: LiqResult, target: Target) -> None:
    if target.price_e8 is None or target.pnl_e8 is None or target.roe_e8 is None:
        sheet.title("Target: none")
        sheet.line("reason", target.reason)
        return
    assert target.pnl_after_fees_e8 is not None
    sheet.title(f"Target: closing at {format_e8(target.price_e8)}")
    value_e8 = abs(target.pnl_e8 + result.entry_cost_e8)
    sheet.value("value", result.rules, result.quantity_e8, target.price_e8, value_e8)
    if result.entry_cost_e8 >= 0:
        sheet.sum("PnL", value_e8, -result.entry_cost_e8)
    else:
        sheet.sum("PnL", -result.entry_cost_e8, -value_e8)
    exit_fee_e8 = target.pnl_e8 - result.entry_fee_e8 - target.pnl_after_fees_e8
    sheet.line("exit fee", format_e8(exit_fee_e8), "(taker)")
    sheet.sum("after fees", target.pnl_e8, -result.entry_fee_e8, -exit_fee_e8)
    sheet.quotient("entry margin", abs(result.entry_cost_e8), result.leverage, target.roe_basis_e8)
    sheet.line(
        "ROE",
        f"{format_e8(target.pnl_e8)} ÷ {format_e8(target.roe_basis_e8)}",
        f"{_equals(target.pnl_e8, target.roe_basis_e8, '→ down')} {format_e8(target.roe_e8)}",
    )
