"""OpenAPI: what the control plane has, as a document that tools read.

Responsible for: the document, from the table of endpoints and the types. Must not: say anything that is not in these.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from .routes import ENDPOINTS

KEY_HEADER = "x-isocross-key"


class ErrorAnswer(msgspec.Struct):
    """Why a request was not carried out."""

    error: str  # a stable code
    message: str


_ERRORS = {
    "400": "What was asked for cannot be: the message names it",
    "401": "The control key is missing or wrong",
    "404": "Nothing is there",
    "409": "The exchange refused; `error` begins with `refused.` and names the refusal",
    "413": "The body is too large",
    "503": "The venue accepts nothing more until it is started again",
}


@cache
def document() -> bytes:
    """The document as JSON."""
    from importlib.metadata import version

    types = [one for each in ENDPOINTS for one in (each.request, each.answer) if one is not None]
    schemas, components = msgspec.json.schema_components(
        [*types, ErrorAnswer], ref_template="#/components/schemas/{name}"
    )
    of_type = dict(zip(map(id, [*types, ErrorAnswer]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in ENDPOINTS:
        operation: dict[str, Any] = {
            "summary": one.summary,
            "operationId": f"{one.method.lower()}{one.path.replace('/', '_').replace('{', '').replace('}', '')}",
            "responses": {"200": _json("Done, and on disk", of_type[id(one.answer)])},
            "security": [{"key": []}],
        }
        operation["responses"] |= {
            status: _json(text, of_type[id(ErrorAnswer)])
            for status, text in _ERRORS.items()
            if status != "413" or one.request is not None
        }
        if one.parts:
            operation["parameters"] = [
                {"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in one.parts
            ]
        if one.request is not None:
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": of_type[id(one.request)]}},
            }
        paths.setdefault(one.path, {})[one.method.lower()] = operation
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "isocross control plane",
                "version": version("isocross"),
                "description": "Clock, prices, accounts, worlds beside the venue, faults and alarms of one venue.",
            },
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": KEY_HEADER}},
            },
        }
    )


def _json(text: str, schema: Any) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
