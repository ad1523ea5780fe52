import io
from collections.abc import Mapping

import pytest

from migrate.clock import SystemClock
from migrate.demo.live.counting import ERRORS, FAILED, Counts
from migrate.demo.live.knowledge import Wrong
from migrate.demo.live.screen import Screen
from migrate.demo.live.watching import Watch
from migrate.errors import MigrateError, StoreUnavailable


def watch(clock: SystemClock, counts: Counts, within: float = 60.0) -> Watch:
    def stores() -> Mapping[str, Mapping[str, int]]:
        return {"kv": {"kv_failed": 2}}

    return Watch(clock, clock.monotonic(), within, Screen(io.StringIO(), list), counts, stores)


@pytest.mark.parametrize("name", [*Wrong, ERRORS])
def test_whatever_a_user_must_not_see_stops_everything(name: str) -> None:
    clock, counts = SystemClock(), Counts()
    with watch(clock, counts) as watched:
        assert watched.trouble() is None
        counts.add(name, "kv", 3)
        with pytest.raises(StoreUnavailable):
            clock.sleep(30)
        trouble = watched.trouble()
    assert trouble is not None
    assert f"{name}: 3" in trouble.why
    assert ("less busy" in trouble.hint) == (name == ERRORS)
    assert counts.at(FAILED, "kv") == 2


def test_it_ends_in_time_or_is_stopped() -> None:
    clock = SystemClock()
    with watch(clock, Counts(), within=0.1) as watched:
        with pytest.raises(StoreUnavailable):
            clock.sleep(30)
        trouble = watched.trouble()
    assert trouble is not None
    assert trouble.why == "it did not come to its end in 0.1 s"


def test_a_store_that_does_not_answer_is_no_trouble_by_itself() -> None:
    def stores() -> Mapping[str, Mapping[str, int]]:
        raise MigrateError("the local runtime does not answer")

    clock, stream = SystemClock(), io.StringIO()
    watched = Watch(clock, clock.monotonic(), 60.0, Screen(stream, list), Counts(), stores)
    watched.look()
    assert watched.trouble() is None
