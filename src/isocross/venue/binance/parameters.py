"""Parameters: from a query string, a body or a JSON object to a request type.

Responsible for: finding parameters wherever clients put them; reading each by the type of its field; the refusal of one that is
missing or malformed. Must not: trust a content type, judge a value beyond its form, know an endpoint.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote_plus

import msgspec

from .numbers import read_decimal
from .refusals import WireRefusalError, refuse
from .words import CODE_OF_MALFORMED, read_word

TEXT_MAX = 36  # of a text parameter that is no list
INTEGER_MAX = 2**63 - 1
LIST_TEXT_MAX = 65_536

RequestType = TypeVar("RequestType", bound=msgspec.Struct)
Reader = Callable[[str], Any]
_BOOLEANS = {"true": True, "false": False}


def parameters_of(query: bytes, body: bytes) -> dict[str, str]:
    """The parameters of a request; on a clash the query wins. Errors  -1102 for text that is not UTF-8."""
    found: dict[str, str] = {}
    for part in (body, query):
        if part:
            _take(part, found)
    return found


def _take(part: bytes, found: dict[str, str]) -> None:
    try:
        text = part.decode()
    except UnicodeDecodeError:
        raise refuse(-1102, "parameters") from None
    if "%" not in text and "+" not in text:
        found.update([pair.partition("=")[::2] for pair in text.split("&")])
        return
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        found[unquote_plus(name)] = unquote_plus(value)


def parameters_of_json(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a WebSocket API request as text, the way a query string would say them."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in parameters.items()
        if value is not None
    }


def read(request: type[RequestType], parameters: Mapping[str, str]) -> RequestType:
    """The request that the parameters say. Unknown ones are ignored, empty ones count as absent.

    Errors   WireRefusalError: -1102 for one that is missing or malformed, or the code of its kind (-1115, -1116, -1117 …).
    """
    shape = _shape(request)
    readers = shape.readers
    values: dict[str, Any] = {}
    try:
        if len(readers) < len(parameters):
            for name, (field, reader) in readers.items():
                text = parameters.get(name)
                if text:
                    values[field] = reader(text)
        else:
            for name, text in parameters.items():
                if text and name in readers:
                    field, reader = readers[name]
                    values[field] = reader(text)
        if shape.required <= values.keys() and not shape.has_synonyms:
            return request(**values)
    except ValueError:
        pass
    return _read_in_order(request, shape, parameters)


def _read_in_order(request: type[RequestType], shape: _Shape, parameters: Mapping[str, str]) -> RequestType:
    """The same, field by field: of several faults the first field's is told, of two names for one the first counts."""
    values: dict[str, Any] = {}
    for field, names, reader, is_required in shape.fields:
        for name in names:
            text = parameters.get(name)
            if text:
                try:
                    values[field] = reader(text)
                except ValueError:
                    raise _malformed(reader, name) from None
                break
        else:
            if is_required:
                raise refuse(-1102, names[0])
    return request(**values)


def _malformed(reader: Reader, name: str) -> WireRefusalError:
    code = getattr(reader, "code", -1102)
    return refuse(code) if code in (-1115, -1116, -1117, -1120) else refuse(code, name)


class _Shape(NamedTuple):
    """How a request type is read."""

    fields: tuple[tuple[str, tuple[str, ...], Reader, bool], ...]  # name, names on the wire, reader, must it be there
    readers: dict[str, tuple[str, Reader]]  # by name on the wire
    required: frozenset[str]
    has_synonyms: bool


@lru_cache
def _shape(request: type[msgspec.Struct]) -> _Shape:
    hints = get_type_hints(request)
    fields = []
    for field in msgspec.structs.fields(request):
        wire_name = field.encode_name
        names = (wire_name,) if wire_name == wire_name.lower() else (wire_name, wire_name.lower())
        if get_origin(_bare(hints[field.name])) is not list:
            names = names[:1]
        fields.append((field.name, names, _reader(hints[field.name]), field.required))
    return _Shape(
        tuple(fields),
        {name: (field, reader) for field, names, reader, _ in fields for name in names},
        frozenset(field for field, _, _, is_required in fields if is_required),
        any(len(names) > 1 for _, names, _, _ in fields),
    )


def _bare(hint: Any) -> Any:
    """A type without its `| None`."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def _reader(hint: Any) -> Reader:
    kind = _bare(hint)
    if get_origin(kind) is list:
        return _list_reader(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _WordReader(kind)
    return _READERS[kind]


class _WordReader:
    """Reads one of an enumeration's words."""

    def __init__(self, kind: type[Enum]) -> None:
        self._kind = kind
        self.code = CODE_OF_MALFORMED.get(kind, -1130)

    def __call__(self, text: str) -> Enum:
        return read_word(self._kind, text)


def _read_text(text: str) -> str:
    if len(text) > LIST_TEXT_MAX:
        raise ValueError(text)
    return text


def _read_integer(text: str) -> int:
    if not text.isascii() or not text.lstrip("+-").isdigit() or len(text) > 19:
        raise ValueError(text)
    number = int(text)
    if abs(number) > INTEGER_MAX:
        raise ValueError(text)
    return number


def _read_boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError(text)
    return value


def _read_decimal(text: str) -> Decimal:
    number = read_decimal(text)
    if number is None:
        raise ValueError(text)
    return number


_READERS: dict[Any, Reader] = {
    str: _read_text,
    int: _read_integer,
    bool: _read_boolean,
    Decimal: _read_decimal,
}


def _list_reader(kind: Any) -> Reader:
    """JSON text of a list; its elements may be numbers or strings."""
    if kind is not dict and get_origin(kind) is not dict:
        element = _READERS[kind]

        def read_list(text: str) -> list[Any]:
            return [element(item if isinstance(item, str) else _as_text(item)) for item in _json_list(text)]

        return read_list

    def read_objects(text: str) -> list[dict[str, str]]:
        found = _json_list(text)
        if not all(isinstance(item, dict) for item in found):
            raise ValueError(text)
        return [parameters_of_json(item) for item in found]

    return read_objects


def _json_list(text: str) -> list[Any]:
    if len(text) > LIST_TEXT_MAX:
        raise ValueError(text)
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise ValueError(text) from None
    if not isinstance(found, list):
        raise ValueError(text)
    return found


def _as_text(item: Any) -> str:
    if isinstance(item, bool) or not isinstance(item, int):
        raise ValueError(item)
    return str(item)
