"""History choice: which recorded or made history a comparison replays, and the rules of contracts the rulebook lacks.

Responsible for: names, files and folders to a History of the symbols that trade; cutting it; templates, flagged.
Must not: judge a file's content (market/ does), drive the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MarketDataError, UnknownSymbolError
from ..market.demo import RECIPES, demo_history
from ..market.frames import Frame, is_frame
from ..market.history import History, Moment, Series
from ..rulebook import from_template, symbol_rules, with_symbols
from ..rulebook.model import Rulebook
from ..units import format_e8, format_time, to_time_ms

HistoryLike = History | str | Path | Frame | Mapping[str, Any]  # a frame, or several by their contracts
DEMO_OF_SYMBOL = {recipe.symbol: name for name, recipe in RECIPES.items()}


def symbol_name(rulebook: Rulebook, text: str) -> str:
    """BTC/USDT:USDT or btcusdt → BTCUSDT; a contract that the rulebook lacks keeps the name it was given."""
    try:
        return symbol_rules(rulebook, text).symbol
    except UnknownSymbolError:
        base, _, rest = text.strip().upper().partition("/")
        return base + rest.partition(":")[0]


def choose_history(
    rulebook: Rulebook,
    *,
    symbol: str | None,
    second_symbol: str | None,
    history: HistoryLike | None,
    last: str | Path | Frame | None,
    mark: str | Path | Frame | None,
    funding: str | Path | Frame | None,
    start: Moment | None,
    end: Moment | None,
) -> tuple[History, str, str]:
    """The history of the trade's and the second position's symbols, the trade's symbol, and a name for reports.

    Errors  InputError: contradicting or missing options. MarketDataError: what the importers refuse.
            UnknownSymbolError: a contract that neither the history nor the rulebook has.
    """
    if start is not None and end is not None and to_time_ms(start, "start") >= to_time_ms(end, "end"):
        raise InputError(f"start: {start} is not before end, {end}")
    if history is not None and last is not None:
        raise InputError("history: say either --history or --last, not both")
    if last is None and (mark is not None or funding is not None) and (history is None or _is_demo(history)):
        raise InputError("mark, funding: they belong to a file of last prices; say it with --last FILE")
    if isinstance(history, Mapping):
        history = History.join(
            History.load(symbol=symbol_name(rulebook, str(one)), last=source) for one, source in history.items()
        )
    source = last if last is not None else history
    if isinstance(history, History):
        name = " + ".join(history.symbols)
        found = _cut(history, start, end)
    elif is_frame(source):
        if symbol is None:
            raise InputError("symbol: missing; a frame does not say which contract its prices are of")
        if second_symbol is not None:
            raise InputError(f"second: {second_symbol} needs prices of its own; give a history of {{symbol: frame}}")
        name = f"{symbol}, {type(source).__module__.partition('.')[0]} {type(source).__name__}"
        found = History.load(symbol=symbol, last=source, mark=mark, funding=funding, start=start, end=end)
    elif last is None and (history is None or _is_demo(history)):
        found, name = _demo(symbol, second_symbol, history)
        found = _cut(found, start, end)
    else:
        path = Path(str(source))
        name = path.name
        if path.is_dir():
            if symbol is None:
                raise InputError(f"symbol: missing; say which contract of {path} with --symbol")
            names = [one for one in (symbol, second_symbol) if one is not None]
            return _from_folder(rulebook, path, names, start, end), symbol, name
        if last is None and not path.exists():
            raise MarketDataError(f"history: {path} is neither one of {', '.join(RECIPES)} nor a file or folder")
        if second_symbol is not None:
            raise InputError(f"second: {second_symbol} needs prices of its own; give --history a folder that has both")
        symbol = symbol or _symbol_in(path)
        found = History.load(symbol=symbol, last=path, mark=mark, funding=funding, start=start, end=end)
    symbol = symbol or found.symbols[0]
    for one in (symbol, second_symbol):
        if one is not None and one not in found.symbols:
            kind = MarketDataError if one in rulebook.symbols else UnknownSymbolError
            raise kind(f"symbol: {one} is not in the history {name}; it has {', '.join(found.symbols)}")
    wanted = {symbol, second_symbol}
    return replace(found, series=tuple(one for one in found.series if one.symbol in wanted)), symbol, name


def _is_demo(history: object) -> bool:
    return isinstance(history, str) and history.strip().upper() in RECIPES


def _demo(symbol: str | None, second_symbol: str | None, history: object) -> tuple[History, str]:
    """The demo that is named, or the one of the symbol; the other one joined when the second position needs it."""
    if history is not None:
        name = str(history).strip().upper()
    elif symbol is None:
        name = "A"
    elif symbol in DEMO_OF_SYMBOL:
        name = DEMO_OF_SYMBOL[symbol]
    else:
        raise UnknownSymbolError(
            f"symbol: the embedded demos have {' and '.join(DEMO_OF_SYMBOL)}, not {symbol}; give prices of it with "
            "--history or --last"
        )
    other = DEMO_OF_SYMBOL.get(second_symbol or "", name)
    made = demo_history(name)
    if other == name:
        return made, f"demo {name}"
    return History.join((made, demo_history(other))), f"demo {name} + {other}"


def _from_folder(
    rulebook: Rulebook, folder: Path, symbols: Sequence[str], start: Moment | None, end: Moment | None
) -> History:
    """The files of the symbols; one that neither the folder nor the rulebook knows is an unknown contract."""
    try:
        return History.from_folder(folder, list(symbols), start, end)
    except MarketDataError as error:
        if "no file of" in str(error) and any(f"no file of {one};" in str(error) for one in symbols):
            missing = next(one for one in symbols if f"no file of {one};" in str(error))
            if missing not in rulebook.symbols:
                raise UnknownSymbolError(f"symbol: {error}") from error
        raise


def _symbol_in(path: Path) -> str:
    """The symbol in a file name of the form venue-SYMBOL-interval-kind."""
    parts = path.name.split("-")
    if len(parts) >= 4 and parts[1].isalnum():
        return parts[1].upper()
    raise InputError(f"symbol: {path.name} does not say which contract it is; say it with --symbol")


def _cut(history: History, start: Moment | None, end: Moment | None) -> History:
    """The bars that begin in start … end (exclusive)."""
    if start is None and end is None:
        return history
    first = 0 if start is None else to_time_ms(start, "start")
    after = 10**14 if end is None else to_time_ms(end, "end")
    return replace(history, series=tuple(_cut_series(one, first, after) for one in history.series))


def _cut_series(one: Series, first: int, after: int) -> Series:
    last = one.last.within(first, after)
    if last is None:
        raise MarketDataError(
            f"{one.symbol}: no bar in the window; the history has {format_time(one.last.start_ms)} to "
            f"{format_time(one.last.end_ms)}"
        )
    low, high = np.searchsorted(one.last.time_ms, [first, after])
    scale = one.depth_scale_e8
    return Series(
        one.symbol,
        last,
        mark=None if one.mark is None else one.mark.touching(last.start_ms, last.end_ms),
        funding=None if one.funding is None else one.funding.within(first, after),
        depth_scale_e8=None if scale is None else scale[low:high],
    )


def with_rules_for(rulebook: Rulebook, history: History) -> tuple[Rulebook, list[str]]:
    """The rulebook with a templated contract for every symbol it lacks, and a note about each."""
    notes = []
    for one in history.series:
        lows = [int(bars.low_e8.min()) for bars in (one.last, one.mark) if bars is not None]
        if one.symbol not in rulebook.symbols:
            name = _template_for(rulebook, one.symbol)
            made = from_template(name, one.symbol, min(lows), rulebook)
            rulebook = with_symbols(rulebook, made)
            notes.append(
                f"{one.symbol}: {rulebook.name} has no such contract: rules made from template {name} "
                f"(tick {format_e8(made.tick_e8)}, step {format_e8(made.step_e8)}), not the venue's own"
            )
        rules = rulebook.symbols[one.symbol]
        highs = [int(bars.high_e8.max()) for bars in (one.last, one.mark) if bars is not None]
        if max(highs) > rules.price_max_e8:
            raise MarketDataError(
                f"{one.symbol}: a price of {format_e8(max(highs))} in the history; the rulebook allows "
                f"{format_e8(rules.price_max_e8)}"
            )
        if one.funding is not None and one.funding.rate_e8.size:
            least, most = int(one.funding.rate_e8.min()), int(one.funding.rate_e8.max())
            if least < rules.funding_floor_rate_e8 or most > rules.funding_cap_rate_e8:
                worst = max(least, most, key=abs)
                notes.append(
                    f"{one.symbol}: recorded funding of {format_e8(worst * 100)} % lies beyond the contract's "
                    f"{format_e8(rules.funding_cap_rate_e8 * 100)} %: applied as recorded"
                )
    return rulebook, notes


def _template_for(rulebook: Rulebook, symbol: str) -> str:
    for name, template in rulebook.templates.items():
        asset = template.margin_asset
        if asset in rulebook.margin_assets and symbol.endswith(asset) and symbol != asset:
            return name
    raise UnknownSymbolError(
        f"symbol: rulebook {rulebook.name} has no contract {symbol[:40]!r} and no template for it "
        f"(it has {', '.join(rulebook.templates) or 'none'}); choose a contract whose rules it should have with --symbol"
    )
