"""Comparing: `rules diff`: what two venues do differently, and one trade under both their rulebooks.

Responsible for: inputs to terms, the contracts of both that mean the same, which facts and columns differ.
Must not: live the trade (trade.py), word the answer (difference_text.py).

Contracts are found by their base asset: BTCUSDT here is BTC/USDC:USDC there. One unit of either margin asset counts alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...codes import MarginMode
from ...errors import AmountError, InputError, RefusedError, UnknownSymbolError
from ...limits import LEVERAGE_MAX
from ...rulebook import symbol_rules
from ...rulebook.model import Rulebook, SymbolRules
from ...rulebook.venues import LABELS
from ...units import ONE_E8, Amount, format_e8, to_decimal, to_rate_e8
from .. import inputs
from .choice import Choice, choose
from .difference import ColumnDifference, FactDifference, RulesDiff
from .trade import Life, Terms, live, size_e8
from .words import Column, contract_columns, rulebook_columns

DEFAULT_SIDE = "long"
DEFAULT_MARGIN = 500
DEFAULT_LEVERAGE = 10
DEFAULT_WALLET = 10_000
DEFAULT_CRASH = "30%"
DEFAULT_DEPTH = "20%"
DEFAULT_BASE = "BTC"
ROUND_PRICES = {"BTC": 60_000, "ETH": 3_000, "SOL": 150}  # where the trade opens unless a price is said

Side = tuple[Rulebook, SymbolRules]


def diff(
    a: str | Path | Rulebook,
    b: str | Path | Rulebook,
    *,
    symbol: str | None = None,
    side: str = DEFAULT_SIDE,
    margin: Amount = DEFAULT_MARGIN,
    leverage: Amount = DEFAULT_LEVERAGE,
    wallet: Amount = DEFAULT_WALLET,
    price: Amount | None = None,
    crash: Amount = DEFAULT_CRASH,
    depth: Amount = DEFAULT_DEPTH,
    mode: str | MarginMode = "both",
) -> RulesDiff:
    """What differs between two venues or rulebooks, and one trade with one crash, lived by the engine under both.

    Takes    a, b: a rulebook's or a venue's name, a path, or a loaded rulebook. symbol: a base asset (BTC) or a contract of
             either (BTCUSDT, BTC/USDC:USDC); BTC unless said. side: long or short. margin: the size is the most that moves
             at most this into an isolated position in both; all lives have that size. wallet: what the account has.
             price: where it opens; round numbers for BTC, ETH, SOL. crash: how far the price then moves against it. depth:
             the share of the book that the maker shows meanwhile. mode: cross, isolated or both.
    Returns  RulesDiff; without a trade where one of the two does not run, and a note why.
    Errors   InputError and its subclasses: one line that names the thing, the value and what was expected.
    """
    left, right = choose(a), choose(b)
    is_long = inputs.to_is_long(side)
    modes = inputs.to_modes(mode)
    margin_e8 = inputs.to_money_e8(margin, "margin")
    wallet_e8 = inputs.to_money_e8(wallet, "wallet")
    terms = Terms(
        is_long=is_long,
        quantity_e8=0,
        leverage=_leverage(leverage),
        wallet_e8=wallet_e8,
        price_e8=0,
        crash_e8=_share_e8(crash, "crash", 1, ONE_E8 - 1, "above 0 and below 100 %"),
        depth_e8=_share_e8(depth, "depth", 0, ONE_E8, "0 to 100 %"),
    )
    sides, notes = _contracts(left, right, symbol)
    lives: tuple[Life, ...] = ()
    if sides is not None:
        terms = replace(terms, price_e8=_price_e8(price, sides))
        _check_end(terms, crash, sides)
        terms, lives = _lived(terms, margin_e8, sides, modes)
    return RulesDiff(
        a=left,
        b=right,
        facts=tuple(_facts(left, right)),
        columns_differing=tuple(_columns(left, right, sides)),
        terms=terms if sides is not None else None,
        margin_e8=margin_e8,
        contracts=() if sides is None else (sides[0][1], sides[1][1]),
        lives=lives,
        notes=tuple(notes),
    )


def _lived(
    terms: Terms, margin_e8: int, sides: tuple[Side, Side], modes: Sequence[MarginMode]
) -> tuple[Terms, tuple[Life, ...]]:
    """The terms with their size, and the lives, mode by mode."""
    try:
        terms = replace(terms, quantity_e8=size_e8(margin_e8, terms, sides))
    except RefusedError as error:
        return terms, tuple(Life(book.name, mode, rules, refusal=str(error)) for mode in modes for book, rules in sides)
    return terms, tuple(live(book, rules, terms, mode) for mode in modes for book, rules in sides)


# ── what differs ───────────────────────────────────────────────────────────────────────────────────────────────────


def _facts(a: Choice, b: Choice) -> list[FactDifference]:
    """The facts in whose few words the two differ; one that is unknown on one side is among them."""
    if a.venue is None or b.venue is None or a.venue is b.venue:
        return []
    pairs = ((name, a.venue.facts[name], b.venue.facts[name]) for name in LABELS)
    return [FactDifference(name, here, there) for name, here, there in pairs if here.says != there.says]


def _columns(a: Choice, b: Choice, sides: tuple[Side, Side] | None) -> list[ColumnDifference]:
    """The columns of both rulebooks that differ, then those of the contracts of the trade."""
    if a.rulebook is None or b.rulebook is None:
        return []
    found = _differing("", rulebook_columns(a.rulebook), rulebook_columns(b.rulebook))
    if sides is not None:
        found += _differing("contract", contract_columns(*sides[0]), contract_columns(*sides[1]))
    return found


def _differing(of: str, here: Sequence[Column], there: Sequence[Column]) -> list[ColumnDifference]:
    pairs = zip(here, there, strict=True)
    return [ColumnDifference(of, one, other) for one, other in pairs if one.value != other.value]


# ── the contracts ──────────────────────────────────────────────────────────────────────────────────────────────────


def _contracts(a: Choice, b: Choice, wanted: str | None) -> tuple[tuple[Side, Side] | None, list[str]]:
    """A contract of each with the same base asset; None where no trade can be run, and why."""
    for choice in (a, b):
        if choice.reasons:
            return None, [f"no trade is run: {choice.name} does not run here: {'; '.join(choice.reasons)}"]
    assert a.rulebook is not None and b.rulebook is not None
    books = (a.rulebook, b.rulebook)
    base = _base_of(books, wanted) if wanted is not None else _common_base(books)
    if base is None:
        return None, [f"no trade is run: {a.name} and {b.name} share no base asset"]
    one = _contract(books[0], base, wanted, None)
    other = _contract(books[1], base, wanted, one.margin_asset)
    inverse = [f"{rules.symbol} of {book.name}" for book, rules in zip(books, (one, other), strict=True) if rules.is_inverse]
    if inverse:
        return None, [f"no trade is run: {' and '.join(inverse)}: inverse, margined in coin; a trade here is told in quote money"]
    notes = []
    if one.symbol != other.symbol:
        notes.append(f"{one.unified} of {a.name} and {other.unified} of {b.name}: the same base asset, {base}")
    if one.margin_asset != other.margin_asset:
        notes.append(f"one {one.margin_asset} and one {other.margin_asset} count alike")
    return ((books[0], one), (books[1], other)), notes


def _common_base(books: tuple[Rulebook, Rulebook]) -> str | None:
    """BTC where both have it, else the first base asset that both have."""
    here, there = (dict.fromkeys(rules.base_asset for rules in book.symbols.values()) for book in books)
    common = [base for base in here if base in there]
    return DEFAULT_BASE if DEFAULT_BASE in common else next(iter(common), None)


def _base_of(books: tuple[Rulebook, Rulebook], wanted: str) -> str:
    """The base asset that a text names: its contract's in either rulebook, else the text itself."""
    for book in books:
        try:
            return symbol_rules(book, wanted).base_asset
        except UnknownSymbolError:
            continue
    return wanted.strip().upper().split("/")[0]


def _contract(book: Rulebook, base: str, wanted: str | None, margin_asset: str | None) -> SymbolRules:
    """The contract of a base asset: the one that was named, else the one of that margin asset, else the first."""
    if wanted is not None:
        try:
            return symbol_rules(book, wanted)
        except UnknownSymbolError:
            pass
    found = [rules for rules in book.symbols.values() if rules.base_asset == base]
    if not found:
        bases = [*dict.fromkeys(rules.base_asset for rules in book.symbols.values())]
        more = f" and {len(bases) - 12} more" if len(bases) > 12 else ""
        raise UnknownSymbolError(
            f"symbol: {str(wanted)[:40]!r}: rulebook {book.name} has no contract of {base[:40]}: expected one of "
            f"{', '.join(bases[:12])}{more}"
        )
    return next((rules for rules in found if rules.margin_asset == margin_asset), found[0])


# ── the terms ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _price_e8(price: Amount | None, sides: tuple[Side, Side]) -> int:
    base = sides[0][1].base_asset
    if price is None:
        if base not in ROUND_PRICES:
            raise InputError(f"price: missing; expected the price of {base} at which the trade opens")
        price = ROUND_PRICES[base]
    return max(inputs.to_mark_e8(price, rules, "price") for _, rules in sides)


def _check_end(terms: Terms, crash: Amount, sides: tuple[Side, Side]) -> None:
    for _, rules in sides:
        if terms.end_e8 > rules.price_max_e8:
            raise AmountError(
                f"crash: {crash} takes the price to {format_e8(terms.end_e8)}, out of range: {rules.symbol} trades up to "
                f"{format_e8(rules.price_max_e8)}"
            )


def _leverage(value: Amount) -> int:
    """A whole leverage; whether a rulebook allows it is that rulebook's answer."""
    text = value.strip().removesuffix("x") if isinstance(value, str) else value
    number = to_decimal(text, "leverage")
    if number != number.to_integral_value() or not 1 <= number <= LEVERAGE_MAX:
        raise inputs.LeverageError(f"leverage: {value} is not a whole number in 1 … {LEVERAGE_MAX}")
    return int(number)


def _share_e8(value: Amount, name: str, least_e8: int, most_e8: int, expected: str) -> int:
    share_e8 = to_rate_e8(value, name)
    if not least_e8 <= share_e8 <= most_e8:
        raise AmountError(f"{name}: {value} is out of range, expected {expected}, like 20% or 0.2")
    return share_e8
