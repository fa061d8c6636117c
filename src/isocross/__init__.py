"""isocross: a perpetual-futures exchange on your own machine, with exact cross and isolated margin.

Responsible for: the public list. A name is loaded by its first use, so that `import isocross` loads neither numba nor
numpy nor polars. Must not: hold anything of its own.

    import isocross as ix
    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000)
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as typing's: to import that costs ten times what the rest of this file does
if TYPE_CHECKING:
    from typing import Any

    from . import errors as errors
    from . import journal as journal
    from . import rulebook as rulebook
    from .codes import MarginMode, Refusal, Side
    from .errors import (
        AmountError,
        CaseFileError,
        ChecklistError,
        ExchangeError,
        FileFaultError,
        InputError,
        JournalCorruptError,
        JournalDivergedError,
        JournalError,
        JournalLockedError,
        JournalVersionError,
        MarketDataError,
        PoisonedError,
        RefusedError,
        RewriteError,
        RulebookError,
        SnapshotError,
        StatusUnknownError,
        UnknownSymbolError,
    )
    from .exchange import Exchange
    from .policy import rules as rules
    from .policy.advise import advise
    from .policy.check import check
    from .policy.checklist import Checklist
    from .policy.compare import compare
    from .policy.liq import liq
    from .policy.size import size
    from .rulebook import (
        Rulebook,
        SymbolRules,
        from_template,
        import_brackets,
        load,
        load_text,
        symbol_rules,
        with_symbols,
    )
    from .sandbox import Sandbox
    from .venue.child import Venue
    from .venue.connect import connect
    from .worlds import (
        World,
        add_margin,
        after,
        before,
        branch,
        case,
        diff,
        drop,
        flip_mode,
        fork,
        insert,
        place_stop,
        set_leverage,
        stop_at,
    )
    from .worlds.loss_cap import loss_cap
    from .worlds.receipt import receipt, receipts

    __version__: str

__all__ = [
    "AmountError",
    "CaseFileError",
    "Checklist",
    "ChecklistError",
    "Exchange",
    "ExchangeError",
    "FileFaultError",
    "InputError",
    "JournalCorruptError",
    "JournalDivergedError",
    "JournalError",
    "JournalLockedError",
    "JournalVersionError",
    "MarginMode",
    "MarketDataError",
    "PoisonedError",
    "Refusal",
    "RefusedError",
    "RewriteError",
    "Rulebook",
    "RulebookError",
    "Sandbox",
    "Side",
    "SnapshotError",
    "StatusUnknownError",
    "SymbolRules",
    "UnknownSymbolError",
    "Venue",
    "World",
    "__version__",
    "add_margin",
    "advise",
    "after",
    "before",
    "branch",
    "case",
    "check",
    "compare",
    "connect",
    "diff",
    "drop",
    "errors",
    "flip_mode",
    "fork",
    "from_template",
    "import_brackets",
    "insert",
    "journal",
    "liq",
    "load",
    "load_text",
    "loss_cap",
    "place_stop",
    "receipt",
    "receipts",
    "rulebook",
    "rules",
    "set_leverage",
    "size",
    "stop_at",
    "symbol_rules",
    "with_symbols",
]

_SUBMODULES = {"errors": "errors", "journal": "journal", "rulebook": "rulebook", "rules": "policy.rules"}
_HOMES = {
    "codes": ("MarginMode", "Refusal", "Side"),
    "errors": (
        "AmountError",
        "CaseFileError",
        "ChecklistError",
        "ExchangeError",
        "FileFaultError",
        "InputError",
        "JournalCorruptError",
        "JournalDivergedError",
        "JournalError",
        "JournalLockedError",
        "JournalVersionError",
        "MarketDataError",
        "PoisonedError",
        "RefusedError",
        "RewriteError",
        "RulebookError",
        "SnapshotError",
        "StatusUnknownError",
        "UnknownSymbolError",
    ),
    "exchange": ("Exchange",),
    "policy.advise": ("advise",),
    "policy.check": ("check",),
    "policy.checklist": ("Checklist",),
    "policy.compare": ("compare",),
    "policy.liq": ("liq",),
    "policy.size": ("size",),
    "rulebook": (
        "Rulebook",
        "SymbolRules",
        "from_template",
        "import_brackets",
        "load",
        "load_text",
        "symbol_rules",
        "with_symbols",
    ),
    "sandbox": ("Sandbox",),
    "venue.connect": ("connect",),
    "venue.child": ("Venue",),
    "worlds": (
        "World",
        "add_margin",
        "after",
        "before",
        "branch",
        "case",
        "diff",
        "drop",
        "flip_mode",
        "fork",
        "insert",
        "place_stop",
        "set_leverage",
        "stop_at",
    ),
    "worlds.loss_cap": ("loss_cap",),
    "worlds.receipt": ("receipt", "receipts"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, loaded by its first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version(__name__)
    elif name in _SUBMODULES:
        value = import_module(f".{_SUBMODULES[name]}", __name__)
    elif name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
