"""The order in which objects serve values: do reads fit one order of the writes, each before the next?

For each value there is a time at which it must have been there: from the first end of an operation about
it to the last start of one ("forward"), or, where all of them overlap, some moment between the last start
and the first end ("backward"). There is an order if and only if no two forward times overlap, and no
backward time lies within a forward one (Gibbons and Korach, Testing Shared Memories, 1997).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from tests.live.history import FIRST, Operation

Zone = tuple[float, float, Operation | None]
"""From the first end to the last start of what is about a value, and the last read of it."""


def turned(operations: list[Operation], span: tuple[float, float]) -> Operation | None:
    """A read within the span, from object-first on, that fits into no order; None: they all do.

    What was written before the span began may have been the first of it.
    """
    zones = list(_zones(operations, span))
    forward = sorted((zone for zone in zones if zone[0] < zone[1]), key=lambda zone: zone[0])
    backward = [(last, first) for first, last, _ in zones if last <= first]
    for before, after in pairwise(forward):
        if after[0] < before[1]:
            return after[2] or before[2]
    for start, end, read in forward:
        if any(start < last and first < end for last, first in backward):
            return read
    return None


def _zones(operations: list[Operation], span: tuple[float, float]) -> Iterator[Zone]:
    began, ended = span
    about: dict[int | None, list[Operation]] = {}
    for one in operations:
        found = one.verb == "get" and one.done and one.value is not None and one.stage >= FIRST
        if found and began <= one.start and one.end <= ended:
            about.setdefault(one.value, []).append(one)
    for one in operations:
        if one.verb not in ("put", "update"):
            continue
        seen = about.get(one.value, [])
        if not seen and (not one.done or one.end < began):
            continue
        written = (one.start, one.end if one.done else math.inf)
        if one.lands < began:
            written = (-math.inf, began)
        first = min([written[1], *(read.end for read in seen)])
        last = max([written[0], *(read.start for read in seen)])
        yield first, last, max(seen, key=lambda read: read.start, default=None)
