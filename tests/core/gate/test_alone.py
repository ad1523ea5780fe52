"""Since when nobody writes KV alone: what tells it, what speaks against it, and what a word is worth."""

from __future__ import annotations

from dataclasses import replace

from migrate.core.comparing import Stage
from migrate.core.gate.alone import Gone, NotGone, gone
from migrate.core.gate.evidence import Deployed, Evidence, Heartbeats, Live
from migrate.core.gate.verdict import Door
from tests.core.gate.world import AGO, HOUR, NOW, evidence

SINCE = NOW - AGO[Door.OBJECT_FIRST]
KNOWN = evidence(Door.OBJECT_FIRST)


def asked(found: Evidence, word: float | None = None) -> Gone | NotGone:
    return gone(found, NOW, "--source kv:", word)


def live(found: Evidence = KNOWN, **beats: tuple[float, float]) -> Evidence:
    """With these heartbeats besides: stage, first and last."""
    assert found.live is not None
    more = [Heartbeats(Stage(name.replace("_", "-")), "new", *times) for name, times in beats.items()]
    return replace(found, live=replace(found.live, heartbeats=(*found.live.heartbeats, *more)))


def test_it_is_the_last_of_heartbeats_roll_out_and_deployment() -> None:
    found = asked(KNOWN)
    assert isinstance(found, Gone)
    assert (found.since, found.word, len(found.said)) == (SINCE, False, 2)
    later = asked(live(dual_write=(SINCE, NOW - HOUR)))
    assert isinstance(later, Gone)
    assert later.since == NOW - HOUR + 30.0, (
        "for so long an isolate may have been at work after its last heartbeat"
    )
    assert KNOWN.deployed is not None
    again = asked(replace(KNOWN, deployed=replace(KNOWN.deployed, since=NOW - 50)))
    assert isinstance(again, Gone)
    assert again.since == NOW - 50


def test_nobody_before_shadow_read_was_ever_heard_is_no_proof_of_long_ago() -> None:
    assert KNOWN.live is not None
    only = replace(KNOWN.live, heartbeats=(Heartbeats(Stage.SHADOW_READ, "new", NOW - 100, NOW - 10),))
    found = asked(replace(KNOWN, live=only, deployed=Deployed("d", NOW, {"new": 100.0}, NOW - 5000)))
    assert isinstance(found, Gone)
    assert found.since == NOW - 100


def test_what_speaks_against_it_is_not_overruled_by_any_word() -> None:
    for found in (
        live(dual_write=(SINCE, NOW - 10)),
        live(object_first=(NOW - 60, NOW - 10)),
        replace(KNOWN, deployed=Deployed("d", NOW, {"new": 50.0, "old": 50.0}, SINCE)),
    ):
        for word in (None, SINCE):
            told = asked(found, word)
            assert isinstance(told, NotGone)
            assert told.against


def test_object_first_that_is_gone_again_counts_from_then() -> None:
    found = asked(live(object_first=(NOW - 3000, NOW - 2000)))
    assert isinstance(found, Gone)
    assert found.since == NOW - 1970


def test_what_nobody_tells_is_taken_from_the_operator_and_said_to_be() -> None:
    for unknown in (Evidence(), replace(KNOWN, deployed=None), replace(KNOWN, live=None)):
        told = asked(unknown)
        assert isinstance(told, NotGone)
        assert not told.against
        word = asked(unknown, SINCE - HOUR)
        assert isinstance(word, Gone)
        assert word.word
        assert "--gone-since" in word.said[-1]
    ahead = asked(Evidence(), NOW + 1)
    assert isinstance(ahead, NotGone)


def test_a_word_does_not_go_before_what_is_known() -> None:
    assert isinstance(KNOWN.live, Live)
    found = asked(replace(live(dual_write=(SINCE, NOW - HOUR)), deployed=None), SINCE - 10 * HOUR)
    assert isinstance(found, Gone)
    assert found.since == NOW - HOUR + 30.0
