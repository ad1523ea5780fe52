"""A put that runs every time something recurs, whether or not there is anything new to write.

## What

Finds puts that are reached from a cron handler (`scheduled`), a repeating `alarm`, `setInterval`,
`webSocketMessage`, each message of a queue, or a heartbeat or touch (a function, route or kind of
message called so) with no condition on change or age on the way. A guard compares with what was stored
or remembered, or with the time, or asks whether something is not there yet; it may stand in any function
on the way, and an early `return` or `continue` counts. A condition that only asks whether there is a
value is none.

A warning; a note for a cron handler, unless the configuration shows that it runs more often than every
five minutes. Nothing is said of keys that are new each time (`log:{timestamp}`, `result:{messageId}`),
of alarms that are not set again, of messages of one certain kind, and of cron triggers that fire at most
once an hour.

## Why

A write costs ten times as much as a read, a free plan has 1,000 a day, and a key takes one a second. A
heartbeat every few seconds for each client is the most expensive way to store a time.

## Bad

```ts
export class Room extends DurableObject<Env> {
  async webSocketMessage(socket: WebSocket, text: string) {
    const { id } = socket.deserializeAttachment();
    const session = { id, lastSeen: Date.now() };
    await this.env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: 3600 });
  }
}
```

```ts
export default {
  async scheduled(controller: ScheduledController, env: Env) {
    const response = await fetch("https://example.com/rates");
    if (!response.ok) return;
    await env.STORE.put("rates", await response.text(), { expirationTtl: 86400 });
  },
};
```

## Good

```ts
export class Room extends DurableObject<Env> {
  private lastWrite = 0;

  async webSocketMessage(socket: WebSocket, text: string) {
    if (Date.now() - this.lastWrite < 5 * 60 * 1000) return;
    this.lastWrite = Date.now();
    const { id } = socket.deserializeAttachment();
    const session = { id, lastSeen: this.lastWrite };
    await this.env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: 3600 });
  }
}
```

```ts
export default {
  async scheduled(controller: ScheduledController, env: Env) {
    const response = await fetch("https://example.com/rates");
    if (!response.ok) return;
    const rates = await response.text();
    if (rates !== (await env.STORE.get("rates"))) {
      await env.STORE.put("rates", rates);
    }
  },
};
```

## Remedy

Read first, or remember what was written last, and write only what differs; a read costs a tenth of a
write. For times, write once the stored one is several minutes old. A counter or a presence belongs in a
Durable Object, which can collect changes and write them from one alarm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from audits.cron import OFTEN, SELDOM, runs_a_day
from audits.finding import Finding, Severity
from audits.operation import Confidence, Entry, Hole, Method, Operation, Template
from audits.rules.rule import Rule, Settings
from audits.rules.session_keys import words
from audits.rules.wording import at_callers, called, found

_TIMES = {
    "scheduled": "cron run",
    "alarm": "alarm",
    "setInterval": "turn of an interval",
    "webSocketMessage": "WebSocket message",
    "queue": "queue message",
    "heartbeat": "heartbeat",
    "touch": "touch",
}
_NEW = {
    "uuid", "random", "nano", "nanoid", "ulid", "nonce", "now", "timestamp", "ts", "time", "date", "day",
    "hour", "minute", "iso", "run", "execution",
}  # fmt: skip
"""Words in the name of what is another one each time."""

_EVENT = {
    "message", "msg", "event", "job", "task", "request", "req", "trace", "order", "invoice", "upload",
    "batch", "delivery", "notification",
}  # fmt: skip
"""Words in the name of what a message is about, and no other message."""

_OWN = {"id", "body", "data", "payload"}
_ABOUT = re.compile(r"(?i)job|result|task|report|mail|log|receipt|processed|done|event|order|run|message")
"""What the key of such an id begins with."""

_DATED = re.compile(r"(?i)uuid|random|nanoid|ulid|now|date|iso|timestamp")


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each put that some entry point reaches without a guard."""
    for operation in operations:
        if operation.method is not Method.PUT:
            continue
        entries = [entry for entry in operation.enclosing.entries if _counts(entry, operation)]
        if not entries:
            continue
        kinds = sorted({entry.kind for entry in entries})
        often = " and ".join(f"every {_TIMES[kind]}" for kind in kinds)
        places = [entry.place for entry in entries if entry.place != operation.call]
        yield found(
            RULE,
            operation,
            f"{called(operation)} runs on {often}: no condition on change or age stands before it",
            severity=Severity.NOTE if kinds == ["scheduled"] and not _often(operation) else Severity.WARNING,
            confidence=Confidence.MEDIUM if kinds == ["scheduled"] or places else Confidence.HIGH,
            signals=kinds,
            related=at_callers("entry", "reached from here without a guard", places),
        )


def _counts(entry: Entry, operation: Operation) -> bool:
    if entry.guarded or entry.kind not in _TIMES or not operation.keys:
        return False
    if entry.kind == "touch" and all(key.constant for key in operation.keys):
        return False  # it is no session or user that is touched
    if entry.kind == "scheduled" and _seldom(operation.enclosing.crons):
        return False
    return not any(key.unknown or _new_each_time(key, entry.kind) for key in operation.keys)


def _seldom(crons: Sequence[str]) -> bool:
    """Are all cron triggers known, and none fires more than once an hour?"""
    runs = [runs_a_day(cron) for cron in crons]
    return bool(runs) and all(often is not None and often <= SELDOM for often in runs)


def _often(operation: Operation) -> bool:
    """Does some cron trigger of the configuration fire so often that each run counts?"""
    runs = [runs_a_day(cron) for cron in operation.enclosing.crons]
    return any(often is not None and often > OFTEN for often in runs)


def _new_each_time(key: Template, kind: str) -> bool:
    """Is a part of the key made for this run, or the id of what is handled?"""
    for part in key.parts:
        if isinstance(part, Hole):
            named = set(words(part.name))
            if named & _NEW or _DATED.search(part.helper):
                return True
            if kind in ("queue", "webSocketMessage") and named & _EVENT:
                return True
            if kind == "queue" and "id" in named and (named <= _OWN or _ABOUT.search(key.prefix)):
                return True
    return False


RULE = Rule(
    "unguarded-write",
    "KV007",
    Severity.WARNING,
    "a put on every heartbeat, message, alarm or cron run, changed or not",
    check,
    documentation=__doc__ or "",
)
