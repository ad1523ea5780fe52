"""A login session is read from, written to or removed from Workers KV.

## What

Finds `get`, `getWithMetadata`, `put`, `delete` and `list` on a key that is a session's. What is one is
judged by several signals, and the finding names those that fired: the key begins with a known prefix
(`key-prefix`; `--session-prefix`, and `spotify_session:` always) or speaks of sessions (`key-text`); a
session's id fills it (`hole-name`); a helper such as `sessionKey` makes it (`key-helper`); the
namespace's binding (`binding`), the value or its type (`value-name`), the function, class or file
around it is named for sessions; a cookie is read in the same function (`cookie`). Keys about something
else in a namespace for sessions, such as `oauth_state:{state}` or `rate:{ip}`, are not found, nor
are other kinds of sessions (chats, games, uploads).

## Why

KV is eventually consistent: for a minute or more after a logout, another data centre still serves the
session, and of two renewals at the same time one is lost. These calls are what a migration must
replace, and what must be gone before the fallback is deleted.

## Bad

```ts
export async function currentUser(request: Request, env: Env) {
  const sid = readCookie(request, "sid");
  const session = await env.SESSIONS.get<Session>(`spotify_session:${sid}`, "json");
  return session?.user ?? null;
}
```

```ts
const sessionKey = (id: string) => `s:${id}`;

export async function logout(env: Env, id: string) {
  await env.SESSIONS.delete(sessionKey(id));
}
```

## Good

```ts
export async function currentUser(request: Request, env: Env) {
  const sid = readCookie(request, "sid");
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sid));
  return (await stub.getSession(sid))?.user ?? null;
}
```

```ts
export async function remember(env: Env, state: string, verifier: string) {
  await env.SESSIONS.put(`oauth_state:${state}`, verifier, { expirationTtl: 600 });
}
```

## Remedy

Ask a strongly consistent store instead: one Durable Object per session, or SQLite. `kvferry export` and
`kvferry verify` move the sessions that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Confidence, Method, Operation
from audits.rules.rule import Rule, Settings
from audits.rules.session_signals import ENOUGH, SURE, best
from audits.rules.wording import called, found

_VERB = {
    Method.GET: "reads a session from KV",
    Method.GET_WITH_METADATA: "reads a session from KV",
    Method.PUT: "writes a session to KV",
    Method.DELETE: "deletes a session from KV",
    Method.LIST: "lists sessions in KV",
}


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each operation whose key is a session's."""
    for operation in operations:
        if not operation.keys:
            continue
        score = best(operation, settings.prefixes)
        if score.weight < ENOUGH and not score.listed:
            continue
        yield found(
            RULE,
            operation,
            f"{called(operation)} {_VERB[operation.method]} ({', '.join(score.signals)})",
            confidence=Confidence.HIGH if score.weight >= SURE else Confidence.MEDIUM,
            signals=score.signals,
        )


RULE = Rule(
    "session-kv-call",
    "KV001",
    Severity.WARNING,
    "a login session is read, written, deleted or listed in KV",
    check,
    documentation=__doc__ or "",
)
