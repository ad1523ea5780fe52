"""A session under an old name and its copy under a new one: what is to be done about each pair. Pure.

Workers KV knows neither insert-if-absent nor versions. So a copy is only ever written where nobody else
writes: whoever else has written under the new name is never written over, and that is told by what kvferry
remembers of its own writes (`Mine`).

    old   new          mine                      step
    yes   –            never written             COPY
    yes   –            written, H ago            CONFLICT: somebody deletes new names (COPY: it has expired)
    yes   equal                                  EQUAL
    yes   other        as we wrote it            UPDATE: the old name was written since
    yes   other        not as we wrote it        CONFLICT: somebody writes new names
    –     as we wrote  absent for H              FOLLOW: a logout is followed by deleting the copy
    –     there        never written             ALONE: somebody uses new names
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.core.cleaning import Print
from migrate.core.ports import LISTED, Answer, Tally, Unreadable
from migrate.core.record import NEVER, Key, Record, expired, same_metadata
from migrate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Names:
    """Two prefixes, neither of which begins with the other."""

    old: str
    new: str

    def __post_init__(self) -> None:
        if self.old.startswith(self.new) or self.new.startswith(self.old):
            raise ConfigError(
                "one of the two prefixes begins with the other: their keys cannot be told apart",
                "choose a new prefix that neither begins with the old one nor is its beginning",
            )

    def key(self, rest: str) -> Key:
        """The old key of what stands behind the prefix."""
        return Key(self.old + rest)

    def twin(self, rest: str) -> Key:
        """The new key."""
        return Key(self.new + rest)


class State(enum.StrEnum):
    """How a copy of ours stands."""

    PUTTING = "putting"
    COPIED = "copied"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Mine:
    """What was written under a new name: as it is, and as it was before the write that may not have arrived.

    `due`: Unix seconds; before that a reader may see something older, GONE: its old name may come back.
    `ends`: when what was written expires by itself, Unix seconds; None: never.
    """

    state: State
    due: float
    prints: tuple[Print, ...]
    ends: int | None = None

    def wrote(self, record: Record) -> bool:
        """Is this one of them?"""
        return any(one.fits(record) for one in self.prints)

    def body(self) -> dict[str, Any]:
        """As it is kept in the ledger."""
        return {"prints": [one.body() for one in self.prints], "ends": self.ends}

    @classmethod
    def read(cls, state: str, due: float, body: Mapping[str, Any]) -> Mine:
        """As it was kept."""
        prints = tuple(Print.read(one) for one in body["prints"])
        return cls(State(state), due, prints, body["ends"])


class Step(enum.StrEnum):
    """What is to be done about a pair. Those up to UNREAD are of listed old names: listed = their sum."""

    COPY = "missing"
    UPDATE = "behind"
    EQUAL = "equal"
    WAIT = "not_visible_yet"
    CONFLICT = "conflict"
    GONE = "gone"
    UNREAD = "unreadable"
    FOLLOW = "logged_out"
    FOLLOWING = "absent_once"
    ALONE = "only_new"
    NOTHING = "nothing"


class Wrote(enum.StrEnum):
    """What became of a pair that was to be written."""

    COPIED = "copied"
    UPDATED = "updated"
    EXPIRING = "expiring"
    FAILED = "failed"


OF_OLD = (Step.COPY, Step.UPDATE, Step.EQUAL, Step.WAIT, Step.CONFLICT, Step.GONE, Step.UNREAD, *Wrote)
"""What is counted among the listed old names; the other steps are counted beside."""


def balanced(tally: Tally) -> bool:
    """Law 5: is every listed old name in one class?"""
    return tally[LISTED] == sum(tally[name] for name in OF_OLD) and min(tally.values(), default=0) >= 0


def same(one: Record, other: Record) -> bool:
    """Do both hold the same value, metadata and expiration, exactly?"""
    beside = one.expiration == other.expiration and same_metadata(one.metadata, other.metadata)
    return beside and one.value == other.value


def step(old: Answer, new: Answer, mine: Mine | None, now: float, *, listed: bool) -> Step:
    """What is to be done. `listed`: the old name was; `now`: Unix seconds."""
    if isinstance(old, Unreadable) or isinstance(new, Unreadable):
        return Step.UNREAD if listed else Step.NOTHING
    if old is None:
        return Step.GONE if listed else _without_old(new, mine, now)
    if new is None:
        if mine is None or mine.state is State.PUTTING or expired(mine.ends or NEVER, now):
            return Step.COPY
        return Step.WAIT if now < mine.due else Step.CONFLICT
    if same(old, new):
        return Step.EQUAL
    if mine is not None and mine.wrote(new):
        return Step.UPDATE
    return Step.WAIT if mine is not None and now < mine.due else Step.CONFLICT


def _without_old(new: Record | None, mine: Mine | None, now: float) -> Step:
    if new is None:  # a copy may be there already, and not be shown yet
        return Step.NOTHING if mine is None or now >= mine.due else Step.FOLLOWING
    if mine is None:
        return Step.ALONE
    if not mine.wrote(new):
        return Step.FOLLOWING if now < mine.due else Step.ALONE
    return Step.FOLLOW if mine.state is State.GONE and now >= mine.due else Step.FOLLOWING


class Twin(enum.StrEnum):
    """What may be done with an old name once the code uses new ones. listed = the sum of all."""

    DELETED = "deleted"
    READY = "ready"
    LONE = "kept_no_twin"
    BEHIND = "kept_twin_behind"
    UNSURE = "kept_twin_unknown"
    UNREAD = "kept_unread"
    FAILED = "failed"
    GONE = "gone"


def twin(old: Answer, new: Answer, mine: Mine | None) -> Twin:
    """READY: its twin is the same, or was written since by somebody else, hence by the new code."""
    if isinstance(old, Unreadable) or isinstance(new, Unreadable):
        return Twin.UNREAD
    if old is None:
        return Twin.GONE
    if new is None:
        return Twin.LONE
    if same(old, new):
        return Twin.READY
    if mine is None:
        return Twin.UNSURE
    return Twin.BEHIND if mine.wrote(new) else Twin.READY
