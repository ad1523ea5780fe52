from migrate.core.comparing import AGAINST, Kind, Stage
from migrate.demo.live.counting import (
    DIFFERENT,
    EQUAL,
    FAILED,
    FALLBACK,
    LOGINS,
    NEWER,
    ROWS,
    SHADOW,
    Counts,
)
from migrate.formats.figures import columns


def test_the_names_of_the_session_store_are_sorted_into_the_rows() -> None:
    counts = Counts()
    told = {"object_failed": 1, "kv_late": 2, "kv_429": 4, "shadow_equal": 8, "shadow_value": 16}
    counts.stores_say({"shadow-read": told, "object-first": {"fallback_hit": 3, "fallback_miss": 5}})
    assert [counts.at(row, "shadow-read") for row in (FAILED, SHADOW, FALLBACK)] == [3, 16, 0]
    assert counts.at(FALLBACK, "object-first") == 3
    counts.stores_say({"shadow-read": {"shadow_value": 17}})
    assert [counts.at(row, "shadow-read") for row in (FAILED, SHADOW)] == [0, 17]


def test_every_class_of_a_verify_is_counted_once() -> None:
    counts = Counts()
    classes = {
        kind: {"keys": 10**at, "against": kind in AGAINST}
        for at, kind in enumerate(Kind)
        if kind is not Kind.PROJECTED
    }
    counts.verified(Stage.OBJECT_FIRST, {"classes": classes, "against": 7})
    shown = {row: counts.at(row, Stage.OBJECT_FIRST) for row in (EQUAL, NEWER, DIFFERENT)}
    assert shown[DIFFERENT] == 7
    against = sum(one["keys"] for kind, one in classes.items() if kind in AGAINST)
    assert shown[EQUAL] + shown[NEWER] + against == sum(one["keys"] for one in classes.values())


def test_the_table_has_a_column_for_each_stage_and_fits_into_a_terminal() -> None:
    counts = Counts()
    for stage in Stage:
        counts.add(LOGINS, stage, 12_345)
    lines = columns(counts.rows(), indent="")
    assert lines[0].split() == [*Stage]
    assert len(lines) == 1 + len(ROWS) < 24
    assert max(map(len, lines)) < 80
    assert counts.total(LOGINS) == 5 * 12_345
