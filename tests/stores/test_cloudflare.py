from __future__ import annotations

import random
import traceback
from collections import Counter
from typing import Any

import httpx
import pytest

from migrate.core.limiting import Budget, MemoryRequestLog, Rate
from migrate.errors import BudgetSpent, ConfigError, StoreRefused, StoreUnavailable
from migrate.stores.cloudflare import BULK, LISTS, OTHER, SINGLE, Api
from migrate.stores.envelope import Choked, Rejected
from tests.stores.kv_server import BASE, START, TOKEN, Kv, SleepingClock, failure, success

SECRET_KEY = "spotify_session:planted-session-id"
SECRET_PATH = "/values/spotify_session%3Aplanted-session-id"


class Longest(random.Random):
    """Jitter that is always the most."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Setup:
    def __init__(self, *script: Any, **options: Any) -> None:
        self.clock = SleepingClock()
        self.kv = Kv()
        self.kv.root = "/client/v4"
        self.kv.script.extend(script)
        self.waits: list[tuple[str, float]] = []
        wanted: dict[str, Any] = {"log": MemoryRequestLog(), "rate": Rate(10**6, 1), "chance": Longest()}
        self.api = Api(
            BASE,
            options.pop("token", TOKEN),
            clock=self.clock,
            transport=httpx.MockTransport(self.kv),
            on_wait=lambda cause, seconds: self.waits.append((cause, seconds)),
            **(wanted | options),
        )

    def fetch(self, **options: Any) -> Any:
        return self.api.fetch(OTHER, "/x", **options).result


def broken_off() -> httpx.Response:
    return httpx.Response(200, content=b'{"success":true,"result":[')


def test_an_answer_is_its_result() -> None:
    setup = Setup(success({"a": 1}, cursor="c"))
    envelope = setup.api.fetch(OTHER, "/x", {"prefix": "a b&c=ü+/", "cursor": "%2F"})
    assert envelope.result == {"a": 1}
    assert envelope.info == {"cursor": "c"}
    request = setup.kv.seen[0]
    assert request.method == "GET"
    assert request.url.raw_path == b"/client/v4/x?prefix=a%20b%26c%3D%C3%BC%2B%2F&cursor=%252F"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert setup.clock.slept == 0


def test_a_body_is_posted_as_json() -> None:
    setup = Setup(success(None))
    setup.api.fetch(BULK, "/bulk/get", body={"keys": [SECRET_KEY]}, reads=1)
    assert setup.kv.seen[0].method == "POST"
    assert setup.kv.seen[0].content == b'{"keys":["spotify_session:planted-session-id"]}'
    assert setup.kv.seen[0].headers["content-type"] == "application/json"


def test_no_token_sends_none() -> None:
    setup = Setup(success(None), token=None)
    setup.fetch()
    assert "authorization" not in setup.kv.seen[0].headers


@pytest.mark.parametrize("token", ["", "a b", "a\n", "tökén", "a\x00"])
def test_a_token_that_cannot_be_one_is_refused_unseen(token: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Setup(token=token)
    assert "CLOUDFLARE_API_TOKEN" in refused.value.hint


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("no"),
        httpx.ConnectTimeout("no"),
        httpx.ReadTimeout("no"),
        httpx.ReadError("reset in the middle"),
        httpx.RemoteProtocolError("incomplete"),
        failure(429, 10022),
        failure(500),
        failure(503),
        failure(200, 10046),
        failure(200, 10001),
        httpx.Response(200, content=b"<html>maintenance</html>"),
        httpx.Response(524, content=b"<html>a timeout occurred</html>"),
        httpx.Response(418, content=b"<html>teapot</html>"),
        broken_off(),
        httpx.Response(200, content=b'{"success":true}'),
        httpx.Response(200, content=b"\x1f\x8b no gzip", headers={"content-encoding": "identity"}),
    ],
)
def test_what_may_pass_is_asked_again(trouble: Any) -> None:
    setup = Setup(trouble, trouble, success("here"))
    assert setup.fetch() == "here"
    assert setup.clock.slept > 0
    assert setup.api.requests == Counter({"other": 1, "retries": 2})


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (failure(401, 10000), "Workers KV Storage Read"),
        (failure(403, 10000), "CLOUDFLARE_API_TOKEN"),
        (httpx.Response(403, content=b"<html>blocked</html>"), "CLOUDFLARE_API_TOKEN"),
        (failure(404, 10013), "kv://ACCOUNT/NAMESPACE"),
        (failure(404, 7003), "kv://ACCOUNT/NAMESPACE"),
        (failure(400, 10001), "CLOUDFLARE_API_BASE_URL"),
        (httpx.Response(404, content=b"<html>not found</html>"), "CLOUDFLARE_API_BASE_URL"),
        (httpx.Response(301, headers={"location": "https://elsewhere.test"}), "CLOUDFLARE_API_BASE_URL"),
    ],
)
def test_a_no_is_final_and_says_what_to_do(answer: httpx.Response, hint: str) -> None:
    setup = Setup(answer)
    with pytest.raises(StoreRefused) as refused:
        setup.fetch()
    assert hint in refused.value.hint
    assert len(setup.kv.seen) == 1


def test_a_rejection_carries_status_and_codes() -> None:
    setup = Setup(failure(400, 10041, 10001))
    with pytest.raises(Rejected) as rejected:
        setup.fetch()
    assert (rejected.value.status, rejected.value.codes) == (400, {10041, 10001})


def test_backoff_doubles_up_to_half_a_minute() -> None:
    setup = Setup(*[failure(503)] * 8, success(None))
    setup.fetch()
    assert [seconds for _, seconds in setup.waits] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert setup.waits[2][0] == "Cloudflare answers 503, retry 3"


def test_the_patience_outlasts_cloudflares_block() -> None:
    setup = Setup()

    def blocked(request: httpx.Request) -> httpx.Response:
        blocked_for = 300 - setup.clock.slept
        setup.kv.script.append(blocked)
        return failure(429, 10022) if blocked_for > 0 else success("open again")

    setup.kv.script.append(blocked)
    assert setup.fetch() == "open again"
    assert 300 <= setup.clock.slept < 340


def test_the_end_of_the_patience_names_the_last_failure_and_the_way_on() -> None:
    setup = Setup(*[httpx.ConnectError("no")] * 40, *[failure(503)] * 1000)
    with pytest.raises(StoreUnavailable) as gone:
        setup.fetch()
    assert 850 < setup.clock.slept <= 900
    assert "gave up after" in str(gone.value)
    assert "503" in str(gone.value) or "ConnectError" in str(gone.value)
    assert "run the same command again" in gone.value.hint


def test_retry_after_is_obeyed_and_shown() -> None:
    setup = Setup(failure(429, 10022, headers={"retry-after": "43"}), success(None))
    setup.fetch()
    assert setup.waits == [("Cloudflare asked for 43 s (429)", 44.0)]
    assert setup.api.throttled is None


def test_a_retry_after_beyond_the_patience_ends_at_once() -> None:
    setup = Setup(failure(429, headers={"retry-after": "86400"}))
    with pytest.raises(StoreUnavailable, match="asked for 86400 s"):
        setup.fetch()
    assert setup.clock.slept == 0


def test_a_429_pauses_the_requests_of_all_threads() -> None:
    setup = Setup(failure(429, headers={"retry-after": "43"}), success(None), patience=1)
    with pytest.raises(StoreUnavailable):
        setup.fetch()
    assert setup.clock.slept == 0
    setup.fetch()  # another one, that did nothing wrong
    assert setup.clock.slept == pytest.approx(43)
    assert setup.waits == [("Cloudflare asked for 43 s (429)", 43)]


def test_an_exhausted_ratelimit_is_waited_out_before_the_next_request() -> None:
    exhausted = success(None)
    exhausted.headers["ratelimit"] = '"default";r=0;t=30'
    setup = Setup(exhausted, success(None))
    setup.fetch()
    setup.fetch()
    assert setup.clock.slept == pytest.approx(30)
    assert setup.api.requests["retries"] == 0


def test_waiting_for_the_rate_takes_nothing_from_the_patience() -> None:
    setup = Setup(*[failure(503)] * 3, success("here"), rate=Rate(1, 300), patience=20)
    assert setup.fetch() == "here"
    assert setup.clock.slept == pytest.approx(900)


def test_every_attempt_takes_a_slot() -> None:
    setup = Setup(failure(503), success(None), rate=Rate(1, 300))
    setup.fetch()
    assert setup.clock.slept >= 300


def test_repeated_breaks_choke_a_request_that_may_ask_for_less() -> None:
    setup = Setup(httpx.ReadTimeout("no"), failure(524), broken_off(), success("too late"))
    with pytest.raises(Choked):
        setup.fetch(chokes=3)
    assert len(setup.kv.seen) == 3


def test_failures_that_do_not_come_from_the_size_do_not_choke() -> None:
    troubles = [httpx.ReadTimeout("no"), failure(503), httpx.ConnectError("no"), failure(429), failure(503)]
    setup = Setup(*troubles, broken_off(), success("here"))
    assert setup.fetch(chokes=3) == "here"


def test_raw_answers_are_bytes_and_their_expiration_header() -> None:
    setup = Setup(httpx.Response(200, content=b"\xff", headers={"expiration": "17"}), httpx.Response(200))
    assert setup.api.fetch_raw(SINGLE, SECRET_PATH, reads=1) == (b"\xff", "17")
    assert setup.api.fetch_raw(SINGLE, SECRET_PATH, reads=1) == (b"", None)


def test_a_raw_answer_that_looks_like_an_envelope_is_still_bytes() -> None:
    content = b'{"success":false,"errors":[{"code":10022}]}'
    setup = Setup(httpx.Response(200, content=content))
    assert setup.api.fetch_raw(SINGLE, SECRET_PATH).content == content


def test_requests_are_counted_by_kind_and_retries_apart() -> None:
    setup = Setup(success(None), failure(503), success(None), success(None))
    setup.api.fetch(LISTS, "/keys")
    setup.api.fetch(BULK, "/bulk/get", body={}, reads=100)
    setup.api.fetch(BULK, "/bulk/get", body={}, reads=100)
    assert setup.api.requests == Counter({"lists": 1, "bulk reads": 2, "retries": 1})


def test_a_spent_budget_stops_before_the_request_and_names_the_time() -> None:
    setup = Setup(success(None), budget=Budget(reads=150))
    setup.api.fetch(BULK, "/bulk/get", body={}, reads=100)
    with pytest.raises(BudgetSpent) as spent:
        setup.api.fetch(BULK, "/bulk/get", body={}, reads=100)
    assert "reads=150/day" in str(spent.value)
    assert "2027-01-16T00:00:00Z" in spent.value.hint
    assert len(setup.kv.seen) == 1


def test_a_list_page_spends_one_list_and_no_reads() -> None:
    setup = Setup(success(None), success(None), budget=Budget(reads=0, lists=1))
    setup.api.fetch(LISTS, "/keys")
    with pytest.raises(BudgetSpent):
        setup.api.fetch(LISTS, "/keys")
    setup.fetch()  # other requests have no budget
    assert len(setup.kv.seen) == 2


def test_cloudflares_own_daily_limit_is_not_retried() -> None:
    setup = Setup(failure(429, 10048))
    with pytest.raises(BudgetSpent) as spent:
        setup.fetch()
    assert "2027-01-16T00:00:00Z" in spent.value.hint
    assert setup.clock.slept == 0


def dated(seconds: float, trip: float, setup: Setup) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        setup.clock.slept += trip
        response = success(None)
        response.headers["date"] = httpx_date(START + setup.clock.slept - trip / 2 + seconds)
        return response

    return answer


def httpx_date(moment: float) -> str:
    from email.utils import formatdate

    return formatdate(int(moment), usegmt=True)


@pytest.mark.parametrize("ahead", [0.0, 0.9, -0.9])
def test_a_skew_below_a_second_cannot_be_told_and_is_none(ahead: float) -> None:
    setup = Setup()
    setup.kv.script.append(dated(ahead, 0.1, setup))
    setup.fetch()
    assert setup.api.skew == 0


@pytest.mark.parametrize("ahead", [90.0, -3600.0])
def test_skew_is_taken_from_the_quickest_answer(ahead: float) -> None:
    setup = Setup()
    setup.kv.script.extend(
        [dated(ahead + 7, 20, setup), dated(ahead, 0.1, setup), dated(ahead + 9, 5, setup)]
    )
    for _ in range(3):
        setup.fetch()
    assert abs(setup.api.skew - ahead) <= 1


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError(SECRET_KEY),
        httpx.ReadError(SECRET_KEY),
        failure(403, 10000),
        failure(404, 10009),
        failure(400, 10041),
        httpx.Response(500, content=SECRET_KEY.encode()),
        httpx.Response(404, json={"success": False, "errors": [{"code": SECRET_KEY, "message": SECRET_KEY}]}),
        failure(429, 10048),
    ],
)
def test_no_error_holds_token_key_or_url(trouble: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    setup = Setup(*[trouble] * 500)
    with pytest.raises((StoreRefused, StoreUnavailable)) as error:
        setup.api.fetch_raw(SINGLE, SECRET_PATH)
    shown = [caplog.text, repr(setup.api), repr(setup.waits), repr(setup.api.requests)]
    chain: BaseException | None = error.value
    while chain is not None:
        shown += [repr(chain), str(chain), repr(vars(chain)), *traceback.format_exception(chain)]
        assert not hasattr(chain, "request")
        chain = chain.__cause__ or chain.__context__
    for text in shown:
        assert TOKEN not in text
        assert "planted-session-id" not in text


def test_closing_ends_the_connection_for_good() -> None:
    setup = Setup(success(None))
    setup.api.close()
    setup.api.close()
    with pytest.raises(StoreUnavailable):
        setup.fetch()
    assert setup.kv.seen == []


def page(result: Any, **members: Any) -> httpx.Response:
    return httpx.Response(200, json={"success": True, "errors": [], "result": result, **members})


NOT_WHOLE = [
    page([]),
    page([], result_info=None),
    page([], result_info=[]),
    page([], result_info="the end"),
    page([{"name": "a"}], result_info={"count": 2, "cursor": ""}),
    page([{"name": "a"}], result_info={"count": 0}),
    page([{"name": "a"}], result_info={"count": True}),
    page([{"name": "a"}], result_info={"count": "1"}),
]


def test_a_page_that_is_not_whole_is_asked_for_again() -> None:
    setup = Setup(*NOT_WHOLE, page([{"name": "a"}], result_info={"count": 1, "cursor": "c"}))
    envelope = setup.api.fetch(LISTS, "/keys")
    assert envelope.info == {"count": 1, "cursor": "c"}
    assert setup.api.requests == Counter({LISTS: 1, "retries": len(NOT_WHOLE)})


@pytest.mark.parametrize("answer", NOT_WHOLE)
def test_a_page_that_is_never_whole_is_not_the_end_of_the_data(answer: httpx.Response) -> None:
    setup = Setup(*[answer] * 200, patience=60.0)
    with pytest.raises(StoreUnavailable, match="answers a page"):
        setup.api.fetch(LISTS, "/keys")


@pytest.mark.parametrize(
    "info", [{}, {"count": 1}, {"count": 1.0, "cursor": None}, {"count": 1, "cursor": ""}]
)
def test_a_whole_page_need_not_be_counted(info: dict[str, Any]) -> None:
    setup = Setup(page([{"name": "a"}], result_info=info))
    assert setup.api.fetch(LISTS, "/keys").info == info


def test_other_answers_need_no_result_info() -> None:
    assert Setup(page({"values": {}})).api.fetch(BULK, "/bulk/get", body={}).info is None
