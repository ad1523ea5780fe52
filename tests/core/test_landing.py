from __future__ import annotations

import pytest

from migrate.core.landing import Point, Seen, after_login, after_logout, agreed
from migrate.core.protocol.stages import STAGES, Stage
from migrate.core.record import NEVER, Key, Origin, Record, Row, Unseen, digest

KEY, VALUE, END = Key("s:a"), b'{"user": 1}', 2_000_000_000
RECORD = Record(KEY, VALUE, None, END, digest(VALUE))
GRAVE = Row(KEY, None, None, END, Origin.APP, 2, None)


def row(origin: Origin, value: bytes | Unseen = VALUE, expiration: int = END) -> Row:
    return Row(KEY, value, None, expiration, origin, 1, None)


RIGHT = {
    Stage.KV: Seen(RECORD._replace(stamped=None), None),
    Stage.DUAL_WRITE: Seen(RECORD, row(Origin.DUAL)),
    Stage.SHADOW_READ: Seen(RECORD, row(Origin.DUAL)),
    Stage.OBJECT_FIRST: Seen(RECORD, row(Origin.APP)),
    Stage.OBJECT_ONLY: Seen(None, row(Origin.APP)),
}


def failed(points: list[Point]) -> set[str]:
    return {point.name for point in points if not point.holds}


@pytest.mark.parametrize("stage", STAGES)
def test_a_login_is_where_its_stage_says(stage: Stage) -> None:
    assert agreed(after_login(stage, RIGHT[stage]))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("other", STAGES)
def test_where_another_stage_puts_it_is_wrong(stage: Stage, other: Stage) -> None:
    alike = {stage, other} <= {Stage.DUAL_WRITE, Stage.SHADOW_READ}
    assert agreed(after_login(stage, RIGHT[other])) == (stage is other or alike)


@pytest.mark.parametrize("stage", STAGES[1:])
@pytest.mark.parametrize("wrong", [None, row(Origin.COPY), row(Origin.LEGACY), GRAVE])
def test_a_target_without_the_right_row_is_wrong_from_dual_write_on(stage: Stage, wrong: Row | None) -> None:
    assert "target" in failed(after_login(stage, Seen(RIGHT[stage].record, wrong)))


def test_an_export_may_have_copied_a_login_at_kv_already() -> None:
    assert agreed(after_login(Stage.KV, Seen(RECORD, row(Origin.COPY))))
    assert failed(after_login(Stage.KV, Seen(RECORD, row(Origin.APP)))) == {"target"}


@pytest.mark.parametrize("stage", STAGES[:4])
def test_a_login_that_kv_does_not_show_is_wrong_before_object_only(stage: Stage) -> None:
    assert "kv" in failed(after_login(stage, Seen(None, RIGHT[stage].row)))


def test_a_login_in_kv_at_object_only_is_somebody_elses_write() -> None:
    assert failed(after_login(Stage.OBJECT_ONLY, Seen(RECORD, row(Origin.APP)))) == {"kv"}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (row(Origin.DUAL, expiration=END + 1), set()),
        (row(Origin.DUAL, expiration=END + 2), {"expiration"}),
        (row(Origin.DUAL)._replace(expiration=NEVER), {"expiration"}),
        (row(Origin.DUAL, b'{"user":1}'), set()),
        (row(Origin.DUAL, b'{"user":2}'), {"value"}),
        (row(Origin.DUAL, Unseen(digest(VALUE), len(VALUE))), set()),
        (row(Origin.DUAL, Unseen(digest(b"x"), 1)), {"value"}),
    ],
)
def test_both_stores_have_the_same_session_with_the_same_end(found: Row, wrong: set[str]) -> None:
    assert failed(after_login(Stage.DUAL_WRITE, Seen(RECORD, found))) == wrong


def test_a_target_that_keeps_fields_is_not_held_against_bytes_that_nobody_sees() -> None:
    decoded = Seen(RECORD, row(Origin.DUAL, Unseen(digest(b"x"), 1)), verbatim=False)
    points = after_login(Stage.DUAL_WRITE, decoded)
    assert agreed(points)
    assert "value" not in {point.name for point in points}


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_logout_leaves_a_tombstone_and_nothing_in_kv(stage: Stage) -> None:
    assert agreed(after_logout(stage, Seen(None, GRAVE)))
    assert failed(after_logout(stage, Seen(RECORD, GRAVE))) == {"kv"}
    assert failed(after_logout(stage, Seen(None, None))) == {"target"}
    assert failed(after_logout(stage, Seen(None, row(Origin.APP)))) == {"target"}


def test_at_kv_a_logout_is_known_to_kv_only() -> None:
    assert agreed(after_logout(Stage.KV, Seen(None, None)))
    assert failed(after_logout(Stage.KV, Seen(RECORD, None))) == {"kv"}
    assert agreed(after_logout(Stage.KV, Seen(None, row(Origin.COPY))))
    assert failed(after_logout(Stage.KV, Seen(None, row(Origin.APP)))) == {"target"}
