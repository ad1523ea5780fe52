"""Everything that goes wrong on purpose: rules that say which calls suffer which fault.

    plan.add(Reply(503), on="bulk_get", nth=[2, 3])      the 2nd and the 3rd bulk get
    plan.add(Cut(0.5), on="list", probability=0.1)       one listing in ten, by the seeded dice
    plan.add(Omit(3), on="bulk_get", times=1)            the next bulk get, once

Stale reads and cached misses belong to keys, not to calls: `Namespace.hold`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fake_api.wire import Answer, Call, Kind, failure

HTML = b"<!DOCTYPE html><html><head><title>example | 524: A timeout occurred</title></head></html>"

Mint = Callable[[Call, str], str]
"""Makes a cursor of the call's listing that continues behind a key."""


class Action:
    """A fault. `before` may answer in the place of the API, `after` may spoil what it answered."""

    def before(self, call: Call) -> Answer | None:
        """An answer that the API never gets to give; nothing is read or written."""
        return None

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        """The answer as the client gets it; the effect of the call has happened."""
        return answer


@dataclass(frozen=True, slots=True)
class Reply(Action):
    """An error in the envelope: 429 with Retry-After, 5xx, 403, also 200 with success=false."""

    status: int
    code: int = 10001
    message: str = "planned"
    retry_after: int | None = None

    def before(self, call: Call) -> Answer:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return failure(self.status, self.code, self.message, headers)


def refuse_cursor() -> Reply:
    """What an expired cursor gets."""
    return Reply(400, 10041, "invalid cursor")


@dataclass(frozen=True, slots=True)
class Verbatim(Action):
    """Any status and body in the place of the answer, by default Cloudflare's HTML page of a 524."""

    status: int = 524
    body: str = HTML.decode()
    content_type: str = "text/html; charset=UTF-8"

    def before(self, call: Call) -> Answer:
        return Answer(self.status, None, self.body.encode(), self.content_type)


@dataclass(frozen=True, slots=True)
class Slow(Action):
    """The answer comes `seconds` later."""

    seconds: float

    def before(self, call: Call) -> None:
        time.sleep(self.seconds)


@dataclass(frozen=True, slots=True)
class Cut(Action):
    """The connection is reset after this share of the body; at 0 before the first byte of the answer."""

    share: float = 0.5

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        answer.cut = self.share
        return answer


@dataclass(frozen=True, slots=True)
class Truncate(Action):
    """A body that ends too early although its Content-Length is right."""

    share: float = 0.5

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        body = answer.bytes()
        return Answer(
            answer.status, None, body[: int(len(body) * self.share)], answer.content_type, answer.headers
        )


@dataclass(frozen=True, slots=True)
class EmptyPage(Action):
    """An empty page before the one that was asked for; its cursor leads there."""

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        if answer.document is not None and answer.document["success"]:
            answer.document["result"] = []
            answer.document["result_info"] = {"count": 0, "cursor": mint(call, call.position)}
        return answer


@dataclass(frozen=True, slots=True)
class RepeatCursor(Action):
    """The page says that it continues with the cursor that led to it; a first page stays as it is."""

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        if answer.document is not None and answer.document["success"]:
            info = answer.document["result_info"]
            info["cursor"] = call.query.get("cursor") or info["cursor"]
        return answer


@dataclass(frozen=True, slots=True)
class Disorder(Action):
    """The keys of the page in reverse order."""

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        if answer.document is not None and answer.document["success"]:
            answer.document["result"].reverse()
        return answer


@dataclass(frozen=True, slots=True)
class Omit(Action):
    """The first `count` keys are missing from a bulk answer's map, as if they had not been asked for."""

    count: int = 1

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        if answer.document is not None and answer.document["success"]:
            values = answer.document["result"]["values"]
            for key in list(values)[: self.count]:
                del values[key]
        return answer


@dataclass(frozen=True, slots=True)
class Unsuccessful(Action):
    """A bulk put or delete leaves its first `count` keys undone and says so (the API reads this)."""

    count: int = 1


ACTIONS: Mapping[str, Callable[..., Action]] = {
    "reply": Reply,
    "refuse_cursor": refuse_cursor,
    "verbatim": Verbatim,
    "slow": Slow,
    "cut": Cut,
    "truncate": Truncate,
    "empty_page": EmptyPage,
    "repeat_cursor": RepeatCursor,
    "disorder": Disorder,
    "omit": Omit,
    "unsuccessful": Unsuccessful,
}


@dataclass(slots=True)
class Rule:
    """Which calls suffer the action. Every condition that is given must hold."""

    action: Action
    on: frozenset[str]
    nth: Collection[int]
    probability: float
    times: int | None
    seen: int = 0
    fired: int = 0

    def hits(self, kind: Kind, dice: random.Random) -> bool:
        """Count the call; does it suffer?"""
        if self.on and kind not in self.on:
            return False
        self.seen += 1
        if self.nth and self.seen not in self.nth:
            return False
        if self.times is not None and self.fired >= self.times:
            return False
        if self.probability < 1 and dice.random() >= self.probability:
            return False
        self.fired += 1
        return True


@dataclass(slots=True)
class FaultPlan:
    """The rules in force. All that hit apply; the first that answers in the API's place wins."""

    seed: int = 0
    rules: list[Rule] = field(default_factory=list)
    _dice: random.Random = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def add(
        self,
        action: Action,
        *,
        on: str | Collection[str] = (),
        nth: Collection[int] = (),
        probability: float = 1.0,
        times: int | None = None,
    ) -> Rule:
        """Add a rule: `on` route kinds (none = all), the `nth` of those from now, at most `times` times."""
        kinds = frozenset({on} if isinstance(on, str) else on)
        unknown = kinds - set(Kind)
        if unknown:
            raise ValueError(f"no such route kind: {sorted(unknown)}")
        rule = Rule(action, kinds, frozenset(nth), probability, times)
        with self._lock:
            self.rules.append(rule)
        return rule

    def add_document(self, document: Mapping[str, Any]) -> Rule:
        """A rule from JSON: {"action": "reply", "with": {"status": 503}, "on": "list", "nth": [2]}."""
        condition = {name: value for name, value in document.items() if name not in ("action", "with")}
        return self.add(ACTIONS[document["action"]](**document.get("with", {})), **condition)

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self.rules.clear()

    def actions(self, kind: Kind) -> list[Action]:
        """What a call of this kind suffers, in the order of the rules."""
        with self._lock:
            return [rule.action for rule in self.rules if rule.hits(kind, self._dice)]
