"""When a row may be buried: two readings, both late enough, and the row as it was before them."""

from __future__ import annotations

import pytest

from migrate.core.burying import Burial, fate, kept, late_enough
from migrate.core.record import NEVER, Expiration, Key, Origin, Row

NOW = 1_900_000_000.0
GONE, H = 1000.0, 120.0


def row(
    origin: Origin = Origin.COPY, value: bytes | None = b"v", version: int = 3, until: Expiration = NEVER
) -> Row:
    return Row(Key("s:1"), value, None, until, origin, version, None)


@pytest.mark.parametrize(
    ("first", "second", "proves"),
    [
        (GONE + H, GONE + 2 * H, True),
        (GONE + H - 1, GONE + 3 * H, False),  # the first reading while a dual-write isolate may have written
        (GONE + H, GONE + 2 * H - 1, False),  # not far enough apart
        (GONE + H, GONE + H, False),  # one reading is none
        (GONE - 50, GONE + H, False),
    ],
)
def test_both_readings_are_late_enough_and_apart(first: float, second: float, proves: bool) -> None:
    assert late_enough(first, second, GONE, H) is proves


@pytest.mark.parametrize("legacy", [True, False])
def test_only_live_rows_that_mirror_kv_are_ever_buried(legacy: bool) -> None:
    assert [kept(row(origin), NOW, legacy=legacy) for origin in (Origin.COPY, Origin.DUAL)] == [None, None]
    assert kept(row(Origin.APP), NOW, legacy=legacy) is Burial.NEWER
    assert kept(row(Origin.LEGACY), NOW, legacy=legacy) is (None if legacy else Burial.LEGACY)
    assert kept(row(value=None), NOW, legacy=legacy) is Burial.TOMBSTONED
    assert kept(row(until=int(NOW)), NOW, legacy=legacy) is Burial.EXPIRED
    assert kept(None, NOW, legacy=legacy) is Burial.MISSING


def test_a_row_is_buried_as_the_version_that_was_read_and_not_behind_the_fence() -> None:
    assert fate(row(), 3, NOW, legacy=False, fenced=False) is Burial.BURIED
    assert fate(row(), 2, NOW, legacy=False, fenced=False) is Burial.CHANGED
    assert fate(row(), 3, NOW, legacy=False, fenced=True) is Burial.FENCED
    assert fate(row(Origin.APP), 3, NOW, legacy=True, fenced=False) is Burial.NEWER
    assert fate(None, 3, NOW, legacy=False, fenced=False) is Burial.MISSING


def test_a_burial_whose_answer_was_lost_counts_and_a_logout_does_not() -> None:
    assert fate(row(value=None, version=4), 3, NOW, legacy=False, fenced=False) is Burial.BURIED
    logout = row(Origin.DUAL, value=None, version=4)
    assert fate(logout, 3, NOW, legacy=False, fenced=False) is Burial.TOMBSTONED
