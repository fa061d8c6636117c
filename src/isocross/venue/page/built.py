"""Built: the files of the page as the build left them, from a folder beside this file.

Responsible for: finding and answering them, and the page that says how to build where there are none. Must not: build.
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response

FOLDER = Path(__file__).parent / "built"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
MISSING = """isocross: a perpetual-futures exchange on this machine

The page is not built here; everything else works. In a checkout, `make setup` builds it where there is Node 20.19 or newer, or the package
index to take one from.

REST       /fapi/v1 …                as Binance USD-M Futures speaks it
WebSocket  /ws, /stream, /ws-fapi/v1
control    /control                  its own key; /control/openapi.json says what there is
"""
_FOR_EVER = "public, max-age=31536000, immutable"  # the build puts a hash of its content into each name


def is_built(folder: Path = FOLDER) -> bool:
    """Whether there is a page to show."""
    return (folder / "index.html").is_file()


def answer_to(path: str, folder: Path = FOLDER) -> Response:
    """The file of a path."""
    if path == "/":
        if not is_built(folder):
            return PlainTextResponse(MISSING, headers=HEADERS)
        return FileResponse(folder / "index.html", headers=HEADERS | {"cache-control": "no-cache"})
    name = path.removeprefix("/assets/")
    file = folder / "assets" / name
    if "/" in name or "\\" in name or name.startswith(".") or not file.is_file():
        return PlainTextResponse(f"{path[:200]}: nothing is here\n", status_code=404, headers=HEADERS)
    return FileResponse(file, headers=HEADERS | {"cache-control": _FOR_EVER})
