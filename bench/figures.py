"""Figures: one measured answer, how it is printed, and what a kept result names."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """What was measured with which inputs, the numbers, and sentences that stand in their place for people."""

    title: str
    numbers: dict[str, float]
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        """One line for people; with notes, a line each."""
        if self.notes:
            return "\n  ".join([self.title, *self.notes])
        return f"{self.title}: " + ", ".join(
            f"{name} {value:,.3g}" if value < 100 else f"{name} {value:,.0f}" for name, value in self.numbers.items()
        )


def machine() -> dict[str, str]:
    """Processor, Python and commit: what a kept result must name."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        processor = f"{names[0]} x {len(names)}" if names else processor
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {"processor": processor, "python": platform.python_version(), "commit": commit.stdout.strip() or "unknown"}


def keep(figures: list[Figure], path: Path) -> None:
    """Write figures with machine and commit."""
    path.write_text(json.dumps({"machine": machine(), "figures": [asdict(f) for f in figures]}, indent=2) + "\n")
