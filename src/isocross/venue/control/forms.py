"""Forms: decimals and times as the control plane writes them.

Responsible for: money, prices and times in requests and answers. Must not: know an endpoint.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from ...errors import RefusedError
from ...units import format_e8, to_e8
from ..sequencer import Done

Money = Annotated[str, msgspec.Meta(description="decimal text, at most eight decimals", examples=["10000", "0.5"])]
Given = Annotated[Decimal, msgspec.Meta(description="a number, or decimal text")]
AMOUNT_DIGITS_MAX = 40


def e8(value: Decimal, name: str) -> int:
    """Money or a price × 10^8. Errors  AmountError."""
    return to_e8(value, name)


def text(value_e8: int) -> str:
    """Money or a price as decimal text."""
    return format_e8(value_e8)


def accepted(done: Done) -> Done:
    """Itself. Errors  RefusedError names the refusal."""
    if not done.is_accepted:
        raise RefusedError(f"the exchange refused: {done.refusal.name}", int(done.refusal))
    return done
