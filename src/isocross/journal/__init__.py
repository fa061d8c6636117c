"""Journal: an exchange's commands on disk: recorded before they are answered, replayed, verified.

    reports     show, verify, replay, export, salvage: what people ask of a data folder
    journaled   JournaledExchange: an exchange that lives in a data folder, whose answers wait for the disk
    gate        DurableGate: coroutines that wait for it
    folder      DataFolder, and journal: Journal, the past that it holds, as a History
    reliving    Reliving: lives a journal again and tells its events
    history     Genesis, History, MemoryHistory: genesis and commands, in memory or on disk

Must not: know what a command means. What is listed below is loaded by its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .folder import DataFolder
    from .gate import DurableGate
    from .history import Genesis, History, MemoryHistory
    from .journal import Journal
    from .journaled import JournaledExchange
    from .reliving import Reliving
    from .reports import export, replay, salvage, show, verify

__all__ = [
    "DataFolder",
    "DurableGate",
    "Genesis",
    "History",
    "Journal",
    "JournaledExchange",
    "MemoryHistory",
    "Reliving",
    "export",
    "replay",
    "salvage",
    "show",
    "verify",
]

_HOMES = {
    "folder": ("DataFolder",),
    "gate": ("DurableGate",),
    "history": ("Genesis", "History", "MemoryHistory"),
    "journal": ("Journal",),
    "journaled": ("JournaledExchange",),
    "reliving": ("Reliving",),
    "reports": ("export", "replay", "salvage", "show", "verify"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, loaded by its first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value
