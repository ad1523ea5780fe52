"""A stretch of source with nothing but code in it: what looks for names must not find them in prose."""

from __future__ import annotations

import re
from functools import lru_cache

_PROSE = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`", re.DOTALL
)
_HOLE = re.compile(r"\$\{[^{}]*\}")


@lru_cache(maxsize=4)  # one function's text is asked for once for each promise in it
def bare(text: str) -> str:
    """The same number of characters, with comments and the text of strings turned into blanks; what
    stands in the holes of a template stays."""
    return _PROSE.sub(lambda match: _blank(match[0]), text)


def _blank(prose: str) -> str:
    if prose[0] != "`":
        return re.sub(r"[^\n]", " ", prose)
    parts, at = [], 0
    for hole in _HOLE.finditer(prose):
        parts += [re.sub(r"[^\n]", " ", prose[at : hole.start()]), hole[0]]
        at = hole.end()
    return "".join([*parts, re.sub(r"[^\n]", " ", prose[at:])])
