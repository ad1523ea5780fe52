"""How often a cron trigger of a Worker fires."""

from __future__ import annotations

import re

SELDOM, OFTEN = 24, 288
"""Runs a day: up to the first (one an hour) a write on each is nothing to speak of, beyond the second
(one in five minutes) it is much."""
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7))

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = {name: number for names in (_DAYS, _MONTHS) for number, name in enumerate(names, 1)}
_NAME = re.compile(rf"\b(?:{'|'.join(_NAMES)})\b", re.IGNORECASE)


def runs_a_day(cron: str) -> float | None:
    """Times a day on average, from minutes, hours and days; None for an expression that is none.

    Five fields as Cloudflare reads them; `L` and `W` count as one value.
    """
    fields = _NAME.sub(lambda match: str(_NAMES[match[0].lower()]), cron).split()
    if len(fields) != len(_RANGES):
        return None
    counts = [_count(field, low, high) for field, (low, high) in zip(fields, _RANGES, strict=True)]
    if any(count is None for count in counts):
        return None
    minutes, hours, days, months, weekdays = (count or 1 for count in counts)
    return minutes * hours * min(days / 31, weekdays / 7) * months / 12


def _count(field: str, low: int, high: int) -> int | None:
    """How many values of a range a field allows."""
    found: set[int] = set()
    others = 0
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        try:
            every = int(step) if slash else 1
            if span == "*":
                begin, end = low, high
            else:
                begin = int(first)
                end = int(last) if dash else high if slash else begin
        except ValueError:
            if not any(letter.isalnum() for letter in part):
                return None
            others += 1
            continue
        if every < 1:
            return None
        found.update(range(begin, end + 1, every))
    return len(found) + others or None
