"""The connection to a bridge: one question, one answer, or an error that says who must act.

Every verb may be repeated, imports too (they carry the name of their batch), so whatever may pass is
tried again: an answer that did not come, `retryable`, and `overloaded`, which holds back everybody.
Anything else stops. Neither keys, names, values nor httpx's own errors get into an exception.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from migrate.access_token import HINT as ACCESS_HINT
from migrate.access_token import AccessToken
from migrate.bridge_keys import VARIABLE, BridgeKeys, Scope
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.ports import Clock, TooLate
from migrate.errors import ConfigError, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores import finishing
from migrate.stores.durable.wire import PROTOCOL, Document, is_valid
from migrate.stores.http import client
from migrate.stores.throttle import Throttle, http_date, parse_retry_after

PATIENCE = 900.0
"""Seconds of failures of one request before giving up."""

_FIRST, _LONGEST = 0.25, 30.0
_NO_LIMIT = Rate(1_000_000, 1.0)
_FEWER = "kvferry bridge check says how many it may, and what to set"
_RESUME = "run the same command again: it resumes where it stopped"
_PASSING = frozenset({408, 425, 429, 502, 503, 504, 520, 521, 522, 523, 524, 525, 530})
"""Answers of what stands before the bridge that may pass; its own are problem documents."""

_BREAKS = frozenset({"ReadTimeout", "WriteTimeout", "ReadError", "WriteError", "RemoteProtocolError"})
"""Errors of a request that had been sent."""


class Conflict(Exception):
    """A note is not what an import expected: `index` of its expectations. Nothing was written.

    A signal between the bridge and the target, not an error: it never reaches a user.
    """

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class BridgeRefused(StoreRefused):
    """The bridge itself says no. `problem`: its word for it, the end of the problem's type."""

    def __init__(self, message: str, hint: str, problem: str) -> None:
        super().__init__(message, hint)
        self.problem = problem


class Choked(StoreUnavailable):
    """The request is more than the Worker may do at once: it says so, or answers broke off repeatedly
    before the bridge said anything."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of a request: bytes of a value and of a body, records, keys, ids, rows and notes; `kv_keys`:
    written or deleted in KV, 0 where an older bridge does not do it."""

    value_bytes: int
    body_bytes: int
    records: int
    keys: int
    objects: int
    rows: int
    notes: int
    kv_keys: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """What a bridge says of itself.

    `ahead`: seconds by which the objects' clock is ahead of ours, `bridge_ahead`: the bridge's own.
    `version`, `class_version`: of kvferry, that the bridge and the session class are from.
    `verbatim`: see `ports.Holder`. `stats`: are the migration's statistics bound?
    `script`, `class_name`, `environment`: as the deployment was told, None when it was not.
    `namespace`: of the objects, as stamps in KV name it; None: an older bridge does not tell.
    `kv`: is a KV namespace bound? `kv_namespace`: its id, None when the deployment was not told.
    """

    placement: str
    prefix: str
    limits: Limits
    ahead: float
    version: str
    class_version: str
    bridge_ahead: float = 0.0
    script: str | None = None
    class_name: str | None = None
    environment: str | None = None
    verbatim: bool = True
    stats: bool = False
    namespace: str | None = None
    kv: bool = False
    kv_namespace: str | None = None

    @property
    def shards(self) -> int:
        """How many objects there are; 0 for `per-session`."""
        return int(self.placement.partition(":")[2] or 0)


@dataclass(frozen=True, slots=True)
class _Passing:
    """A failure that may pass. `everybody`: nobody has a chance before. `choked`: the answer broke off."""

    cause: str
    after: float = 0.0
    everybody: bool = False
    choked: bool = False


class Bridge:
    """A connection to be shared by threads.

    `url`: scheme, host and port. `access`: what Cloudflare Access before it wants. `patience`: seconds
    that one request's failures may take. `on_wait` hears the cause and the seconds of each wait, on the
    thread that waits.
    """

    def __init__(
        self,
        url: str,
        keys: BridgeKeys,
        *,
        clock: Clock,
        access: AccessToken | None = None,
        patience: float = PATIENCE,
        on_wait: Callable[[str, float], None] | None = None,
        transport: httpx.BaseTransport | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.address = f"do+{url}"
        self._url = f"{url}/kvferry/v{PROTOCOL}/"
        self._keys = keys
        self._access = access
        self._clock = clock
        self._patience = patience
        self._chance = chance or random.Random()  # noqa: S311 - jitter keeps no secret
        self._client = client(url, transport=transport)
        self._throttle = Throttle(clock, MemoryRequestLog(), _NO_LIMIT, on_wait)
        self.date_ahead: float | None = None
        """Seconds by which the clock in front of the bridge is ahead of ours, as of the last answer."""

    def close(self) -> None:
        """End every wait and close the connections. May be called twice."""
        self._throttle.close()
        self._client.close()

    def now(self) -> float:
        """Our own time, Unix seconds."""
        return self._clock.now()

    def require(self, scope: Scope) -> None:
        """Raise ConfigError when there is no key for this."""
        self._keys.key(scope)

    def missing(self, scope: Scope) -> str | None:
        """What is to be added before this can be asked for; None: there is a key for it."""
        try:
            self._keys.key(scope)
        except ConfigError:
            return f"a key for {scope} in {VARIABLE}"
        return None

    def health(self, patience: float | None = None) -> Health:
        """Ask how the bridge is, and what the time is in its objects. `patience` and errors as of `ask`."""
        sent = self._clock.now()
        found = self._answer("health", Scope.VERIFY, None, patience=patience)
        middle = (sent + self._clock.now()) / 2
        if found["object"]["protocol"] != PROTOCOL:
            raise StoreRefused(
                f"{self.address}: the bridge and the session class are of different versions",
                "deploy the Worker that owns the class again, from the same release",
            )
        most = found["limits"]
        limits = Limits(
            most["valueBytes"],
            most["bodyBytes"],
            most["records"],
            most["keys"],
            most["objects"],
            most["rows"],
            most["notes"],
            most.get("kvKeys", 0),
        )
        kv = found.get("kv")
        return Health(
            found["placement"],
            found["prefix"],
            limits,
            ahead=found["object"]["now"] - middle,
            version=found["version"],
            class_version=found["object"]["version"],
            bridge_ahead=found["now"] - middle,
            script=found["script"],
            class_name=found["class"],
            environment=found["environment"],
            verbatim=found["object"]["verbatim"],
            stats=found["stats"],
            namespace=found.get("namespace"),
            kv=kv is not None,
            kv_namespace=None if kv is None else kv["namespace"],
        )

    def ask(
        self, verb: str, scope: Scope, body: Document, *, chokes: int = 0, patience: float | None = None
    ) -> Document:
        """One verb under the key of a scope; returns the answer, which the schema holds for.

        `chokes` > 0: so many answers that break off raise Choked, for a caller who can ask for less.
        `patience`: instead of the bridge's own.
        Raises Conflict, TooLate, ConfigError (no such key), StoreRefused, StoreUnavailable, StoreBroken.
        """
        content = orjson.dumps({"protocol": PROTOCOL, **body})
        return self._answer(verb, scope, content, chokes, patience)

    # ------------------------------------------------------------ retries

    def _answer(
        self, verb: str, scope: Scope, content: bytes | None, chokes: int = 0, patience: float | None = None
    ) -> Document:
        """Attempt it until it succeeds, is refused, or the patience is over."""
        key = self._keys.key(scope).reveal()
        patience = self._patience if patience is None else patience
        lost, attempts, choked = 0.0, 0, 0
        while True:
            attempts += 1
            with self._throttle.slot():
                started = self._clock.monotonic()
                answer = self._exchange(verb, key, content)
            if not isinstance(answer, _Passing):
                return answer
            choked += answer.choked
            if 0 < chokes <= choked:
                raise Choked(f"{self.address}: {answer.cause}, {choked} times", _RESUME)
            wait = answer.after + self._chance.uniform(0.0, min(_LONGEST, _FIRST * 2.0 ** min(attempts, 16)))
            lost += self._clock.monotonic() - started + wait
            if lost > patience:
                tried = f"gave up after {attempts} attempts in {lost:.0f} s"
                raise StoreUnavailable(f"{self.address}: {tried}, the last: {answer.cause}", _RESUME)
            if answer.everybody:
                self._throttle.pause(wait, answer.cause)
            else:
                self._throttle.wait(wait, f"{answer.cause}, retry {attempts}")

    def _exchange(self, verb: str, key: str, content: bytes | None) -> Document | _Passing:
        headers = {"Authorization": f"Bearer {key}"}
        if self._access is not None:
            headers |= self._access.headers()
        if content is not None:
            headers["Content-Type"] = "application/json"
        method = "GET" if content is None else "POST"
        failed = ""
        try:
            response = self._client.request(method, self._url + verb, content=content, headers=headers)
        except httpx.RequestError as error:
            failed = type(error).__name__
        except RuntimeError:  # httpx's word for a closed client
            self._throttle.check_open()
            raise
        if failed:
            return _Passing(f"no answer from the bridge ({failed})", choked=failed in _BREAKS)
        date = http_date(response.headers.get("date", ""))
        self.date_ahead = None if date is None else date + 0.5 - self._clock.now()
        document = _opened(response.content)
        if response.status_code == 200:
            if not is_valid(f"{verb}.answer", document):
                raise StoreBroken(
                    f"{self.address} answers something that is not the bridge's protocol",
                    "check the address, and that bridge and kvferry are of the same release",
                )
            return document
        return self._failure(response, document)

    def _failure(self, response: httpx.Response, document: Document) -> _Passing:
        """What an answer means that is no success: it may pass, or is raised."""
        status = response.status_code
        after = parse_retry_after(response.headers.get("retry-after", ""), self._clock.now()) or 0.0
        if not is_valid("problem", document):
            if status in _PASSING:
                slow = status == 429
                return _Passing(f"{status} in front of the bridge", after, everybody=slow, choked=not slow)
            raise StoreRefused(
                f"{self.address}: there is no bridge that answers ({status})",
                f"check the host name, and what stands in front of it (a route; for Access, {ACCESS_HINT})",
            )
        problem = str(document["type"]).rpartition(":")[2]
        if problem == "overloaded":
            return _Passing("an object is overloaded", after, everybody=True)
        if problem == "access-keys":
            return _Passing("the bridge cannot fetch the keys of Cloudflare Access", after)
        if problem == "retryable":
            return _Passing("an object could not be reached", after)
        raise self._final(problem, document)

    def _final(self, problem: str, document: Document) -> Exception:
        if problem == "conflict":
            return Conflict(int(document.get("index", 0)))
        if problem == "late":
            return TooLate()
        if problem == "too-much":
            return Choked(f"{self.address}: the Worker may not do so much in one request", _FEWER)
        hints = {
            "unconfigured": "set the bridge's secret (at least 32 characters) and KVFERRY_PLACEMENT",
            "unauthorized": f"make new keys from the bridge's secret and put them into {VARIABLE}",
            "access": f"{ACCESS_HINT}, and see that KVFERRY_ACCESS_TEAM and _AUDIENCE are that application's",
            "forbidden": f"put a key for this purpose into {VARIABLE} as well",
            "not-found": "check that bridge and kvferry are of the same release",
            "protocol": "check that bridge and kvferry are of the same release",
            "foreign": "set the bridge's KVFERRY_SCRIPT and KVFERRY_CLASS to the class that it is bound to",
            "finished": finishing.HINT,
            "kv": "bind SESSIONS_KV in the bridge (kvferry bridge init DIR --force), and deploy it",
            "placement": "deploy the bridge with KVFERRY_PLACEMENT shards:N",
            "toolkit": "extend UserSessions or use the mix-in, and deploy the class's Worker again",
        }
        title = re.sub(r"\s+", " ", str(document["title"]))[:200]
        if problem in hints:
            return BridgeRefused(f"{self.address}: {title}", hints[problem], problem)
        return StoreBroken(f"{self.address}: the bridge says {problem}: {title}", _RESUME)


def _opened(content: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
