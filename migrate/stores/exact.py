"""JSON that keeps its numbers: parsed fast where nothing can be lost, to the letter where it can.

A fast parser turns 0.1000000000000000055 and 12345678901234567890123 into the nearest double,
refuses 1e400 and escapes of lone surrogates; the metadata of a session may hold all of them, and
one such key must neither be changed nor keep a page of a thousand others from being read.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


class InexactError(ValueError):
    """The value was parsed fast and holds a number that may have been rounded."""


class Number(float):
    """A number that remembers its spelling."""

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str) -> Number:
        """Parse `text`; infinite when it is too big for a double."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def loads(content: bytes) -> Any:
    """Parse JSON. Raises ValueError when it is none, whatever is wrong with it."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return precise(content)


def precise(content: bytes) -> Any:
    """Parse JSON to the letter, about ten times slower. Raises ValueError."""
    try:
        return json.loads(content.decode("utf-8"), parse_float=Number, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: Any) -> str:
    """Compact JSON text of what `loads` or `precise` gave. Raises InexactError: parse it precisely."""
    if _rounded(value):
        raise InexactError
    try:
        return orjson.dumps(value).decode("utf-8")
    except TypeError:
        return _write(value)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _rounded(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return any(map(_rounded, value.values()))
    if kind is list:
        return any(map(_rounded, value))
    return kind is float


def _write(value: Any) -> str:
    """For what orjson does not write: `Number`, integers beyond 64 bits, lone surrogates."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{_write(name)}:{_write(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    if isinstance(value, str):
        return _write_text(value)
    return json.dumps(value)


def _write_text(text: str) -> str:
    try:
        return orjson.dumps(text).decode("utf-8")
    except TypeError:
        return json.dumps(text)
