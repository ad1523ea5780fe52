"""A value is read from KV, changed, and written back: of two such changes at the same time one is lost.

## What

Finds puts whose value is made of what was read before from the same key: a counter, an array that is
appended to, an object that is spread or changed, also when reading and writing are in helpers of their
own. The signal `session-map` marks one key that holds many sessions, taken apart by a computed key. A
put that is made only where the read gave nothing, as a read-through cache does, is not found, nor is
one whose value only came about on a condition on what was read.

A warning, and a note where little is lost: a count with an expiration that limits something (the signal
`limit`), which is told by words such as rate limit, throttle, attempts or quota in its key or function,
and what nothing but a cron run writes (the signal `cron`), since one run follows the other.

## Why

KV has no compare-and-set and no transactions, and a read may be a minute old. Two requests at the same
time both read the old value, and the one that writes last wins: a login, a logout or a count is lost
without an error. Writing back an old value also undoes a deletion in between.

## Bad

```ts
export async function touch(env: Env, id: string) {
  const session = await env.SESSIONS.get<Session>(`session:${id}`, "json");
  if (!session) return;
  session.lastSeen = Date.now();
  await env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: 3600 });
}
```

```ts
export async function login(env: Env, token: string, user: string) {
  const sessions = JSON.parse((await env.STORE.get("sessions")) ?? "{}");
  sessions[token] = { user };
  await env.STORE.put("sessions", JSON.stringify(sessions), { expirationTtl: 86400 });
}
```

```ts
export async function count(env: Env, page: string) {
  const seen = Number((await env.STORE.get(`views:${page}`)) ?? "0");
  await env.STORE.put(`views:${page}`, String(seen + 1), { expirationTtl: 86400 });
}
```

## Good

```ts
export async function rates(env: Env) {
  const cached = await env.STORE.get("rates", "json");
  if (cached) return cached;
  const fresh = await (await fetch("https://example.com/rates")).json();
  await env.STORE.put("rates", JSON.stringify(fresh), { expirationTtl: 3600 });
  return fresh;
}
```

```ts
export async function renew(env: Env, old: string, id: string) {
  const session = await env.SESSIONS.get(`session:${old}`);
  if (!session) return;
  await env.SESSIONS.put(`session:${id}`, session, { expirationTtl: 3600 });
  await env.SESSIONS.delete(`session:${old}`);
}
```

## Remedy

Let one place change the value: a Durable Object, or one statement of SQL (`UPDATE … SET n = n + 1`). In
KV, give each thing a key of its own, one per session and one per event, and put them together on reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Confidence, Evidence, Has, Method, Operation, Relation, RelationKind
from audits.rules.rule import Rule, Settings
from audits.rules.session_keys import text_of, words
from audits.rules.session_signals import speaks_of_sessions, tells_which
from audits.rules.wording import called, found

_LIMITING = {
    "rl", "limit", "limits", "limiter", "limited", "ratelimit", "ratelimits", "ratelimiter", "throttle",
    "throttles", "throttled", "throttling", "attempt", "attempts", "failed", "failures", "quota", "quotas",
    "cooldown", "lockout",
}  # fmt: skip
_CRON = {"scheduled", "cron", "crons"}
_READS = (Method.GET.value, Method.GET_WITH_METADATA.value)


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each put that writes back what was read."""
    for operation in operations:
        if operation.method is not Method.PUT:
            continue
        lost = [one for one in operation.relations if _loses(one)]
        if not lost:
            continue
        through = min(one.through for one in lost)
        names = {"read-modify-write"}
        if through:
            names.add("through-helper")
        if _is_map(operation, lost):
            names.add("session-map")
        elif _limits(operation):
            names.add("limit")
        elif _by_cron(operation, operations):
            names.add("cron")
        many = "a map of sessions that" if "session-map" in names else "a value that"
        yield found(
            RULE,
            operation,
            f"{called(operation)} writes back {many} is made of what was read from the same key",
            severity=Severity.NOTE if names & {"limit", "cron"} else Severity.WARNING,
            confidence=Confidence.MEDIUM if through else Confidence.HIGH,
            signals=names,
            related=_related(lost),
        )


def _loses(relation: Relation) -> bool:
    """Is the put made of what was read from its own key?"""
    return (
        relation.kind is RelationKind.REWRITE
        and relation.what in _READS
        and relation.together == 2
        and not relation.how
    )


def _limits(operation: Operation) -> bool:
    """Is it a count that ends by itself and only keeps somebody from doing something too often?"""
    if operation.ttl is None or operation.ttl.has is not Has.YES or not operation.keys:
        return False
    named = not _LIMITING.isdisjoint(words(operation.enclosing.function))
    return all(named or not _LIMITING.isdisjoint(text_of(key)) for key in operation.keys)


def _by_cron(operation: Operation, operations: Sequence[Operation]) -> bool:
    """Does nothing write such keys but functions that are called after cron? Sessions are made elsewhere."""
    if any(speaks_of_sessions(str(key)) for key in operation.keys):
        return False
    if operation.binding == "" or _CRON.isdisjoint(words(operation.enclosing.function)):
        return False
    return all(
        not _CRON.isdisjoint(words(other.enclosing.function))
        for other in operations
        if other.method is Method.PUT
        and other.binding == operation.binding
        and not {str(key) for key in other.keys}.isdisjoint(str(key) for key in operation.keys)
    )


def _related(lost: Sequence[Relation]) -> tuple[Evidence, ...]:
    """Where it is read, and where the helpers that read and write are called."""
    reads = sorted({one.place for one in lost})
    calls = sorted({place for one in lost for place in one.via})
    return (
        *(Evidence("read", "read here", place) for place in reads),
        *(Evidence("through-helper", "read and written back from here", place) for place in calls),
    )


def _is_map(operation: Operation, lost: Sequence[Relation]) -> bool:
    """Does one constant key hold what is taken apart by the ids of sessions?"""
    constants = [key.constant for key in operation.keys]
    if not constants or not all(constants):
        return False
    indexes = {index for one in lost for index in one.indexes}
    return any(tells_which(index) for index in indexes) or (
        bool(indexes) and any(speaks_of_sessions(constant or "") for constant in constants)
    )


RULE = Rule(
    "lost-update",
    "KV006",
    Severity.WARNING,
    "a value is read, changed and written back: concurrent changes are lost",
    check,
    documentation=__doc__ or "",
)
