"""KV stands beside a strongly consistent store, behind it or in front of it: the end of a migration is
not reached while it does.

## What

Finds three kinds of places, and says which (the signals `fallback`, `cache-in-front` and
`missing-binding`). A read of KV that is made, or whose result is taken, only where a read of a Durable
Object, of D1 or of SQL gave nothing (`absent`), failed (`failed`), or could not be made because the store
is not bound (`unbound`). A read of a session from KV in front of such a read, which is made only where
KV had none. And code that answers for a namespace for sessions that is not bound, such as
`if (!env.SESSIONS) return json({ error: "kv_not_configured" }, 503)`. What the other read is, the related
place says. It may be in a helper.

A fallback on a key that is no session's, or behind a table that is about something else, is a note with
low confidence, and a cache in front of other data is not found at all: caching a product list is what
KV is for. An answer for a namespace that is not bound is a note, too: it does no harm until the binding
goes, and is looked for at the end of a migration with `--select kv-fallback --fail-on note`.

## Why

KV is eventually consistent. A session that was deleted in the strongly consistent store lives on in the
copy that is asked next, and whoever logged out is logged in again. Such branches are right while
sessions are being moved; when they have been, they must go, or every deleted session is looked up in KV
once more for ever.

## Bad

```ts
export async function currentSession(env: Env, id: string) {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
  return (await stub.getSession(id)) ?? (await env.SESSIONS.get(`session:${id}`, "json"));
}
```

```ts
export async function currentSession(env: Env, db: D1Database, id: string) {
  const row = await db.prepare("SELECT data FROM sessions WHERE id = ?").bind(id).first<{ data: string }>();
  if (row) return JSON.parse(row.data);
  const legacy = await env.SESSIONS.get(`session:${id}`);
  return legacy ? JSON.parse(legacy) : null;
}
```

```ts
export async function currentSession(env: Env, db: D1Database, id: string) {
  const cached = await env.SESSIONS.get(`session:${id}`, "json");
  if (cached) return cached;
  return db.prepare("SELECT user_id FROM sessions WHERE id = ?").bind(id).first();
}
```

```ts
export async function whoami(request: Request, env: Env): Promise<Response> {
  if (!env.SESSIONS) return Response.json({ error: "kv_not_configured" }, { status: 503 });
  return Response.json(await env.SESSIONS.get(`session:${sessionIdOf(request)}`, "json"));
}
```

## Good

```ts
export async function currentSession(env: Env, id: string) {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
  return stub.getSession(id);
}
```

```ts
export async function product(env: Env, db: D1Database, id: string) {
  const cached = await env.STORE.get(`product:${id}`, "json");
  if (cached) return cached;
  return db.prepare("SELECT * FROM products WHERE id = ?").bind(id).first();
}
```

```ts
export async function profile(env: Env, db: D1Database, id: string) {
  const session = await env.SESSIONS.get<{ user: string }>(`session:${id}`, "json");
  if (!session) return null;
  return db.prepare("SELECT * FROM users WHERE id = ?").bind(session.user).first();
}
```

## Remedy

While the migration runs, leave them, with a comment that says so; `kvferry verify` tells when nothing is
in KV alone any more. Then delete the branch and the read, and let the consistent store's answer be the
last word: nothing there means nobody is logged in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from audits.finding import Finding, Severity
from audits.operation import Branch, Confidence, Evidence, Method, Operation, Relation, RelationKind
from audits.rules.rule import Rule, Settings
from audits.rules.session_signals import is_session_only, is_session_there, speaks_of_sessions
from audits.rules.wording import called, found

_TABLE = re.compile(r"\b(?:from|join)\s+[\"'`\[]?([A-Za-z_]\w*)", re.IGNORECASE)
_RELATED = re.compile(r"auth|token|login|cookie|credential", re.IGNORECASE)
_PEOPLE = re.compile(r"user|account|member|admin|customer", re.IGNORECASE)
_SAYS = re.compile(
    r"config|missing|unavailable|not set|binding|not bound|required|no_kv|kv|storage", re.IGNORECASE
)
_WHEN = {
    "absent": "has nothing",
    "failed": "fails",
    "unbound": "is not bound",
}


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each read of KV that stands behind or in front of a consistent store."""
    for operation in operations:
        if operation.method not in (Method.GET, Method.GET_WITH_METADATA) or not operation.relations:
            continue
        for kind in (RelationKind.FALLBACK, RelationKind.BEFORE):
            judged = [_judged(operation, one, settings) for one in operation.relations if one.kind is kind]
            kept = [one for one in judged if one is not None]
            if kept:
                yield _finding(operation, kind, kept)
                break


Judged = tuple[Confidence, bool, Relation]
"""How certain it is, and whether both reads are of sessions."""


def _judged(operation: Operation, relation: Relation, settings: Settings) -> Judged | None:
    """A relation between two reads of the same thing, None when they are probably of two."""
    alike = speaks_of_sessions(relation.text)
    session = is_session_there(operation, relation, settings.prefixes)
    if not session or (_elsewhere(relation.text) and not alike):
        other = relation.together == 2 and not alike and relation.kind is RelationKind.FALLBACK
        return (Confidence.LOW, False, relation) if other else None
    if relation.together == 2:
        return Confidence.HIGH if alike else Confidence.MEDIUM, True, relation
    return (Confidence.MEDIUM, True, relation) if alike or relation.together else None


def _elsewhere(text: str) -> bool:
    """Does SQL read something that has nothing to do with who is logged in?"""
    tables = _TABLE.findall(text)
    if not tables or any(_RELATED.search(table) for table in tables):
        return False
    return not (_RELATED.search(text) and any(_PEOPLE.search(table) for table in tables))


def _finding(operation: Operation, kind: RelationKind, kept: Sequence[Judged]) -> Finding:
    sure, session, first = max(kept, key=lambda one: (one[1], one[0], -one[2].place.start))
    behind = kind is RelationKind.FALLBACK
    thing = "a session" if session else "what is"
    if behind:
        text = f"reads {thing} from KV where {_store(first.what)} {_WHEN[first.how]}"
    else:
        text = f"reads {thing} from KV before {_store(first.what)} is asked"
    names = {"fallback" if behind else "cache-in-front", *(one.how for _, _, one in kept)}
    if session:
        names.add("session")
    note = "the read that KV stands in for" if behind else "the read that KV stands in front of"
    lines = {(one.place.path, one.place.line): one for _, _, one in reversed(kept)}
    stores = [one for _, _, one in kept if lines[one.place.path, one.place.line] is one]
    related = [Evidence("consistent-read", f"{note}: {one.what}", one.place) for one in stores]
    calls = sorted({place for _, _, one in kept for place in one.via})
    related += [Evidence("through-helper", "KV is read from here", place) for place in calls]
    return found(
        RULE,
        operation,
        f"{called(operation)} {text}",
        severity=Severity.WARNING if session else Severity.NOTE,
        confidence=sure,
        signals=names,
        related=tuple(dict.fromkeys(related)),
    )


def _store(what: str) -> str:
    return what if what == "D1" else f"the {what}"


def check_branches(branches: Sequence[Branch], settings: Settings) -> Iterator[Finding]:
    """One finding for each branch for a namespace for sessions that is not bound."""
    for branch in branches:
        sessions = [one for one in branch.operations if is_session_only(one, settings.prefixes)]
        if not sessions or 2 * len(sessions) < len(branch.operations):
            continue
        every = len(sessions) == len(branch.operations)
        said = _SAYS.search(branch.text) is not None or branch.leaves == "throw"
        sure = Confidence.HIGH if every and said else Confidence.MEDIUM
        whole = replace(
            branch.place, end_line=branch.arm.end_line, end_column=branch.arm.end_column, end=branch.arm.end
        )
        verb = "throws" if branch.leaves == "throw" else "returns"
        yield Finding(
            rule=RULE.name,
            code=RULE.code,
            place=branch.place,
            call=whole,
            severity=Severity.NOTE,
            confidence=min(sure, branch.confidence),
            message=f"{verb} where {branch.binding or branch.receiver}, which holds sessions, is not bound",
            signals=("missing-binding",),
        )


RULE = Rule(
    "kv-fallback",
    "KV004",
    Severity.WARNING,
    "a read of KV behind or in front of a strongly consistent store",
    check,
    documentation=__doc__ or "",
    check_branches=check_branches,
)
