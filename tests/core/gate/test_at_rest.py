"""Who must have gone, and who must be heard, before rows are given back to KV."""

import pytest

from migrate.core.comparing import Stage
from migrate.core.gate.asking import Asked
from migrate.core.gate.at_rest import Line, Word, at_rest
from migrate.core.gate.evidence import Deployed, Evidence, Heartbeats, Live
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door

NOW = 1_000_000.0
H = 110.0
HERE = Heartbeats(Stage.SHADOW_READ, "new", NOW - 900, NOW - 10)
WHOLE = Deployed("d", NOW, {"new": 100.0}, NOW - 900)


def lines(
    *beats: Heartbeats, deployed: Deployed | None = WHOLE, counted: bool = True, word: str | None = None
) -> dict[str, Line]:
    found = Evidence(live=Live("l", NOW, heartbeats=beats), deployed=deployed)
    asked = Asked(Door.OBJECT_FIRST, found, Policy(steady=0.0), NOW, "--source a --target b")
    assert asked.horizon == H
    return {line.name: line for line in at_rest(asked, counted=counted, word=word)}


def standing(found: dict[str, Line]) -> dict[str, Word]:
    for line in found.values():
        assert line.holds == (line.word in (Word.OK, Word.NOTE))
        assert bool(line.todo) == (line.word is not Word.OK), line
    return {name: line.word for name, line in found.items()}


def gone(stage: Stage, ago: float) -> Heartbeats:
    """Somebody whose last heartbeat was so many seconds ago; it may have been at work 30 s longer."""
    return Heartbeats(stage, "new", NOW - 5000, NOW - ago)


def test_shadow_read_alone_and_for_long_enough_is_at_rest() -> None:
    assert set(standing(lines(HERE)).values()) == {Word.OK}
    assert set(standing(lines(HERE, gone(Stage.OBJECT_FIRST, H + 30))).values()) == {Word.OK}


@pytest.mark.parametrize("stage", [Stage.OBJECT_FIRST, Stage.OBJECT_ONLY])
def test_a_later_stage_must_have_been_gone_for_h(stage: Stage) -> None:
    assert standing(lines(HERE, gone(stage, H + 29)))["ahead"] is Word.UNPROVEN
    assert "ask again in 1 s" in lines(HERE, gone(stage, H + 29))["ahead"].todo
    assert standing(lines(HERE, gone(stage, 20)))["ahead"] is Word.FAILED


@pytest.mark.parametrize("stage", [Stage.KV, Stage.DUAL_WRITE])
def test_an_earlier_stage_must_have_been_gone_for_h(stage: Stage) -> None:
    assert standing(lines(HERE, gone(stage, H + 29)))["stage"] is Word.UNPROVEN
    assert standing(lines(HERE, gone(stage, 20)))["stage"] is Word.FAILED
    assert standing(lines(HERE, gone(stage, H + 30)))["stage"] is Word.OK


def test_shadow_read_itself_must_be_heard() -> None:
    later = Heartbeats(Stage.OBJECT_ONLY, "new", NOW - 900, NOW - 10)
    assert standing(lines(later))["heard"] is Word.UNPROVEN
    assert standing(lines(gone(Stage.SHADOW_READ, 91)))["heard"] is Word.UNPROVEN
    assert standing(lines())["stage"] is Word.UNPROVEN, "nobody was heard at all"
    young = Heartbeats(Stage.SHADOW_READ, "new", NOW - H + 1, NOW - 10)
    assert standing(lines(young))["stage"] is Word.UNPROVEN


def test_what_is_deployed_counts_where_it_is_known() -> None:
    two = Deployed("d", NOW, {"new": 50.0, "old": 50.0}, NOW - 900)
    assert standing(lines(HERE, deployed=two))["version"] is Word.FAILED
    young = Deployed("d", NOW, {"new": 100.0}, NOW - H + 1)
    assert standing(lines(HERE, deployed=young))["version"] is Word.UNPROVEN
    assert standing(lines(HERE, deployed=None))["version"] is Word.NOTE


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        (None, Word.UNPROVEN),
        ("shadow-read", Word.OK),
        ("dual-write", Word.FAILED),
        ("object-first", Word.FAILED),
    ],
)
def test_where_nobody_is_heard_it_is_the_operators_word(word: str | None, wanted: Word) -> None:
    assert standing(lines(counted=False, word=word)) == {"stage": wanted}


@pytest.mark.parametrize("door", Door)
def test_the_command_that_looks_at_the_code_ends_with_the_stores_and_can_be_pasted(door: Door) -> None:
    asked = Asked(door, Evidence(), Policy(), NOW, "--source a --target b")
    assert asked.audit == f"kvferry gate --for {door} --audit FOLDER --source a --target b"
