"""Whether shadow-read is at rest: what going back to dual-write must know before its first row. Pure.

It begins H after the last isolate of another stage has gone: one at `kv` or `dual-write` would already read
what is still being written, one at `object-first` makes rows that KV does not get.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.core.comparing import Stage
from migrate.core.gate.asking import Answer, Asked, span
from migrate.core.gate.at_work import one_version, stage_everywhere
from migrate.core.gate.evidence import Live
from migrate.core.gate.verdict import Standing


class Word(enum.StrEnum):
    """How a condition stands. NOTE: it is worth knowing, and holds nobody up."""

    OK = "ok"
    FAILED = "failed"
    UNPROVEN = "unproven"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Line:
    """One condition: how it stands, why, and the next command where it does not hold."""

    name: str
    word: Word
    said: str
    todo: str = ""

    @property
    def holds(self) -> bool:
        """Does it let a rollback begin?"""
        return self.word in (Word.OK, Word.NOTE)


_WORDS = {Standing.PASSED: Word.OK, Standing.FAILED: Word.FAILED, Standing.UNPROVEN: Word.UNPROVEN}


def at_rest(asked: Asked, *, counted: bool, word: str | None = None) -> Iterator[Line]:
    """The lines about who is at work. `asked`: the door to object-first, whose stage is shadow-read.

    `counted`: can the target tell who is at work? `word`: the stage by the operator's word, for one that
    cannot.
    """
    if not counted:
        yield _by_word(word, asked)
        return
    yield _line("stage", stage_everywhere(asked))
    if (live := asked.evidence.live) is not None and live.heartbeats:
        yield _none_ahead(asked, live)
        yield _heard(asked, live)
    version = _line("version", one_version(asked))
    known = asked.evidence.deployed is not None
    yield version if known else Line(version.name, Word.NOTE, version.said, version.todo)


def _by_word(word: str | None, asked: Asked) -> Line:
    if word is None:
        said = "this target cannot tell at which stage the application is"
        return Line("stage", Word.UNPROVEN, said, "say it, once it is so: --stage shadow-read")
    if word != Stage.SHADOW_READ:
        todo = f"deploy SESSION_STAGE=shadow-read everywhere, and wait for {span(asked.horizon)}"
        return Line("stage", Word.FAILED, f"the application is at {word}, by your word", todo)
    said = f"shadow-read, everywhere and for {span(asked.horizon)} at least, by your word"
    return Line("stage", Word.OK, said)


def _none_ahead(asked: Asked, live: Live) -> Line:
    """Has no isolate of object-first or object-only been at work within H?"""
    gone = _gone(live)
    if gone == float("-inf"):
        return Line("ahead", Word.OK, "nobody was ever at object-first")
    quiet = live.at - gone
    if quiet < 0:
        todo = "deploy SESSION_STAGE=shadow-read to 100 %"
        return Line("ahead", Word.FAILED, "still at work: object-first, or object-only", todo)
    said = f"object-first has been gone for {span(quiet)}"
    if quiet < asked.horizon:
        return Line("ahead", Word.UNPROVEN, said, f"ask again in {span(asked.horizon - quiet)}")
    return Line("ahead", Word.OK, said)


def ahead(asked: Asked) -> float:
    """Until when writes of object-first or object-only may have arrived: H after the last isolate, Unix
    seconds; minus infinity when none was ever heard."""
    live = asked.evidence.live
    return float("-inf") if live is None else _gone(live) + asked.horizon


def _gone(live: Live) -> float:
    beats = [one.last + live.beat_every for one in live.heartbeats if Stage.SHADOW_READ.before(one.stage)]
    return max(beats, default=float("-inf"))


def _heard(asked: Asked, live: Live) -> Line:
    """Is shadow-read itself at work? What is only silent may be anything."""
    heard = [one.last for one in live.heartbeats if one.stage is Stage.SHADOW_READ]
    silent = live.at - max(heard, default=float("-inf"))
    if silent > 3 * live.beat_every:
        said = "nobody was seen at shadow-read" if not heard else f"nobody was heard for {span(silent)}"
        return Line("heard", Word.UNPROVEN, said, "send the application a request")
    return Line("heard", Word.OK, "shadow-read is at work")


def _line(name: str, answer: Answer) -> Line:
    word = _WORDS[answer.standing]
    return Line(name, word, answer.said, "" if word is Word.OK else answer.todo)
