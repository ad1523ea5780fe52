"""A login session is read from, written to or removed from Workers KV.

## What

Finds `get`, `getWithMetadata`, `put`, `delete` and `list` on a key that is a session's. What is one is
judged by several signals, and the finding names those that fired: the key begins with a known prefix
(`key-prefix`; `--session-prefix`, and `spotify_session:` always) or speaks of sessions (`key-text`), of
refresh tokens (`refresh-token`) or of tokens (`auth-text`); a session's id or a token fills it
(`hole-name`, `token-hole`); a helper such as `sessionKey` makes it (`key-helper`), or a constant, a
helper or the last part of the prefix is named for login tokens, such as `ADMIN_TOKEN_PREFIX` and
`shop:auth:{token}` (`key-name`); the namespace's binding (`binding`, `auth-binding`), the value or its
type (`value-name`), the function, class or file around it is named for sessions or logins; a cookie is
read in the same function (`cookie`) or holds the key (`cookie-key`), or the file speaks of logins
(`login`); another call's key, which is a session's, begins with the same text (`same-keys`). Keys about
something else in a namespace for sessions, such as `oauth_state:{state}` or `rate:{ip}`, are not found,
nor are other kinds of sessions (chats, games, uploads; `{sessionId}` where nothing is said of users and
logins; `session:{userId}` where nothing is said of logins). A function that most callers use for other
keys is not found either.

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
from dataclasses import replace

from audits.finding import Finding, Severity
from audits.operation import Confidence, Method, Operation
from audits.rules.rule import Rule, Settings
from audits.rules.session_keys import same_keys
from audits.rules.session_signals import ENOUGH, SURE, best, when
from audits.rules.wording import called, found

_VERB = {
    Method.GET: "reads a session from KV",
    Method.GET_WITH_METADATA: "reads a session from KV",
    Method.PUT: "writes a session to KV",
    Method.DELETE: "deletes a session from KV",
    Method.LIST: "lists sessions in KV",
}


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each operation whose key is a session's, or begins as one that is."""
    scored = [(one, best(one, settings.prefixes)) for one in operations if one.keys]
    kinds = {
        (one.binding, same_keys(score.key))
        for one, score in scored
        if score.weight >= ENOUGH and same_keys(score.key)
    }
    others = {
        (one.binding, same_keys(score.key))
        for one, score in scored
        if one.method is Method.PUT and same_keys(score.key) and score.weight < 0 and not score.listed
    }
    for operation, score in scored:
        if (operation.binding, same_keys(score.key)) in others and not score.listed:
            continue
        if score.weight < ENOUGH and not score.listed:
            if not all((operation.binding, same_keys(key)) in kinds for key in operation.keys):
                continue
            score = replace(score, signals=tuple(sorted({*score.signals, "same-keys"})))
        yield found(
            RULE,
            operation,
            f"{called(operation)} {_VERB[operation.method]}{when(operation, settings.prefixes)}"
            f" ({', '.join(score.signals)})",
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
