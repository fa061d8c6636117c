"""The control plane under Schemathesis: whatever its document allows or forbids, no 500, and answers as the document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.venues import CONTROL, Process

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def fuzz(folder: Path, examples: int) -> None:
    with Process("--market", "manual", "--speed", "0", "--symbols", "BTCUSDT,ETHUSDT", data=folder / "venue") as venue:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{venue.url}/control/openapi.json"),
                *("--header", f"{CONTROL}: {venue.keys['control_key']}", "--checks", CHECKS, "--seed", "1"),
                *("--max-examples", str(examples), "--phases", "examples,fuzzing", "--generation-database", "none"),
            ],
            capture_output=True,
            text=True,
            timeout=1_200,
            cwd=folder,
        )
        assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
        assert venue.control("GET", "/clock")[0] == 200
        assert venue.ask("GET", "/fapi/v1/ping") == (200, {})
        status, _, _, errors = venue.end()
        assert (status, "Traceback" in errors) == (0, False), errors


@pytest.mark.full
def test_the_control_plane_is_what_its_document_says(tmp_path: Path) -> None:
    fuzz(tmp_path, 3)


@pytest.mark.full
def test_the_control_plane_is_what_its_document_says_at_length(tmp_path: Path) -> None:
    fuzz(tmp_path, 40)
