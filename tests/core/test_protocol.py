import json
from pathlib import Path

import pytest

from migrate.core.protocol.half_calls import End
from migrate.core.protocol.halves import Answer, Ends, Half, Verb, answer_of, next_half
from migrate.core.protocol.stages import Ramp, Stage, id_hash, origin_at, ramp_of, stage_of
from migrate.core.record import Origin

VECTORS = Path(__file__).parents[1] / "edge" / "vectors"


def vectors(name):
    """Those that the store in Workers is tested with as well."""
    cases = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    assert len(cases) > 100
    return cases


def test_during_a_ramp_a_session_is_at_the_same_stage_as_in_workers():
    ahead = 0
    for case in vectors("ramp"):
        ramp = ramp_of(case["stage"], case["percent"])
        assert stage_of(ramp, case["id"]) == case["at"]
        ahead += case["at"] == case["stage"]
    assert 50 < ahead < 350


def test_halves_follow_each_other_and_are_answered_as_in_workers():
    told = set()
    for case in vectors("halves"):
        stage, verb = Stage(case["stage"]), Verb(case["verb"])
        ends = Ends(case["object"] and End(case["object"]), case["kv"] and End(case["kv"]))
        following, answer = next_half(stage, verb, ends), answer_of(stage, verb, ends)
        assert (following, answer) == (case["next"], case["answer"]), case
        assert following is not None or answer is not None, "with no half left there is an answer"
        told |= {following, answer}
    assert told == {None, *Half, *Answer}


@pytest.mark.parametrize(
    ("stage", "percent", "ramp"),
    [
        ("kv", None, Ramp(Stage.KV)),
        ("dual-write", "", Ramp(Stage.DUAL_WRITE)),
        ("shadow-read", "12.5", Ramp(Stage.SHADOW_READ, 12.5)),
        ("object-only", "0", Ramp(Stage.OBJECT_ONLY, 0)),
        *(("kv", bad, None) for bad in ("101", "-1", "nan", "1e1", "half", "100.5", " 5")),
        ("", None, None),
        ("KV", None, None),
    ],
)
def test_a_ramp_is_understood_or_refused(stage, percent, ramp):
    assert ramp_of(stage, percent) == ramp


def test_the_earliest_stage_is_the_one_before_while_the_ramp_is_on():
    assert Ramp(Stage.SHADOW_READ).earliest is Stage.SHADOW_READ
    assert Ramp(Stage.SHADOW_READ, 99.9).earliest is Stage.DUAL_WRITE
    assert Ramp(Stage.KV, 5).earliest is Stage.KV


def test_rows_are_the_applications_own_from_object_first_on():
    assert [origin_at(stage) for stage in Stage] == [Origin.DUAL] * 3 + [Origin.APP] * 2


def test_the_hash_spreads_a_percentage():
    ahead = sum(stage_of(Ramp(Stage.DUAL_WRITE, 30), f"id{n}") is Stage.DUAL_WRITE for n in range(5000))
    assert 1350 < ahead < 1650
    assert id_hash("") == 0x811C9DC5 ^ 0x811C
