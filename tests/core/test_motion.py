"""In motion: what the stamp and the memory of a row prove, and the border at which they prove nothing."""

from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.motion import behind, held_since, moving
from migrate.core.ports import Answer, Unreadable
from migrate.core.record import NEVER, Change, Digest, Key, Origin, Record, Row, Unseen, Written, digest

K = Key("s:1")
HERE = "01234567"
NOW, H = 1_800_000_000.0, 120.0


def record(
    version: int = 3, namespace: str = HERE, value: bytes = b"v", stamped: Digest | None = None
) -> Record:
    return Record(K, value, None, NEVER, stamped or digest(b"v"), Written(version, namespace))


def row(version: int = 4, origin: Origin = Origin.DUAL, value: bytes | Unseen | None = b"newer") -> Row:
    return Row(K, value, None, NEVER, origin, version, None)


def test_kv_shows_an_earlier_version_of_this_very_row() -> None:
    assert behind(record(), row(), HERE) == Written(3, HERE)
    assert behind(record(1), row(99), HERE) == Written(1, HERE)
    assert behind(record(), row(value=Unseen(digest(b"newer"), 5)), HERE) == Written(3, HERE)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (record(4), row(4)),
        (record(5), row(4)),
        (record(namespace="76543210"), row()),
        (record(namespace=""), row()),
        (record(value=b"written by another, the stamp carried along"), row()),
        (record(stamped=digest(b"of another value")), row()),
        (record()._replace(stamped=None), row()),
        (record()._replace(written=None), row()),
        (record(), row(value=None)),
        (record(), row(origin=Origin.COPY)),
        (record(), row(origin=Origin.APP)),
        (record(), row(origin=Origin.LEGACY)),
    ],
)
def test_anything_else_shows_none(source: Record, target: Row) -> None:
    assert behind(source, target, HERE) is None


PAST = [Change(3, NOW - H - 10), Change(4, NOW - H), Change(5, NOW - 3)]


@pytest.mark.parametrize(
    ("version", "since", "held"),
    [
        # Version 3 ended when 4 began: H ago to the moment.
        (3, NOW - H - 0.001, True),
        (3, NOW - H, False),
        (4, NOW - 3.001, True),
        (4, NOW - 3, False),
        # 2 ended when 3 began, and 1 before it: not later than what is remembered first.
        (2, NOW - H - 10.001, True),
        (2, NOW - H - 10, False),
        (1, NOW - H - 10.001, False),
        # What is there still: it has begun within H, and so it has not ended before.
        (5, NOW - 3.001, True),
        (5, NOW - 3, False),
    ],
)
def test_the_border_is_when_the_next_version_began(version: int, since: float, held: bool) -> None:
    assert held_since(Written(version, HERE), PAST, since) is held


def test_a_row_that_remembers_nothing_proves_nothing() -> None:
    assert not held_since(Written(1, HERE), [], 0.0)


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=12),
    st.data(),
)
def test_no_memory_however_short_or_full_of_holes_calls_an_older_version_a_later_one(
    gaps: Sequence[int], data: st.DataObject
) -> None:
    times = [NOW + sum(gaps[: number + 1]) for number in range(len(gaps))]
    changes = [Change(number + 1, at) for number, at in enumerate(times)]
    version = data.draw(st.integers(1, len(changes) - 1))
    since = data.draw(st.sampled_from([at + shift for at in times for shift in (-1, 0, 1)]))
    kept = data.draw(st.lists(st.sampled_from(changes), unique=True).map(sorted))
    ended = times[version]
    if held_since(Written(version, HERE), kept, since):
        assert ended > since
    assert held_since(Written(version, HERE), changes, since) is (ended > since)


class Remembers:
    """A target that remembers, and is asked only for what matters."""

    def __init__(self, past: Mapping[Key, Sequence[Change]], namespace: str | None = HERE) -> None:
        self.namespace = namespace
        self.asked: list[Sequence[Key]] = []
        self._past = past

    def past(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Change]]:
        self.asked.append(keys)
        return {key: self._past[key] for key in keys if key in self._past}


def test_only_rows_that_kv_is_behind_of_are_asked_for_once() -> None:
    def named(name: str) -> Key:
        return Key(f"s:{name}")

    moved, stuck, forgotten = (record()._replace(key=named(name)) for name in ("moved", "stuck", "forgotten"))
    pairs: list[tuple[Answer, Row | None]] = [
        (moved, row()),
        (record(4), row()),
        (stuck, row()),
        (forgotten, row()),
        (Unreadable("why"), row()),
        (None, row()),
        (record(), None),
    ]
    target = Remembers({named("moved"): [Change(4, NOW + 1)], named("stuck"): [Change(4, NOW)], K: PAST})
    assert moving(pairs, target, NOW) == {named("moved")}
    assert target.asked == [[named("moved"), named("stuck"), named("forgotten")]]


@pytest.mark.parametrize("pairs", [[], [(record(4), row(4))], [(None, None)]])
def test_nothing_is_asked_where_no_row_is_ahead(pairs: Iterable[tuple[Answer, Row | None]]) -> None:
    target = Remembers({K: PAST})
    assert moving(pairs, target, 0.0) == set()
    assert target.asked == []


def test_without_a_memory_or_a_namespace_nothing_is_in_motion() -> None:
    assert moving([(record(), row())], object(), 0.0) == set()
    unnamed = Remembers({K: PAST}, None)
    assert moving([(record(), row())], unnamed, 0.0) == set()
    assert unnamed.asked == []
