"""The gate: three doors, the conditions of each, and what they come to.

A condition that nothing speaks for is unproven, never passed; one that something speaks against is
failed. One failed condition shuts the door, one unproven leaves it unproven, and only then is it open.
A condition may be waived, with a reason; it stays in every verdict as what it is.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Door(enum.StrEnum):
    """What a verdict allows, and nothing else."""

    OBJECT_FIRST = "object-first"
    """the application reads the target first"""
    OBJECT_ONLY = "object-only"
    """the application forgets KV"""
    CLEANUP = "cleanup"
    """KV may be emptied, and the migration finished"""


class Standing(enum.StrEnum):
    """What is known of a condition."""

    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"


class Word(enum.StrEnum):
    """The verdict in one word."""

    OPEN = "open"
    SHUT = "shut"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a door.

    `said`: what the evidence is, one sentence. `at`: when the oldest of it was gathered, Unix seconds.
    `evidence`: the digests of the documents that it rests on. `todo`: what to type, or to do, when it
    did not pass. `waived`: why somebody lets it be, None when nobody does.
    """

    name: str
    standing: Standing
    said: str
    at: float | None = None
    evidence: tuple[str, ...] = ()
    todo: str = ""
    waived: str | None = None

    @property
    def counts(self) -> Standing:
        """What it adds to the verdict."""
        return self.standing if self.waived is None else Standing.PASSED


def judge(conditions: Iterable[Condition]) -> Word:
    """The verdict. A door without conditions is not open: nothing was shown."""
    found = {condition.counts for condition in conditions}
    if Standing.FAILED in found:
        return Word.SHUT
    return Word.OPEN if found == {Standing.PASSED} else Word.UNPROVEN
