"""A session is read from a copy that may be older than a minute.

## What

Finds reads of sessions with a `cacheTtl` of more than 60 seconds, and sessions that were read from KV and
are then kept in the isolate, in a variable, a map or a static member of the module, while nothing takes
them out again or looks at their age. What a session is, is judged as `session-kv-call` does.

## Why

`cacheTtl` is how long a data centre may go on serving what it has read, and 60 seconds is the default: a
logout is not seen for that long, whatever other data centres know. What an isolate keeps is not seen by
anybody else at all, and lives for hours. A migration has to wait out the longest of these times before
it may believe a difference.

## Bad

```ts
export async function currentSession(env: Env, id: string) {
  return env.SESSIONS.get(`session:${id}`, { type: "json", cacheTtl: 3600 });
}
```

```ts
const known = new Map<string, Session>();

export async function currentSession(env: Env, id: string) {
  const kept = known.get(id);
  if (kept) return kept;
  const session = await env.SESSIONS.get<Session>(`session:${id}`, "json");
  if (session) known.set(id, session);
  return session;
}
```

## Good

```ts
export async function currentSession(env: Env, id: string) {
  return env.SESSIONS.get(`session:${id}`, { type: "json", cacheTtl: 60 });
}
```

```ts
const known = new Map<string, { session: Session; until: number }>();

export async function currentSession(env: Env, id: string) {
  const kept = known.get(id);
  if (kept && kept.until > Date.now()) return kept.session;
  const session = await env.SESSIONS.get<Session>(`session:${id}`, "json");
  if (session) known.set(id, { session, until: Date.now() + 10_000 });
  return session;
}
```

## Remedy

Leave `cacheTtl` at its default, or keep sessions where a read sees the last write. What an isolate keeps
needs an end of a few seconds, and then counts as part of the staleness that `kvferry verify --settle`
waits for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Confidence, Evidence, Method, Operation, Relation, RelationKind
from audits.rules.rule import Rule, Settings
from audits.rules.session_signals import is_session, is_session_there, when
from audits.rules.wording import called, found

LONGEST_CACHE_TTL = 60


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each way in which a read of a session is stale."""
    for operation in operations:
        if operation.method not in (Method.GET, Method.GET_WITH_METADATA):
            continue
        long = _long(operation)
        if long and is_session(operation, settings.prefixes):
            yield _cached(operation, long, when(operation, settings.prefixes))
        kept = [one for one in kept_sessions(operation, settings) if one.how != "ends"]
        if kept:
            related = tuple(Evidence("kept", f"{one.text}, {one.what}", one.place) for one in kept)
            yield found(
                RULE,
                operation,
                f"{called(operation)} reads a session that is then kept in {kept[0].text}, {kept[0].what},"
                f" without an end{when(operation, settings.prefixes)}",
                confidence=Confidence.MEDIUM,
                signals=("kept-in-isolate",),
                related=related,
            )


def kept_sessions(operation: Operation, settings: Settings) -> list[Relation]:
    """Where the session that it reads is kept in the isolate, for a while or without an end."""
    return [
        one
        for one in operation.relations
        if one.kind is RelationKind.KEPT and is_session_there(operation, one, settings.prefixes)
    ]


def _long(operation: Operation) -> list[float]:
    """The times to cache that are longer than they should be."""
    values = operation.cache_ttl.values if operation.cache_ttl is not None else ()
    return [value for value in values if value > LONGEST_CACHE_TTL]


def _cached(operation: Operation, long: Sequence[float], key: str) -> Finding:
    number = operation.cache_ttl
    certain = number is not None and number.exact and len(number.values) == len(long)
    verb = "reads" if certain else "can read"
    return found(
        RULE,
        operation,
        f"{called(operation)} {verb} a session that was cached up to {max(long):.15g} seconds ago{key}",
        confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
        signals=("cacheTtl",),
    )


RULE = Rule(
    "stale-session-read",
    "KV005",
    Severity.WARNING,
    "a session is read from a cache that outlives a logout",
    check,
    documentation=__doc__ or "",
)
