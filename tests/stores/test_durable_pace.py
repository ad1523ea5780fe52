from collections.abc import Callable

from migrate.stores.durable.pace import LEAST, Pace


def sent(pace: Pace, number: int, room: Callable[[int], bool]) -> list[int]:
    """The sizes of so many full imports to a Worker that has room for some."""
    sizes = []
    for _ in range(number):
        sizes.append(pace.records)
        if room(pace.records):
            pace.went_well(pace.records)
        else:
            pace.choked()
    return sizes


def test_it_begins_with_the_most_and_stays_there_while_all_goes_well() -> None:
    assert set(sent(Pace(1000), 100, lambda size: True)) == {1000}


def test_it_is_halved_by_each_import_that_breaks_off_down_to_the_least() -> None:
    pace = Pace(1000)
    assert sent(pace, 8, lambda size: False) == [1000, 500, 250, 125, 62, 31, 15, 10]
    assert pace.records == LEAST
    assert not pace.choked()


def test_after_one_bad_moment_it_is_back_at_the_most_in_a_few_imports() -> None:
    pace = Pace(1000)
    pace.choked()
    sizes = sent(pace, 17, lambda size: True)
    assert sizes[:5] == [500, 500, 500, 500, 625]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 1000


def test_a_worker_that_never_has_room_for_more_is_tried_less_and_less_often() -> None:
    pace = Pace(1000)
    sizes = sent(pace, 4000, lambda size: size <= 150)
    early, late = sizes[:400], sizes[-400:]
    assert sum(size > 150 for size in late) <= 4 < sum(size > 150 for size in early)
    assert min(late) >= 75


def test_small_imports_say_nothing_about_larger_ones() -> None:
    pace = Pace(1000)
    pace.choked()
    for _ in range(100):
        pace.went_well(499)
    assert pace.records == 500
