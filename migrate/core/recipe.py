"""Which way a migration goes, decided from what a listing and an audit have shown.

adopt   the application writes both stores already: say who is right, then mend and verify
drain   every session is gone within a day: write both, wait, verify; there is nothing to copy
copy    all others
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

SHORT = 90_000.0
"""Seconds: a day, and an hour for clocks and for what is written late. Sessions that live no longer are
gone before a copy, its sweeps and its settled verify would have gained anything."""


class Recipe(enum.StrEnum):
    """The way to go."""

    COPY = "copy"
    DRAIN = "drain"
    ADOPT = "adopt"


class Because(enum.StrEnum):
    """Why this one."""

    BOTH_WRITTEN = "the code writes sessions to both stores already"
    LEGACY = "the target has rows from before kvferry"
    ENDING = "every session ends soon"
    LASTING = "some sessions never expire"
    LONG = "some sessions live longer than a day"
    UNKNOWN = "it is not known when every session ends"
    STILL = "nobody writes this source, so waiting changes nothing"
    EMPTY = "no session was listed"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Of the sessions listed: how many, how many without an end, and of which the end is not known; `latest`:
    seconds until the last of the others ends, None when there is none. `whole`: all were listed."""

    keys: int
    never: int
    unknown: int
    latest: float | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A recipe, its reason, and for a drain the seconds to wait."""

    recipe: Recipe
    because: Because
    wait: float = 0.0


def choose(lifetimes: Lifetimes, *, live: bool, legacy: int, both: int) -> Choice:
    """The recipe. `live`: an application writes the source; `legacy`: rows in the target from before
    kvferry; `both`: places of the code that write sessions to both stores."""
    if legacy:
        return Choice(Recipe.ADOPT, Because.LEGACY)
    if both:
        return Choice(Recipe.ADOPT, Because.BOTH_WRITTEN)
    why = _lasting(lifetimes) if live else Because.STILL
    if why is not None:
        return Choice(Recipe.COPY, why)
    return Choice(Recipe.DRAIN, Because.ENDING, max(0.0, lifetimes.latest or 0.0))


def _lasting(lifetimes: Lifetimes) -> Because | None:
    """Why sessions do not drain, None when they do."""
    if lifetimes.unknown or not lifetimes.whole:
        return Because.UNKNOWN
    if not lifetimes.keys:
        return Because.EMPTY
    if lifetimes.never:
        return Because.LASTING
    return Because.LONG if (lifetimes.latest or 0.0) > SHORT else None
