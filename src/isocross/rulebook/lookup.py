"""Lookup: a contract by any of the names people use, contracts made from templates, and what cannot run yet.

Responsible for: symbol_rules, from_template, regrid, with_symbols, why_not_runnable.
Must not: read a file (except the default rulebook, by its name), guess a contract that is not there.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import AmountError, RulebookError, UnknownSymbolError
from ..limits import PRICE_MAX_E8, SYMBOLS_MAX
from ..units import ONE_E8, format_e8
from .loader import finished, is_symbol, load
from .model import Rulebook, SymbolRules

SIGNIFICANT_DIGITS = 5  # of a price on a template's grid
PRICE_ROOM = 1_000  # price_max of a template's grid ÷ the power of ten at or below its reference price


def symbol_rules(rulebook: Rulebook, text: str) -> SymbolRules:
    """The contract that `text` names: BTCUSDT, btcusdt, BTC/USDT or BTC/USDT:USDT; BTCUSD too for BTCUSD_PERP.

    Errors   UnknownSymbolError naming it and the closest names.
    """
    wanted, settle = _normal(text)
    rules = rulebook.symbols.get(wanted) or rulebook.symbols.get(f"{wanted}_PERP")
    if rules is not None and settle in ("", rules.margin_asset):
        return rules
    from difflib import get_close_matches

    close = get_close_matches(wanted, list(rulebook.symbols), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(close)}?" if close else f"it has {_some(rulebook)}."
    templates = ", ".join(rulebook.templates)
    more = f" A new one can be made from a template ({templates})." if templates else ""
    raise UnknownSymbolError(f"rulebook {rulebook.name} has no contract {text.strip()[:40]!r}: {hint}{more}")


def from_template(
    name: str, symbol: str, reference_price_e8: int | None = None, rulebook: Rulebook | None = None
) -> SymbolRules:
    """A contract made from a named template, flagged `is_template`: every column of it is a decision.

    Takes    symbol: PIPPINUSDT or PIPPIN/USDT:USDT; its quote must be the template's margin asset.
             reference_price_e8: a price × 10^8 of the contract, best the lowest of what is to be replayed: the tick
             gives it five digits. Without it the template's own grid is kept, which suits prices near 1.
    Errors   RulebookError for an unknown template or a symbol of another quote; AmountError for a bad price.
    """
    book = load() if rulebook is None else rulebook
    template = book.templates.get(name)
    if template is None:
        raise RulebookError(
            f"rulebook {book.name} has no template {name!r}: expected one of {', '.join(book.templates) or 'none'}"
        )
    wanted, _ = _normal(symbol)
    base = wanted.removesuffix(template.margin_asset)
    if not is_symbol(wanted) or not base or base == wanted:
        raise RulebookError(
            f"symbol {symbol[:40]!r}: template {name} makes contracts like FOO{template.margin_asset}, in capitals "
            f"and digits, of at most 32"
        )
    rules = replace(template, symbol=wanted, base_asset=base, notes=(f"made from template {name}", *template.notes))
    return rules if reference_price_e8 is None else regrid(rules, reference_price_e8)


def regrid(rules: SymbolRules, reference_price_e8: int) -> SymbolRules:
    """The same contract with a grid that suits a price × 10^8; only for contracts whose grid is a template's.

    The tick gives the price five digits, a lot is worth 0.1 … 1 (a whole unit at most), and the highest price is a
    thousand times the power of ten at or below the reference price.
    """
    if not rules.is_template:
        raise RulebookError(f"{rules.symbol}: its tick and step are the venue's own: expected a contract of a template")
    if not 1 <= reference_price_e8 <= PRICE_MAX_E8 // 10:
        raise AmountError(
            f"reference price {format_e8(reference_price_e8)}: expected 0.00000001 … {format_e8(PRICE_MAX_E8 // 10)}"
        )
    unit_e8 = 10 ** (len(str(reference_price_e8)) - 1)  # the power of ten at or below the price
    tick_e8 = max(1, unit_e8 // 10 ** (SIGNIFICANT_DIGITS - 1))
    step_e8 = min(ONE_E8, ONE_E8 * ONE_E8 // unit_e8 // 10)
    price_max_e8 = min(PRICE_MAX_E8, unit_e8 * PRICE_ROOM)
    note = f"price and quantity grid chosen for prices near {format_e8(reference_price_e8)}, not the venue's"
    notes = (*(text for text in rules.notes if "quantity grid" not in text), note)
    grid = replace(rules, tick_e8=tick_e8, step_e8=step_e8, price_max_e8=price_max_e8, notes=notes)
    assert grid.tick_e8 * grid.step_e8 % ONE_E8 == 0
    assert grid.price_max_e8 % grid.tick_e8 == 0
    assert grid.lots_max >= 1
    return grid


def with_symbols(rulebook: Rulebook, *rules: SymbolRules) -> Rulebook:
    """The rulebook with these contracts added at its end, or put in the place of those of the same name."""
    symbols = dict(rulebook.symbols)
    for item in rules:
        if item.margin_asset not in rulebook.margin_assets:
            raise RulebookError(
                f"{item.symbol}: margin asset {item.margin_asset}: rulebook {rulebook.name} has "
                f"{', '.join(rulebook.margin_assets)}"
            )
        symbols[item.symbol] = item
    if len(symbols) > SYMBOLS_MAX:
        raise RulebookError(f"rulebook {rulebook.name}: {len(symbols)} symbols: expected at most {SYMBOLS_MAX}")
    return finished(replace(rulebook, symbols=symbols))


def why_not_runnable(rulebook: Rulebook) -> list[str]:
    """What of a rulebook this version cannot run, one sentence each; empty when all of it runs."""
    return [] if rulebook.symbols else ["it has no symbol"]


def _normal(text: str) -> tuple[str, str]:
    """(BTCUSDT, USDT) of BTC/USDT:USDT; the settle asset is empty where the text does not say it."""
    plain = text.strip().upper()
    base, slash, rest = plain.partition("/")
    if not slash:
        return plain, ""
    quote, _, settle = rest.partition(":")
    return base + quote, settle


def _some(rulebook: Rulebook) -> str:
    known = list(rulebook.symbols)
    return ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "") if known else "none"
