"""Client ids: the names that owners give their orders, read back from committed commands.

Responsible for: the texts in some commands. Must not: judge one, know how a command carries it (command.py does).
"""

from __future__ import annotations

import numpy as np

from ..codes import CommandKind
from ..command import client_id_of
from .kinds import is_of

_PLACES = frozenset((int(CommandKind.PLACE_ORDER), int(CommandKind.PLACE_CONDITIONAL)))


def client_ids_in(commands: np.ndarray) -> dict[int, str]:
    """Texts of the client ids in some whole commands, by the sequence of the command."""
    if not commands["continuation_count"].any():
        return {}
    rows = np.flatnonzero(is_of(commands, _PLACES) & (commands["continuation_count"] > 0))
    texts = {int(commands["sequence"][row]): client_id_of(commands[row : row + 2]) for row in rows.tolist()}
    return {sequence: text for sequence, text in texts.items() if text}
