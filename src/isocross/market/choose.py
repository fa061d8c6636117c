"""Choose: the source that a word names: synthetic, crash, replay:PATH, manual.

Responsible for: words to sources, the contracts of a folder, the files of a path. Must not: read a file's content, know a venue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError, MarketDataError
from ..rulebook.model import SymbolRules
from ..units import to_time_ms
from .folder import symbol_of_file, symbols_in
from .history import History, Moment
from .past import PAST_DAYS
from .recorded import Recorded
from .scene import SCENES
from .source import Source
from .synthetic import Synthetic

MANUAL = "manual"
_REPLAY = "replay:"
_SYNTHETIC = "synthetic"
_EXPECTED = f"{_SYNTHETIC}, {', '.join(SCENES)}, replay:PATH or {MANUAL}"
DEFAULT_SEED = 1


def open_source(
    market: str,
    rules: Sequence[SymbolRules],
    *,
    seed: int | None = None,
    start_ms: int,
    prices_e8: Mapping[str, int] | None = None,
    history: History | None = None,
    begin: Moment | None = None,
    as_recorded: bool = False,
    flow_account: int | None = None,
) -> Source | None:
    """The source that `market` names, for the contracts of `rules`; None for 'manual'.

    Takes    seed: of a made-up market; a scene has its own. history: of a replay, where it is read already. begin, as_recorded: of a replay. The rest as the sources take it.
    Errors   InputError: no such market. MarketDataError: as the importers and Recorded.
    """
    path = replay_path(market)
    if path is not None:
        history = history or read_history(path, [one.symbol for one in rules], begin)
        return Recorded(
            history, rules, start_ms=None if as_recorded else start_ms, begin=begin, flow_account=flow_account
        )
    if market == MANUAL:
        return None
    check_word(market)
    scene = SCENES.get(market)
    if seed is None:
        seed = scene.seed if scene is not None else DEFAULT_SEED
    return Synthetic(
        rules, seed=seed, start_ms=start_ms, prices_e8=dict(prices_e8 or {}), scene=scene, flow_account=flow_account
    )


def check_word(market: str) -> None:
    """Whether there is such a market. Errors  InputError; nothing is read."""
    if replay_path(market) is None and market not in (MANUAL, _SYNTHETIC, *SCENES):
        raise InputError(f"market: {market!r}: expected {_EXPECTED}")


def replay_path(market: str) -> Path | None:
    """The path in 'replay:PATH'; None for another market."""
    return Path(market.removeprefix(_REPLAY)) if market.startswith(_REPLAY) else None


def symbols_of(market: str, known: Sequence[str]) -> tuple[str, ...]:
    """The contracts that a replay has prices of, among `known`; all of `known` for another market.

    Errors   MarketDataError: no such file or folder, none of `known` in it.
    """
    path = replay_path(market)
    if path is None:
        return tuple(known)
    there = {symbol_of_file(path)} if path.is_file() else symbols_in(path)
    found = tuple(name for name in known if name in there)
    if not found:
        raise MarketDataError(
            f"{path}: it has {', '.join(sorted(there))[:300] or 'no market file'}; expected one of {', '.join(known)}"
        )
    return found


def read_history(path: Path, symbols: Sequence[str], begin: Moment | None = None, days: int = PAST_DAYS) -> History:
    """The contracts' files in a folder, marks and funding with them; or one contract's file of last prices alone.

    Takes    begin: the moment at which it is to begin: files are chosen that cover it and the `days` before.
    """
    start = None if begin is None else to_time_ms(begin, "begin") - days * 86_400_000
    if path.is_file():
        return History.load(symbol=symbol_of_file(path), last=path, start=start)
    return History.from_folder(path, list(symbols), start)
