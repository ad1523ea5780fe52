from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.errors import StoreUnavailable
from migrate.stores.throttle import (
    Allowance,
    Throttle,
    http_date,
    parse_ratelimit,
    parse_retry_after,
    parse_window,
)
from tests.stores.kv_server import SleepingClock


def throttle(rate: Rate, waits: list[tuple[str, float]] | None = None) -> tuple[Throttle, SleepingClock]:
    clock = SleepingClock()
    hear = None if waits is None else lambda cause, seconds: waits.append((cause, seconds))
    return Throttle(clock, MemoryRequestLog(), rate, hear), clock


@pytest.mark.parametrize(
    ("header", "allowance"),
    [
        ('"default";r=50;t=30', Allowance(50, 30)),
        ('"default"; r=0 ; t=43', Allowance(0, 43)),
        ('"default";t=30;r=50', Allowance(50, 30)),
        ("default;r=7", Allowance(7, 0)),
        ("r=7, t=3", Allowance(7, 0)),
        ('"burst";r=5;t=10, "default";r=50;t=300', Allowance(5, 10)),
        ('"a";r=0;t=10,"b";r=0;t=300', Allowance(0, 300)),
        ('"default";q=100;w=60', None),
        ("", None),
        ("what?", None),
    ],
)
def test_the_ratelimit_header_is_read_leniently(header: str, allowance: Allowance | None) -> None:
    assert parse_ratelimit(header) == allowance


@given(st.text())
def test_no_header_makes_the_parsers_fail(header: str) -> None:
    parse_ratelimit(header)
    parse_retry_after(header, 0.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("43", 43.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Fri, 15 Jan 2027 08:00:43 GMT", 43.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert parse_retry_after(header, 1_800_000_000.0) == seconds


def test_a_date_without_a_zone_is_utc() -> None:
    assert http_date("Fri, 15 Jan 2027 08:00:00 -0000") == 1_800_000_000.0
    assert http_date("yesterday") is None


def test_the_rate_makes_requests_wait_and_says_so() -> None:
    waits: list[tuple[str, float]] = []
    gate, clock = throttle(Rate(2, 300), waits)
    for _ in range(3):
        with gate.slot():
            pass
    assert clock.slept == pytest.approx(300)
    assert waits == [("--rate 2/300", pytest.approx(300))]
    assert gate.cause is None


def test_the_cause_is_visible_while_somebody_waits() -> None:
    gate, clock = throttle(Rate(1, 300))
    seen: list[str | None] = []
    sleep = clock.sleep

    def watching(seconds: float) -> None:
        seen.append(gate.cause)
        sleep(seconds)

    clock.sleep = watching  # type: ignore[method-assign]
    for _ in range(2):
        with gate.slot():
            pass
    assert set(seen) == {"--rate 1/300"}


def test_a_failed_request_gives_its_slot_back_to_the_window() -> None:
    gate, clock = throttle(Rate(1, 30))
    with pytest.raises(KeyError), gate.slot():
        raise KeyError
    with gate.slot():
        pass
    assert clock.slept == pytest.approx(30)  # grace would make it 31


def test_a_pause_holds_everybody_and_a_shorter_one_does_not_end_it() -> None:
    gate, clock = throttle(Rate(100, 300))
    gate.pause(43, "Cloudflare asked for 43 s (429)")
    gate.pause(5, "Cloudflare asked for 5 s (429)")
    with gate.slot():
        assert clock.slept == pytest.approx(43)


def test_an_exhausted_allowance_is_waited_out() -> None:
    gate, clock = throttle(Rate(100, 300))
    with gate.slot():
        gate.heed('"default";r=0;t=30')
    with gate.slot():
        assert clock.slept == pytest.approx(30)


def test_an_allowance_is_used_up_before_anybody_waits() -> None:
    gate, clock = throttle(Rate(100, 300))
    with gate.slot():
        gate.heed('"default";r=2;t=30')
    for slept in (0, 0, 30):
        with gate.slot():
            assert clock.slept == pytest.approx(slept)


def test_requests_in_flight_are_taken_off_the_allowance() -> None:
    gate, clock = throttle(Rate(100, 300))
    with gate.slot(), gate.slot():
        gate.heed('"default";r=1;t=30')
    with gate.slot():
        assert clock.slept == pytest.approx(30)


def test_the_last_answer_in_flight_brings_the_exact_allowance() -> None:
    gate, clock = throttle(Rate(100, 300))
    with gate.slot():
        with gate.slot():
            gate.heed('"default";r=1;t=30')
        gate.heed('"default";r=1;t=30')
    with gate.slot():
        assert clock.slept == 0


POLICY = '"default";q=2;w=300'


def test_a_full_window_of_our_own_is_not_waited_for_twice() -> None:
    """The header has whole seconds and covers what we know better, unless somebody else sends too."""
    gate, clock = throttle(Rate(2, 300))
    for left in (1, 0):
        with gate.slot():
            gate.heed(f'"default";r={left};t=310', POLICY)
    with gate.slot():
        assert clock.slept == pytest.approx(300)


def test_an_allowance_used_up_by_others_is_waited_out_though_our_window_has_room() -> None:
    waits: list[tuple[str, float]] = []
    gate, clock = throttle(Rate(2, 300), waits)
    with gate.slot():
        gate.heed('"default";r=0;t=30', POLICY)
    with gate.slot():
        assert clock.slept == pytest.approx(30)
    assert [cause for cause, _ in waits] == ["Cloudflare's rate limit is used up"]


@pytest.mark.parametrize("policy", ["", '"default";q=1200;w=300'])
def test_a_full_window_shorter_than_the_servers_proves_nothing(policy: str) -> None:
    gate, clock = throttle(Rate(1, 10))
    with gate.slot():
        gate.heed('"default";r=0;t=200', policy)
    with gate.slot():
        assert clock.slept == pytest.approx(200)


def test_a_request_stopped_before_it_was_sent_gives_its_slot_back() -> None:
    gate, clock = throttle(Rate(2, 300))
    with gate.slot():
        gate.heed('"default";r=0;t=30', POLICY)
    sleep = clock.sleep

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        raise KeyboardInterrupt

    clock.sleep = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt), gate.slot():
        pytest.fail("the request was sent")
    clock.sleep = sleep  # type: ignore[method-assign]
    for _ in range(2):
        with gate.slot():
            pass
    assert clock.slept == pytest.approx(300.5)
    assert gate.cause is None


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [('"default";q=100;w=60', 60), ('"burst";q=9;w=10, "default";q=1200;w=300', 300), ("", 300), ("?", 300)],
)
def test_the_window_is_cloudflares_unless_a_policy_names_it(policy: str, seconds: float) -> None:
    assert parse_window(policy) == seconds


def test_close_ends_a_long_wait() -> None:
    gate, clock = throttle(Rate(1, 300))
    with gate.slot():
        pass
    sleep = clock.sleep

    def closing(seconds: float) -> None:
        sleep(seconds)
        if clock.slept > 10:
            gate.close()

    clock.sleep = closing  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable), gate.slot():
        pytest.fail("the request was sent")
    assert clock.slept < 12
    with pytest.raises(StoreUnavailable), gate.slot():
        pytest.fail("the request was sent")
