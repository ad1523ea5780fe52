"""Markdown that holds somebody else's words: text stays text, a command stays code, a table a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from migrate.formats.figures import clean

_MARKUP = re.compile(r"([\\`*_\[\]<>|~#$&])")
_AUTOMATIC = re.compile(r"@|://|\bwww\.")
"""What GitHub turns into a mention or a link by itself, wherever it stands."""

_INSIDE = "<!-- -->"
"""Is not shown, and parts what would otherwise be taken together."""


def words(text: str, most: int | None = None) -> str:
    """Text on one line in which nothing is markup, nobody is mentioned, and nothing is a link.

    `most`: characters of it that are shown.
    """
    short = text if most is None or len(text) <= most else text[:most] + " …"
    plain = _MARKUP.sub(r"\\\1", clean(short))
    return _AUTOMATIC.sub(lambda found: found[0][:1] + _INSIDE + found[0][1:], plain)


def code(text: str) -> str:
    """Text on one line as code, whatever ticks are in it. Not for a cell of a table: `|` would end it."""
    plain = clean(text)
    longest = max(map(len, re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {plain} {fence}" if longest else f"`{plain}`"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; its cells are markup already."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
