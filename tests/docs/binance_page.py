"""docs/reference/binance.md, written from the dialect's own tables: endpoints, their parameters, streams, codes.

To write it anew: python -m tests.docs.binance_page
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from isocross.codes import Refusal
from isocross.venue.binance import app
from isocross.venue.binance.refusals import TEXTS, WIRE_CODE
from isocross.venue.binance.requests import Request
from isocross.venue.binance.routes import ENDPOINTS, Security
from isocross.venue.binance.websocket_api import METHODS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "binance.md"
assert app.MODULES  # they enter the endpoints
_SECURITY = {Security.NONE: "none", Security.KEY: "key", Security.SIGNED: "signed"}
_HEAD = """\
# The API of Binance USDⓈ-M Futures, as this venue speaks it

Written from the tables of `venue/binance/` by `python -m tests.docs.binance_page`; a test compares. How to connect: [bots](../guides/bots.md).

Parameters come in the query, the body, or both, for every method; `?` marks those that may be missing. `signed` asks for the header `X-MBX-APIKEY` and the
parameters `timestamp` and `signature`; `recvWindow?` goes with every one of them. What is not listed is ignored.
"""
_STREAMS = """\
## Streams

At `/ws/NAME/NAME`, `/stream?streams=NAME/NAME`, or by `SUBSCRIBE` on an open socket; also below `/public`, `/market` and `/private`. Names in any case of the symbol:

`SYMBOL@aggTrade`, `@trade`, `@markPrice[@1s]`, `@kline_INTERVAL`, `@bookTicker`, `@ticker`, `@miniTicker`, `@forceOrder`, `@depth[@0ms|@100ms|@250ms|@500ms]`,
`@depth5|10|20[@…]`; `PAIR_perpetual@continuousKline_INTERVAL`; `!markPrice@arr[@1s]`, `!bookTicker`, `!ticker@arr`, `!miniTicker@arr`, `!forceOrder@arr`, `!contractInfo` (a
status or a bracket table that has changed).

The user data stream: `/ws?listenKey=K`, `/ws/K`, `/stream?streams=K`, or `SUBSCRIBE` to K; `&events=A/B` for some events alone. Per fill `TRADE_LITE`,
`ORDER_TRADE_UPDATE`, `ACCOUNT_UPDATE`, in this order; besides `ALGO_UPDATE`, `ACCOUNT_CONFIG_UPDATE`, `MARGIN_CALL`, `listenKeyExpired`.
"""


def page() -> str:
    """The whole page."""
    endpoints = "\n".join(
        _endpoint(method, path) for path, method in sorted((path, method) for method, path in ENDPOINTS)
    )
    methods = "\n".join(f"| `{name}` | {method} {path} |" for name, (method, path) in METHODS.items())
    codes = "\n".join(f"| {code} | {text} | {_refusals(code)} |" for code, text in sorted(TEXTS.items(), reverse=True))
    return "\n".join(
        (
            _HEAD,
            "## Endpoints\n\n| endpoint | security | parameters | what |\n| --- | --- | --- | --- |",
            f"{endpoints}\n",
            _STREAMS,
            "## WebSocket API\n\nAt `/ws-fapi/v1`.\n\n| method | as |\n| --- | --- |",
            f"{methods}\n",
            "## Codes\n\nThe last column: the engine's refusals that are told by the code ([commands](commands.md)).\n",
            f"| code | text | refusals |\n| --- | --- | --- |\n{codes}\n",
        )
    )


def _endpoint(method: str, path: str) -> str:
    one = ENDPOINTS[method, path]
    what = (one.handler.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return f"| {method} {path} | {_SECURITY[one.security]} | {_parameters(one.request)} | {what} |"


def _parameters(request: type[Request]) -> str:
    hints = get_type_hints(request)
    shown = [
        f"`{field.encode_name}{'' if field.required else '?'}`" + _kind(hints[field.name])
        for field in msgspec.structs.fields(request)
    ]
    return ", ".join(shown)


def _kind(hint: Any) -> str:
    kinds = get_args(hint) if get_origin(hint) not in (None, list) else (hint,)
    return " (a list)" if any(get_origin(kind) is list for kind in kinds if not isinstance(kind, type(Enum))) else ""


def _refusals(code: int) -> str:
    return ", ".join(refusal.name for refusal in Refusal if WIRE_CODE.get(refusal) == code)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
