from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import islice

import pytest

from migrate.core.copying import NotRead, Slice
from migrate.core.ports import Answer, Checkpoint, Cursor, CursorRefused, Page
from migrate.core.record import Key, Origin, Record, Row
from migrate.errors import StoreBroken, StoreUnavailable
from migrate.reading import PAGES_AHEAD, SLICES_AHEAD, WORKERS, Reading, read_all
from tests.flows.world import FakeClock, Script, key, record

MANY = [record(number, b"%d" % number) for number in range(40)]
START = Checkpoint(1, "s:")


def reading(source: Script, mark: Checkpoint = START, **options: object) -> Reading:
    return Reading(source, mark, FakeClock(), **options)  # type: ignore[arg-type]


def keys(slices: Sequence[Slice]) -> list[Key]:
    return [head.key for piece in slices for head in piece.heads]


@pytest.mark.parametrize("at_hand", [False, True])
def test_slices_come_in_the_order_of_the_listing_with_their_own_answers(at_hand: bool) -> None:
    slices = list(reading(Script.of(MANY, at_hand=at_hand)).slices())
    assert keys(slices) == [one.key for one in MANY]
    assert [answer for piece in slices for answer in piece.answers] == MANY
    assert [piece.last for piece in slices] == [False] * (len(slices) - 1) + [True]


def test_slow_reads_do_not_change_the_order_and_run_at_the_same_time() -> None:
    together = threading.Barrier(2)

    class Slow(Script):
        def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
            if keys[0] in (key(0), key(4)):
                together.wait(10)  # passes only if another read is under way
            return Script.read(self, keys)

    assert keys(list(reading(Slow.of(MANY)).slices())) == [one.key for one in MANY]


@pytest.mark.parametrize("at_hand", [False, True])
def test_a_listing_goes_on_at_every_slice_from_its_cursor_and_last_key(at_hand: bool) -> None:
    whole = list(reading(Script.of(MANY, at_hand=at_hand)).slices())
    for number, piece in enumerate(whole[:-1]):
        mark = Checkpoint(1, "s:", cursor=piece.next, last_key=piece.heads[-1].key)
        rest = list(reading(Script.of(MANY, at_hand=at_hand), mark).slices())
        assert keys(rest) == keys(whole[number + 1 :])


def test_a_cursor_that_silently_restarts_gives_nothing_twice() -> None:
    mark = Checkpoint(1, "s:", cursor=Cursor("0"), last_key=key(17))
    assert keys(list(reading(Script.of(MANY), mark).slices())) == [one.key for one in MANY[18:]]


def test_only_a_bounded_number_of_pages_is_listed_ahead() -> None:
    source = Script.of([record(f"{number:04d}") for number in range(4000)], page=4)
    slices = reading(source).slices()
    list(islice(slices, 3))
    assert len(source.scans) <= SLICES_AHEAD + PAGES_AHEAD + WORKERS + 8
    slices.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("signal", [CursorRefused(), StoreUnavailable("gone")])
def test_what_was_read_before_the_listing_failed_still_comes(signal: Exception) -> None:
    class Failing(Script):
        def scan(self, prefix: str, cursor: Cursor | None) -> Page:
            if cursor == "3":
                raise signal
            return Script.scan(self, prefix, cursor)

    got: list[Slice] = []
    with pytest.raises(type(signal)):
        got.extend(_collected(got, reading(Failing.of(MANY))))
    assert keys(got) == [one.key for one in MANY[:24]]


def _collected(got: list[Slice], source: Reading) -> list[Slice]:
    for piece in source.slices():
        got.append(piece)
    return []


def test_a_broken_listing_stops_at_once() -> None:
    class Broken(Script):
        def scan(self, prefix: str, cursor: Cursor | None) -> Page:
            if cursor == "1":
                raise StoreBroken("the listing gave the same cursor twice")
            return Script.scan(self, prefix, cursor)

    with pytest.raises(StoreBroken):
        list(reading(Broken.of(MANY)).slices())


def test_a_read_that_fails_ends_the_reading_with_its_own_error() -> None:
    class Failing(Script):
        def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
            if key(12) in keys:
                raise StoreUnavailable("no answer")
            return Script.read(self, keys)

    got: list[Slice] = []
    with pytest.raises(StoreUnavailable, match="no answer"):
        _collected(got, reading(Failing.of(MANY)))
    assert keys(got) == [one.key for one in MANY[:12]]


@pytest.mark.parametrize("at_hand", [False, True])
def test_missing_only_reads_only_what_the_target_lacks(at_hand: bool) -> None:
    held = {one.key: Row(*one[:4], Origin.COPY, 1, 1) for one in MANY[:30:2]}

    def look(asked: Sequence[Key]) -> Mapping[Key, Row]:
        return {one: held[one] for one in asked if one in held}

    source = Script.of(MANY, at_hand=at_hand)
    slices = list(reading(source, look=look, missing_only=True).slices())
    answers = dict(zip(keys(slices), [a for piece in slices for a in piece.answers], strict=True))
    assert {one for one, answer in answers.items() if answer is NotRead.PRESENT} == set(held)
    assert all(answers[one.key] == one for one in MANY if one.key not in held)
    assert not set(source.read_keys) & set(held)


def test_the_threads_end_with_the_reading() -> None:
    before = threading.active_count()
    slices = reading(Script.of(MANY * 1)).slices()
    next(slices)
    slices.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name.startswith(("list", "read")):
            thread.join(10)
    assert threading.active_count() <= before


def test_reads_are_as_wide_as_the_source_asks_for() -> None:
    source = Script.of(MANY, width=7)
    assert dict(read_all(source, [one.key for one in MANY])) == {one.key: one for one in MANY}


def test_an_answer_that_lacks_a_key_or_has_another_one_is_broken() -> None:
    class Wrong(Script):
        def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
            return {key("alien"): record("alien"), **dict.fromkeys(keys[1:])}

    with pytest.raises(StoreBroken, match="every key") as caught:
        read_all(Wrong.of(MANY), [key(0), key(1)])
    assert "alien" not in str(caught.value)


def test_a_page_without_values_in_a_listing_that_has_them_is_read() -> None:
    class Mixed(Script):
        def scan(self, prefix: str, cursor: Cursor | None) -> Page:
            page = Script.scan(self, prefix, cursor)
            return Page(page.heads, page.next) if cursor == "2" else page

    slices = list(reading(Mixed.of(MANY, at_hand=True)).slices())
    answers: list[Record] = [a for piece in slices for a in piece.answers if isinstance(a, Record)]
    assert answers == MANY
