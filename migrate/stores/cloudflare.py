"""Cloudflare's REST envelope over HTTP: one question, one answer, or an error that says who must act.

    request ─▶ budget ─▶ Throttle.slot ─▶ HTTP ─▶ envelope.judge ─┬─▶ the answer
                  ▲                                               ├─▶ StoreRefused, Rejected, BudgetSpent
                  └── tenacity: jitter, Retry-After, patience ◀───┴── FailedError

Neither token, key, value, cursor nor URL gets into an exception: httpx's own errors hold the
request, so they end here and are told by their class name only.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import orjson
import tenacity

from migrate.core.limiting import Budget, Rate, RequestLog, next_utc_day, utc_day
from migrate.core.ports import Clock, TooLate
from migrate.errors import BudgetSpent, ConfigError, StoreUnavailable
from migrate.stores.envelope import (
    Choked,
    Envelope,
    FailedError,
    Raw,
    Rejected,
    broke_off,
    judge,
    open_document,
    page_flaw,
    succeeded,
)
from migrate.stores.http import client
from migrate.stores.throttle import Throttle, http_date

LISTS = "lists"
BULK = "bulk reads"
SINGLE = "single reads"
SPLIT = "split reads"
RETRIES = "retries"
OBJECTS = "object lists"
PUTS = "bulk writes"
DELETES = "bulk deletes"
OTHER = "other"
"""The kinds under which `Api.requests` counts; a repeated request counts as a retry only."""

WRITING = frozenset({PUTS, DELETES})
"""The kinds for which the token must be allowed to write to Workers KV."""

PATIENCE = 900.0
"""Seconds of failures before giving up: Cloudflare's block alone lasts 300."""

_FIRST, _LONGEST = 0.5, 30.0
_RESUME = "run the same command again: it resumes where it stopped"


@dataclass(slots=True)
class _Call:
    """A request with what its retries have cost so far."""

    kind: str
    request: httpx.Request
    spends: tuple[str, int] | None
    bare: bool
    patience: float
    most_chokes: int = 0
    not_after: float = float("inf")
    in_doubt: bool = False
    chokes: int = 0
    attempts: int = 0
    lost: float = 0.0
    failure: FailedError = field(default_factory=lambda: FailedError(""))

    @property
    def choked(self) -> bool:
        """Has the answer broken off as often as the caller stands?"""
        return 0 < self.most_chokes <= self.chokes

    def over(self, upcoming: float) -> bool:
        """Is there no use in trying again after `upcoming` seconds?"""
        return self.choked or self.lost + upcoming > self.patience


class Api:
    """A connection to Cloudflare's API, or to the local one of `wrangler dev`, shared by threads.

    `token` None sends none (the local one needs none). `patience`: seconds that the failures of
    one request may take altogether; waiting for `rate` is not counted. `on_wait` hears the cause
    and the seconds of each wait, on the thread that waits. `requests` counts what was sent.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        clock: Clock,
        log: RequestLog,
        rate: Rate,
        budget: Budget | None = None,
        transport: httpx.BaseTransport | None = None,
        patience: float = PATIENCE,
        on_wait: Callable[[str, float], None] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._client = client(base_url, _authorization(token), transport)
        self._base = base_url.rstrip("/")
        self._clock = clock
        self._log = log
        self._budget = budget or Budget()
        self._patience = patience
        self._chance = chance or random.Random()  # noqa: S311 - jitter keeps no secret
        self._throttle = Throttle(clock, log, rate, on_wait)
        self._lock = threading.Lock()
        self._clock_seen: tuple[float, float] | None = None  # round trip, skew
        self.requests: Counter[str] = Counter()
        self.origin = self._client.base_url.netloc.decode("ascii")
        self.who = "Cloudflare" if token is not None else self.origin

    @property
    def throttled(self) -> str | None:
        """Why a request waits at this moment, in words for the progress line; None: none does."""
        return self._throttle.cause

    @property
    def skew(self) -> float:
        """Seconds by which the server's clock is ahead, as of the quickest answer; 0 up to a second.

        The `Date` header has whole seconds, so less than that cannot be told.
        """
        with self._lock:
            ahead = 0.0 if self._clock_seen is None else self._clock_seen[1]
        return ahead if abs(ahead) > 1.0 else 0.0

    def close(self) -> None:
        """End every wait and close the connections. May be called twice."""
        self._throttle.close()
        self._client.close()

    def fetch(
        self,
        kind: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        *,
        reads: int = 0,
        chokes: int = 0,
    ) -> Envelope:
        """GET `path` (POST when there is a `body`, sent as JSON) and open the envelope.

        `path` is quoted already. The kinds LISTS and OBJECTS are for pages of a list: an answer that is
        none is asked for again. `reads`: how many of the budget's reads it spends (a list page
        spends one list). `chokes` > 0: that many time-outs or breaks raise Choked, for a caller
        who can ask for less. Raises Rejected, StoreRefused, StoreUnavailable, BudgetSpent.
        """
        url = self._base + path
        if query:
            url += "?" + urlencode(query, quote_via=quote, safe="")
        if body is None:
            request = self._client.build_request("GET", url)
        else:
            headers = {"Content-Type": "application/json"}
            request = self._client.build_request("POST", url, content=orjson.dumps(body), headers=headers)
        spends = ("lists", 1) if kind == LISTS else ("reads", reads) if reads else None
        call = _Call(kind, request, spends, bare=False, patience=self._patience, most_chokes=chokes)
        response, document = self._run(call)
        info = document.get("result_info")
        return Envelope(document["result"], info if isinstance(info, dict) else None, response.content)

    def write(
        self,
        kind: str,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        content_type: str = "application/json",
        spends: tuple[str, int] | None = None,
        not_after: float = float("inf"),
        chokes: int = 0,
    ) -> Envelope:
        """Send `content` to `path` (quoted already) to change something, and open the envelope.

        Repeated when the answer was lost, so only for what may be done twice. `spends`: a kind of budget,
        and how much of it. Past `not_after` (Unix seconds, our clock) it is not sent any more: TooLate
        is raised when it never was, StoreUnavailable when an earlier attempt may have arrived.
        Otherwise raises as `fetch` does.
        """
        headers = {} if content is None else {"Content-Type": content_type}
        request = self._client.build_request(method, self._base + path, content=content, headers=headers)
        call = _Call(
            kind,
            request,
            spends,
            bare=False,
            patience=self._patience,
            most_chokes=chokes,
            not_after=not_after,
        )
        response, document = self._run(call)
        return Envelope(document["result"], None, response.content)

    def most(self, kind: str, wide: int) -> int:
        """How many of a budget's `kind` one request should spend, at most `wide`: a tenth of the day's."""
        limit = self._budget.limit(kind)
        return wide if limit is None else max(1, min(wide, limit // 10))

    def wait(self, seconds: float, cause: str) -> None:
        """Wait, visibly, before something is asked for again. Raises StoreUnavailable when closed."""
        self._throttle.wait(seconds, cause)

    def fetch_raw(self, kind: str, path: str, *, reads: int = 0, patience: float | None = None) -> Raw:
        """GET `path` (quoted already), whose answer is bare bytes. Raises as `fetch` does."""
        call = _Call(
            kind,
            self._client.build_request("GET", self._base + path),
            ("reads", reads) if reads else None,
            bare=True,
            patience=self._patience if patience is None else patience,
        )
        response, _ = self._run(call)
        return Raw(response.content, response.headers.get("expiration"))

    def delete(self, path: str) -> None:
        """DELETE `path` (quoted already); repeated when the answer was lost. Raises as `fetch` does."""
        request = self._client.build_request("DELETE", self._base + path)
        response, _ = self._run(_Call(OTHER, request, None, bare=True, patience=self._patience))
        if open_document(response.content).get("success") is False:
            raise Rejected(self.who, response.status_code, frozenset())

    # ------------------------------------------------------------ retries

    def _run(self, call: _Call) -> tuple[httpx.Response, dict[str, Any]]:
        """Attempt the call until it succeeds, is refused, or the patience is over."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(FailedError),
            wait=lambda _: self._wait_before_retry(call),
            stop=lambda state: call.over(state.upcoming_sleep),
            sleep=lambda seconds: self._sleep_before_retry(call, seconds),
            reraise=True,
        )
        try:
            return retrying(self._attempt, call)
        except FailedError:
            pass  # and raise outside, so that the error carries no context along
        if call.choked:
            raise Choked(f"{self.who} breaks off its answers, the last: {call.failure.cause}", _RESUME)
        tried = f"{call.attempts} attempts in {call.lost:.0f} s"
        raise StoreUnavailable(f"gave up after {tried}, the last: {call.failure.cause}", _RESUME)

    def _wait_before_retry(self, call: _Call) -> float:
        """Exponential backoff with full jitter, on top of what the server asked for."""
        most = min(_LONGEST, _FIRST * 2.0 ** min(call.attempts, 16))
        return call.failure.after + self._chance.uniform(0.0, most)

    def _sleep_before_retry(self, call: _Call, seconds: float) -> None:
        call.lost += seconds
        cause = call.failure.cause
        self._throttle.wait(seconds, cause if call.failure.asked else f"{cause}, retry {call.attempts}")

    def _attempt(self, call: _Call) -> tuple[httpx.Response, dict[str, Any]]:
        """Send once. Raises FailedError, and whatever is final."""
        self._in_time(call)
        self._spend(call)
        with self._throttle.slot():
            self._in_time(call)
            started = self._clock.monotonic()
            call.attempts += 1
            with self._lock:
                self.requests[call.kind if call.attempts == 1 else RETRIES] += 1
            try:
                return self._exchange(call)
            except FailedError as failure:
                call.failure = failure
                call.in_doubt |= not failure.everybody
                call.chokes += failure.choked
                call.lost += self._clock.monotonic() - started
                raise

    def _in_time(self, call: _Call) -> None:
        """May it still be sent? Raises TooLate, or StoreUnavailable when it may have arrived already."""
        if self._clock.now() <= call.not_after:
            return
        if call.in_doubt:
            raise StoreUnavailable(
                f"it is not known whether a write arrived, and its time is over: {call.failure.cause}",
                _RESUME,
            )
        raise TooLate

    def _spend(self, call: _Call) -> None:
        """Take it out of the day's budget. A retry spends again: Cloudflare may count both."""
        if call.spends is None:
            return
        kind, amount = call.spends
        limit, now = self._budget.limit(kind), self._clock.now()
        if limit is not None and not self._log.spend(kind, amount, limit, utc_day(now)):
            raise BudgetSpent(
                f"the budget of {limit} {kind} a day (--budget {kind}={limit}/day) is spent",
                f"run the same command after {next_utc_day(now)}: it resumes where it stopped",
            )

    # ------------------------------------------------------------ one exchange

    def _exchange(self, call: _Call) -> tuple[httpx.Response, dict[str, Any]]:
        sent = self._clock.now()
        failed: Exception | None = None
        try:
            response = self._client.send(call.request)
        except httpx.RequestError as error:
            failed = broke_off(self.who, error)
        except RuntimeError:  # httpx's word for a closed client
            self._throttle.check_open()
            raise
        if failed is not None:  # raised here, so that httpx's error is not its context
            raise failed
        self._see_clock(response, sent)
        if allowance := response.headers.get("ratelimit"):
            self._throttle.heed(allowance, response.headers.get("ratelimit-policy", ""))
        if call.bare and response.status_code == 200:
            return response, {}
        document = open_document(response.content)
        if succeeded(response, document):
            flaw = page_flaw(document) if call.kind in (LISTS, OBJECTS) else None
            if flaw is None:
                return response, document
            raise FailedError(f"{self.who} answers {flaw}")
        failed = judge(
            response,
            document,
            who=self.who,
            bare=call.bare,
            attempt=call.attempts,
            now=self._clock.now(),
            writing=call.kind in WRITING,
        )
        if isinstance(failed, FailedError) and failed.everybody:
            self._throttle.pause(failed.after, failed.cause)
        raise failed

    def _see_clock(self, response: httpx.Response, sent: float) -> None:
        """Estimate the skew: the server's date against the middle of the exchange."""
        received = self._clock.now()
        trip = received - sent
        best = self._clock_seen
        if (best is not None and trip >= best[0]) or trip < 0:
            return
        date = http_date(response.headers.get("date", ""))
        if date is None:
            return
        with self._lock:
            if self._clock_seen is None or trip < self._clock_seen[0]:
                self._clock_seen = (trip, date + 0.5 - (sent + received) / 2)


def _authorization(token: str | None) -> dict[str, str]:
    if token is None:
        return {}
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise ConfigError(
            "the API token has characters that no token has",
            "set CLOUDFLARE_API_TOKEN again, without quotes, spaces or line ends",
        )
    return {"Authorization": f"Bearer {token}"}
