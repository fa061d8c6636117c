"""Lines: on which line of a TOML or JSON file every table, key and array element stands.

Responsible for: that map, for text which a parser has accepted. Must not: parse a value, judge a file.

A path is what leads to a place: ("symbol", "BTCUSDT", "brackets", 2) is the third bracket. Keys are as the file's parser
gives them: quoted and dotted ones included. A table that was opened twice keeps its first line.
"""

from __future__ import annotations

import json
import re
import tomllib
from abc import ABC, abstractmethod

Path = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t\r]*")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TOML_TEXT = re.compile(r'"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_JSON_TEXT = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\n#]*")


def toml_lines(text: str) -> dict[Path, int]:
    """Path → line, of TOML text that tomllib accepts."""
    return _Toml(text).found


def json_lines(text: str) -> dict[Path, int]:
    """Path → line, of JSON text that json accepts."""
    return _Json(text).found


class _Walk(ABC):
    """A walk through a text from value to value, noting where each begins."""

    _text: re.Pattern[str]

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self._counted_to, self._line = 0, 1

    def note(self, path: Path) -> None:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        self.found.setdefault(path, self._line)

    def skip(self, pattern: re.Pattern[str]) -> str:
        """Go past what `pattern` matches here; it may match nothing."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group()

    def comes(self, sign: str) -> bool:
        """Whether `sign` stands here; if so, go past it."""
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def value(self, path: Path) -> None:
        if self.comes("["):
            self._array(path)
        elif self.comes("{"):
            self._object(path)
        elif not self.skip(self._text):
            self.skip(_SCALAR)

    def _array(self, path: Path) -> None:
        place = 0
        while True:
            self.skip(_SPACE)
            if self.comes("]"):
                return
            self.note((*path, place))
            self.value((*path, place))
            place += 1
            self.skip(_SPACE)
            self.comes(",")

    def _object(self, path: Path) -> None:
        while True:
            self.skip(_SPACE)
            if self.comes("}"):
                return
            self.pair(path)
            self.skip(_SPACE)
            self.comes(",")

    @abstractmethod
    def pair(self, path: Path) -> None:
        """A key with its value."""


class _Toml(_Walk):
    _text = _TOML_TEXT

    def __init__(self, text: str) -> None:
        super().__init__(text)
        table: Path = ()
        while True:
            self.skip(_SPACE)
            if self.at >= len(text):
                return
            if self.comes("["):
                table = self._header()
            else:
                self.pair(table)

    def _header(self) -> Path:
        is_list = self.comes("[")
        table = self._resolved(self._key())
        if is_list:
            table = (*table, sum(1 for path in self.found if path[:-1] == table and isinstance(path[-1], int)))
            self.note(table[:-1])
        for length in range(1, len(table) + 1):
            self.note(table[:length])
        self.comes("]]" if is_list else "]")
        return table

    def _resolved(self, keys: Path) -> Path:
        """A header's keys, with the last element wherever one names a list of tables."""
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            last = -1
            while (*path, last + 1) in self.found:
                last += 1
            if last >= 0 and place + 1 < len(keys):
                path = (*path, last)
        return path

    def pair(self, path: Path) -> None:
        start = self.at
        keys = self._key()
        after, self.at = self.at, start
        for length in range(1, len(keys) + 1):
            self.note((*path, *keys[:length]))
        self.at = after
        self.comes("=")
        self.skip(_BLANK)
        self.value((*path, *keys))

    def _key(self) -> Path:
        """A key, its parts where it is dotted; what comes after it is not blank."""
        parts: list[str] = []
        while True:
            self.skip(_BLANK)
            bare = self.skip(_BARE_KEY)
            parts.append(bare if bare else next(iter(tomllib.loads(f"{self.skip(_TOML_TEXT)} = 0"))))
            self.skip(_BLANK)
            if not self.comes("."):
                return tuple(parts)


class _Json(_Walk):
    _text = _JSON_TEXT

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.skip(_SPACE)
        self.note(())
        self.value(())

    def pair(self, path: Path) -> None:
        match = _JSON_TEXT.match(self.text, self.at)
        assert match is not None, "json accepted this text"
        name = str(json.loads(match.group()))
        self.note((*path, name))
        self.at = match.end()
        self.skip(_SPACE)
        self.comes(":")
        self.skip(_SPACE)
        self.value((*path, name))
