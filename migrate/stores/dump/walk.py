"""Walks a large JSON document from member to member, without holding it, and knows the lines.

A window slides over the bytes, decoded as Latin-1: one character per byte, so that what lies
between two positions is given back byte for byte, whatever its encoding. Only the outermost
array or object is walked; its members come as raw JSON, to be parsed strictly by the caller
(here only their ends are found).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from json.decoder import JSONDecodeError
from typing import BinaryIO, NoReturn

_STEP = 1 << 18
_SLACK = 16
"""An error this close to the window's end may be a token that was cut there."""

_LONGEST = 1 << 28
"""No item is longer: 25 MiB of value, each byte written as six, and some."""

_SPACE = " \t\n\r"


class WalkError(Exception):
    """The document is not JSON: why, and at which line (from 1)."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class Walker:
    """One pass over one JSON document. All methods but the first may raise WalkError."""

    def __init__(self, stream: BinaryIO) -> None:
        """`stream` is read in pieces, from where it stands."""
        self._stream = stream
        self._text = ""
        self._at = 0
        self._counted = 0
        self._line = 1
        # numbers stay text: only their ends matter, and int() refuses very long ones
        self._decoder = json.JSONDecoder(parse_int=str, parse_float=str)

    def peek(self) -> str:
        """The next character that is not white space, without passing it; empty at the end."""
        while True:
            while self._at < len(self._text):
                char = self._text[self._at]
                if char not in _SPACE:
                    return char
                self._at += 1
            if not self._more():
                return ""

    def elements(self) -> Iterator[tuple[bytes, int]]:
        """Each element of the array that comes next: its raw JSON and the line where it begins."""
        self._take("[")
        more = self._opened("]")
        while more:
            yield self._value()
            more = self._another("]")

    def members(self) -> Iterator[tuple[bytes, bytes, int]]:
        """Each member of the object that comes next: raw name, raw value, the line of the name."""
        self._take("{")
        more = self._opened("}")
        while more:
            if self.peek() != '"':
                self.fail("a member's name is missing")
            name, line = self._value()
            self._take(":")
            yield name, self._value()[0], line
            more = self._another("}")

    def first_name(self) -> bytes | None:
        """The raw name of the first member of the object that comes next; None when it has none."""
        self._take("{")
        return self._value()[0] if self.peek() == '"' else None

    def rest(self) -> bytes:
        """What follows, stripped, up to 100 bytes of it."""
        self.peek()
        while len(self._text) - self._at < 100 and self._more():
            pass
        return self._text[self._at :][:100].strip().encode("latin-1")

    def fail(self, reason: str) -> NoReturn:
        """Raise WalkError for the place that was reached."""
        raise WalkError(reason, self._count())

    def _opened(self, close: str) -> bool:
        """Behind the opening: does anything come before the closing?"""
        if self.peek() != close:
            return True
        self._at += 1
        return False

    def _another(self, close: str) -> bool:
        """Behind a member: pass the comma, or the closing (False)."""
        char = self.peek()
        if char not in (",", close):
            self.fail(f"a comma or {close} is missing")
        self._at += 1
        if char == "," and self.peek() == close:
            self.fail("a comma too many")
        return char == ","

    def _take(self, char: str) -> None:
        if self.peek() != char:
            self.fail(f"{char} is missing")
        self._at += 1

    def _value(self) -> tuple[bytes, int]:
        """The next value's raw JSON and its line."""
        if not self.peek():
            self.fail("the document ends too early")
        line = self._count()
        while True:
            try:
                _, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError:
                self.fail("nested too deeply")
            except JSONDecodeError as error:
                if self._cut(error) and self._more():
                    continue
                self.fail(f"not JSON ({error.msg.lower()})")
            # a number may go on behind the window: `1`, `1.` and `1e+` are all read as 1
            if end + 3 <= len(self._text) or not self._more():
                raw = self._text[self._at : end].encode("latin-1")
                self._at = end
                return raw, line

    def _cut(self, error: JSONDecodeError) -> bool:
        """May the error come from the window's end alone?"""
        if error.msg.startswith("Unterminated string"):
            return len(self._text) - self._at < _LONGEST
        return error.pos > len(self._text) - _SLACK

    def _more(self) -> bool:
        """Move the window on; False at the end of the document. Doubles, so that long values stay linear."""
        chunk = self._stream.read(max(_STEP, len(self._text) - self._at))
        if chunk:
            self._count()
            self._text = self._text[self._at :] + chunk.decode("latin-1")
            self._at = self._counted = 0
        return bool(chunk)

    def _count(self) -> int:
        """The line of the current position."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
