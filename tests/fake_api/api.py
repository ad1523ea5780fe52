"""The fake API: Cloudflare's production REST API for Workers KV, in one process, without a network.

`FakeApi.answer` takes a call and gives an answer; `server.py` puts it on a socket. A test holds
the object and changes what it holds (`namespace`), what goes wrong (`faults`), how much is allowed
(`limit`), and what time it is there (`clock`, `skew`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.fake_api.cursors import Cursors
from tests.fake_api.faults import Action, FaultPlan, Unsuccessful
from tests.fake_api.namespaces import NamespaceRoutes, describe
from tests.fake_api.pages import PagesRoutes
from tests.fake_api.rate import RateLimit
from tests.fake_api.scripts import ScriptRoutes
from tests.fake_api.state import Namespace
from tests.fake_api.stats import Stats
from tests.fake_api.wire import WRITES, Answer, Call, Kind, Refusal, failure, number, success

ACCOUNT = "0123456789abcdef0123456789abcdef"
NAMESPACE = "5e55105e55105e55105e55105e551050"
TOKEN = "fake-api-token-that-opens-nothing"

_OF_SCRIPTS = frozenset(
    {
        Kind.SCRIPT_SETTINGS,
        Kind.SCRIPT_DELETE,
        Kind.CLASSES,
        Kind.DEPLOYMENTS,
        Kind.VERSION,
        Kind.VERSIONS,
        Kind.SCRIPTS,
        Kind.SUBDOMAIN,
    }
)
_OF_PAGES = frozenset({Kind.PAGES, Kind.PAGES_DEPLOYMENTS})
_OF_ACCOUNT = frozenset({Kind.NAMESPACES, Kind.VERIFY, Kind.ACCOUNTS, Kind.MEMBERSHIPS, Kind.USER})


class FakeApi:
    """One account with its namespaces and tokens."""

    def __init__(
        self,
        *,
        seed: int = 0,
        limit: RateLimit | None = None,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.account = ACCOUNT
        self.token = TOKEN
        self.tokens: dict[str, frozenset[str]] = {TOKEN: frozenset({"read", "write"})}
        self.namespace = Namespace(NAMESPACE, "sessions")
        self.namespaces = {NAMESPACE: self.namespace}
        self.faults = FaultPlan(seed)
        self.stats = Stats()
        self.cursors = Cursors(f"cursors {seed}".encode())
        self.limit = limit
        self.latency = latency
        self.clock = clock
        self.monotonic = monotonic
        self.skew = 0.0
        self.workers = ScriptRoutes()
        self.pages = PagesRoutes()
        self.routes = NamespaceRoutes(self.now, self.cursors)

    def now(self) -> float:
        """The server's own clock, in Unix seconds: `clock` + `skew`."""
        return self.clock() + self.skew

    def add_namespace(self, name: str, title: str) -> Namespace:
        """One more namespace."""
        self.namespaces[name] = Namespace(name, title)
        return self.namespaces[name]

    def answer(self, call: Call) -> Answer:
        """Who asks, how often, what goes wrong, what they get: in this order, as at Cloudflare."""
        try:
            self._authorise(call)
        except Refusal as no:
            return failure(no.status, no.code, no.message)
        arrived = self.monotonic()
        blocked = self.limit.admit(arrived) if self.limit else None
        if blocked is not None:
            self.stats.blocked()
            headers = {"Retry-After": str(blocked.retry_after)}
            return failure(429, 10046, "More than the allowed requests per window.", headers)
        self.stats.admitted(call.kind, arrived)
        answer = self._spoilt(call, self.faults.actions(call.kind))
        self.stats.answered(answer.status, _keys_read(answer))
        if self.limit:
            answer.headers.update(self.limit.headers(self.monotonic()))
        return answer

    def _spoilt(self, call: Call, actions: list[Action]) -> Answer:
        if self.latency:
            time.sleep(self.latency)
        for action in actions:
            instead = action.before(call)
            if instead is not None:
                return instead
        try:
            answer = self._act(call, actions)
        except Refusal as no:
            answer = failure(no.status, no.code, no.message)
        for action in actions:
            answer = action.after(call, answer, self.routes.mint)
        return answer

    def _authorise(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, 10000, "Authentication error")
        allowed = self.tokens.get(token)
        if allowed is None or (call.kind in WRITES and "write" not in allowed) or "read" not in allowed:
            raise Refusal(403, 10000, "Authentication error")
        if call.path.split("/")[3:4] == ["accounts"] and call.names and call.names[0] != self.account:
            raise Refusal(403, 10000, "Authentication error")

    def _act(self, call: Call, actions: list[Action]) -> Answer:
        kind = call.kind
        if kind is Kind.NONE:
            raise Refusal(404, 7003, f"Could not route to {call.path}, perhaps the identifier is invalid?")
        if kind in _OF_SCRIPTS:
            return self.workers.act(call)
        if kind in _OF_PAGES:
            return self.pages.act(call)
        if kind in _OF_ACCOUNT:
            return self._of_account(call)
        namespace = self.namespaces.get(call.names[1])
        if namespace is None:
            raise Refusal(404, 10013, "namespace not found")
        return self.routes.act(namespace, call, _undone(actions))

    def _of_account(self, call: Call) -> Answer:
        account = {"id": self.account, "name": "fake account"}
        if call.kind is Kind.VERIFY:
            return success({"id": "f" * 32, "status": "active"})
        if call.kind is Kind.USER:
            return success({"id": "b" * 32, "email": "operator@example.com"})
        if call.kind is Kind.ACCOUNTS:
            return _paged(call, [account])
        if call.kind is Kind.MEMBERSHIPS:
            return _paged(call, [{"id": "a" * 32, "status": "accepted", "account": account}])
        return _paged(
            call, [describe(one) for one in sorted(self.namespaces.values(), key=lambda one: one.title)]
        )


def _paged(call: Call, everything: list[dict[str, Any]]) -> Answer:
    page, size = number(call, "page", 1, 1, 10**6), number(call, "per_page", 20, 1, 1000)
    part = everything[(page - 1) * size : page * size]
    return success(part, {"page": page, "per_page": size, "count": len(part), "total_count": len(everything)})


def _undone(actions: list[Action]) -> int:
    return sum(action.count for action in actions if isinstance(action, Unsuccessful))


def _keys_read(answer: Answer) -> int:
    result = (answer.document or {}).get("result")
    return len(result.get("values", ())) if isinstance(result, dict) else 0
