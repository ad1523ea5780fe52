"""JSON with comments and trailing commas, read without moving a character.

What plain JSON does not know is overwritten with blanks of the same length, so every offset and
line number that the standard library reports is true of the text as it was written.
"""

from __future__ import annotations

import json
import re

_STRING = r'"(?:[^"\\\n\r]|\\[^\n\r])*"'
_COMMENT = re.compile(rf"{_STRING}|//[^\n\r]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TRAILING = re.compile(rf"{_STRING}|,(?=\s*[\]}}])")
_VISIBLE = re.compile(r"[^\n\r]")
_OPENERS = "[{,:"
"""Behind one of these a comma stands for a missing value, which stays an error."""


class JsoncError(ValueError):
    """The text is not JSON, not even with comments; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def blank(text: str) -> str:
    """The same text with comments and trailing commas turned into blanks; line ends stay.

    Raises JsoncError for a comment that is never closed. A byte order mark is blanked too.
    """
    if text.startswith("\ufeff"):
        text = " " + text[1:]
    return _TRAILING.sub(_without_comma, _COMMENT.sub(_without_comment, text))


def loads(text: str) -> object:
    """The value of JSON with comments. Raises JsoncError with the line of the first error."""
    try:
        return json.loads(blank(text), parse_constant=_refuse)
    except JsoncError:
        raise
    except json.JSONDecodeError as error:
        raise JsoncError(error.msg[:1].lower() + error.msg[1:], error.lineno) from None
    except ValueError as error:  # NaN, or a number with thousands of digits
        raise JsoncError(str(error).partition(";")[0].lower(), 1) from None
    except RecursionError:
        raise JsoncError("nested too deeply", 1) from None


def _without_comment(match: re.Match[str]) -> str:
    found = match[0]
    if found.startswith('"'):
        return found
    if found.startswith("/*") and (len(found) < 4 or not found.endswith("*/")):
        raise JsoncError("a comment is never closed", match.string.count("\n", 0, match.start()) + 1)
    return _VISIBLE.sub(" ", found)


def _without_comma(match: re.Match[str]) -> str:
    if match[0] != ",":
        return match[0]
    before = match.start() - 1
    while before >= 0 and match.string[before].isspace():
        before -= 1
    return "," if before < 0 or match.string[before] in _OPENERS else " "


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
