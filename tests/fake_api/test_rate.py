from hypothesis import given
from hypothesis import strategies as st

from tests.fake_api import RateLimit
from tests.fake_api.rate import Blocked


@given(st.lists(st.floats(0, 3)), st.integers(1, 5), st.floats(0.5, 4), st.floats(0.5, 4))
def test_no_window_lets_more_than_the_limit_pass(
    gaps: list[float], requests: int, window: float, block: float
) -> None:
    limit, now = RateLimit(requests, window, block), 0.0
    passed: list[float] = []
    blocked_until = 0.0
    for gap in gaps:
        now += gap
        recent = [moment for moment in passed if moment > now - window]
        refused = limit.admit(now)
        assert (refused is not None) == (now < blocked_until or len(recent) >= requests)
        if refused is None:
            passed.append(now)
        elif now >= blocked_until:
            blocked_until = now + block


def test_one_too_many_blocks_every_call_for_the_whole_block() -> None:
    limit = RateLimit(2, 10, 300)
    assert [limit.admit(0), limit.admit(1)] == [None, None]
    assert limit.admit(2) == Blocked(300)
    assert limit.admit(50.5) == Blocked(252)
    assert limit.admit(301.9) == Blocked(1)
    assert limit.admit(302) is None
    assert limit.blocks == 1


def test_the_headers_tell_what_is_left_and_when_more_comes() -> None:
    limit = RateLimit(3, 60, 60)
    limit.admit(0)
    limit.admit(10)
    assert limit.headers(20) == {
        "Ratelimit": '"default";r=1;t=40',
        "Ratelimit-Policy": '"default";q=3;w=60',
    }
