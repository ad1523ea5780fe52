"""Which bytes go with a statement that is deleted: its line, and one of two blank lines that would meet."""

from __future__ import annotations

import re

_BLANK = re.compile(rb"[ \t]*\r?\n")
_CLOSING = re.compile(rb"[ \t]*[})]")
_BOM = b"\xef\xbb\xbf"


def whole(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """The bytes of a statement with its line break, or with the blanks behind it when something else,
    such as a comment, stands on its lines."""
    first = raw.rfind(b"\n", 0, start) + 1
    last = raw.find(b"\n", end)
    last = len(raw) if last < 0 else last + 1
    if first == 0 and raw.startswith(_BOM):
        first = len(_BOM)
    if raw[first:start].strip() or raw[end:last].strip():
        while raw[end : end + 1] in (b" ", b"\t"):
            end += 1
        return start, end
    before, after = _line_before(raw, first), _BLANK.match(raw, last)
    if after is not None and (not before.strip() or before.rstrip().endswith((b"{", b"("))):
        return first, after.end()
    if before and not before.strip() and _CLOSING.match(raw, last):
        return first - len(before), last
    return first, last


def indent(raw: bytes, at: int) -> bytes:
    """The blanks at the beginning of the line that an offset is in."""
    first = raw.rfind(b"\n", 0, at) + 1
    found = _INDENT.match(raw, first)
    return found[0] if found is not None else b""


_INDENT = re.compile(rb"[ \t]*")


def _line_before(raw: bytes, at: int) -> bytes:
    """The line that ends where another one begins, b"" at the beginning of the file."""
    return raw[raw.rfind(b"\n", 0, max(at - 1, 0)) + 1 : at]
