"""Which halves a write has at a stage, in what order, and what its caller is told: decided from how the
halves ended, and from nothing else.

A write is acknowledged when it is in every store that a live process may believe, and the stage says
which store that is. The object's half comes first wherever there is one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import assert_never

from migrate.core.protocol.half_calls import REFUSALS, End
from migrate.core.protocol.stages import Stage


class Verb(enum.StrEnum):
    """What is written."""

    PUT = "put"
    TOUCH = "touch"
    DELETE = "delete"


class Half(enum.StrEnum):
    """Where."""

    OBJECT = "object"
    KV = "kv"


class Answer(enum.StrEnum):
    """What the caller is told. DONE: acknowledged. FAILED: the caller gets the error. UNEXTENDED: a touch
    that may not have extended the session, which is no error. The others are the object's word: nothing
    was written."""

    DONE = "done"
    FAILED = "failed"
    UNEXTENDED = "unextended"
    GONE = "gone"
    CHANGED = "changed"
    MISSING = "missing"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Ends:
    """How the halves of a write ended, as far as they have; None: not yet, or there is none."""

    object: End | None = None
    kv: End | None = None


NO_HALVES = Ends()
"""None has begun."""


def next_half(stage: Stage, verb: Verb, ends: Ends) -> Half | None:
    """The half that comes next; None: there is none any more."""
    if stage is not Stage.KV and ends.object is None:
        return Half.OBJECT
    if stage is Stage.OBJECT_ONLY or ends.kv is not None:
        return None
    return Half.KV if ends.object is None or _goes_on(stage, verb, ends.object) else None


def _goes_on(stage: Stage, verb: Verb, ended: End) -> bool:
    """Does KV's half follow? What the object refused knowingly is not written to KV either."""
    if ended is End.DONE:
        return True
    if ended in REFUSALS:
        return False
    # A logout that the object does not know of yet leaves KV all the same: the caller gets the error.
    return stage is Stage.DUAL_WRITE or (stage is Stage.SHADOW_READ and verb is Verb.DELETE)


def answer_of(stage: Stage, verb: Verb, ends: Ends) -> Answer | None:
    """What the caller is told, as soon as it can be; None: not yet. With no half left it is never None."""
    if stage is Stage.KV:
        return None if ends.kv is None else _told(ends.kv is End.DONE)
    if ends.object is None:
        return None
    if ends.object in REFUSALS:
        return Answer(ends.object)
    in_object, in_kv = ends.object is End.DONE, ends.kv is End.DONE
    match stage:
        case Stage.DUAL_WRITE:
            strict = verb is Verb.DELETE
            return None if ends.kv is None else _told(in_kv and (in_object or not strict))
        case Stage.SHADOW_READ:
            if next_half(stage, verb, ends) is not None:
                return None
            both = in_object and in_kv
            return Answer.UNEXTENDED if verb is Verb.TOUCH and not both else _told(both)
        case Stage.OBJECT_FIRST | Stage.OBJECT_ONLY:
            return _told(in_object)
        case _:
            assert_never(stage)


def _told(done: bool) -> Answer:
    return Answer.DONE if done else Answer.FAILED
