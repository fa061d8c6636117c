"""isocross: a perpetual-futures exchange on your own machine, with exact cross and isolated margin.

Responsible for: the public list. A name is loaded by its first use, so that `import isocross` loads neither numba nor
numpy nor polars. Must not: hold anything of its own.

    import isocross as ix
    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors as errors
    from . import rulebook as rulebook
    from .codes import MarginMode, Refusal, Side
    from .errors import (
        AmountError,
        ExchangeError,
        InputError,
        MarketDataError,
        PoisonedError,
        RefusedError,
        RulebookError,
        SnapshotError,
        UnknownSymbolError,
    )
    from .exchange import Exchange
    from .policy.compare import compare
    from .policy.liq import liq
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

    __version__: str

__all__ = [
    "AmountError",
    "Exchange",
    "ExchangeError",
    "InputError",
    "MarginMode",
    "MarketDataError",
    "PoisonedError",
    "Refusal",
    "RefusedError",
    "Rulebook",
    "RulebookError",
    "Sandbox",
    "Side",
    "SnapshotError",
    "SymbolRules",
    "UnknownSymbolError",
    "__version__",
    "compare",
    "errors",
    "from_template",
    "import_brackets",
    "liq",
    "load",
    "load_text",
    "rulebook",
    "symbol_rules",
    "with_symbols",
]

_SUBMODULES = ("errors", "rulebook")
_HOMES = {
    "codes": ("MarginMode", "Refusal", "Side"),
    "errors": (
        "AmountError",
        "ExchangeError",
        "InputError",
        "MarketDataError",
        "PoisonedError",
        "RefusedError",
        "RulebookError",
        "SnapshotError",
        "UnknownSymbolError",
    ),
    "exchange": ("Exchange",),
    "policy.compare": ("compare",),
    "policy.liq": ("liq",),
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
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, loaded by its first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version(__name__)
    elif name in _SUBMODULES:
        value = import_module(f".{name}", __name__)
    elif name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
