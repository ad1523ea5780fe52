"""Since when nobody writes KV without the object: what a burial must know, by a gate's own questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from migrate.core.comparing import Stage
from migrate.core.gate.asking import Answer, Asked
from migrate.core.gate.at_work import one_version, stage_everywhere
from migrate.core.gate.evidence import Evidence
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door, Standing

_AT_ONCE = Policy(steady=0.0, least_horizon=0.0, flight=0.0, canaries=0.0)
"""Who is at work now: for how long it has been so is judged by whoever asks."""


@dataclass(frozen=True, slots=True)
class Gone:
    """`since`: Unix seconds by our clock. `said`: by what that is known, a line each. `word`: by the
    operator's word, as far as that is what it rests on."""

    since: float
    said: tuple[str, ...]
    word: bool = False


@dataclass(frozen=True, slots=True)
class NotGone:
    """Why a burial cannot be. `against`: something speaks against it; else nothing speaks for it."""

    said: str
    todo: str
    against: bool


def gone(evidence: Evidence, now: float, stores: str, word: float | None = None) -> Gone | NotGone:
    """Since when the last `kv` and `dual-write` isolate is gone, with shadow-read at work and nothing later.

    `word`: since when it is so by the operator's word (Unix seconds), for what nobody else can tell; what
    speaks against it is not overruled.
    """
    audited = None if evidence.audited is None else replace(evidence.audited, caches=0.0)
    asked = Asked(Door.OBJECT_FIRST, replace(evidence, audited=audited), _AT_ONCE, now, stores)
    answers = {"stage": stage_everywhere(asked), "version": one_version(asked)}
    for answer in answers.values():
        if answer.standing is Standing.FAILED:
            return NotGone(answer.said, answer.todo, against=True)
    live = evidence.live
    beats = () if live is None else live.heartbeats
    ahead = [one for one in beats if Stage.SHADOW_READ.before(one.stage)]
    if live is not None and any(one.last + live.beat_every > live.at for one in ahead):
        return NotGone(
            "object-first is at work: the target is right, and what KV lacks says nothing",
            asked.type("verify", "--stage object-first"),
            against=True,
        )
    ends = [asked.gone(Stage.SHADOW_READ) or float("-inf")]
    ends += [min((one.first for one in beats if not one.stage.before(Stage.SHADOW_READ)), default=ends[0])]
    ends += [one.last + (live.beat_every if live is not None else 0.0) for one in ahead]
    ends += [] if evidence.deployed is None else [evidence.deployed.since]
    return _known(answers, max(ends), now, word)


def _known(answers: Mapping[str, Answer], since: float, now: float, word: float | None) -> Gone | NotGone:
    open_ = [one for one in answers.values() if one.standing is Standing.UNPROVEN]
    if not open_:
        return Gone(since, tuple(one.said for one in answers.values()))
    if word is None:
        return NotGone(open_[0].said, open_[0].todo, against=False)
    if word > now:
        return NotGone("the time of --gone-since lies ahead", "give a time that is past", against=False)
    said = [one.said for one in answers.values() if one.standing is Standing.PASSED]
    return Gone(max(since, word), (*said, "by the operator's word (--gone-since)"), word=True)
