"""A put that gives its key no end: it stays in KV until somebody deletes it.

## What

Finds calls of a KV namespace's `put` whose options have neither `expirationTtl` nor `expiration`.
An error when that holds on every way to the call; a warning when it holds on some: one caller of a
helper, one arm of a condition, an option that can be undefined. Nothing is said of a put whose
options cannot be seen, for example those that an exported function is handed from outside; the
report counts them.

## Why

KV never forgets. A session without an expiration can be used for ever, on every device that ever
held its cookie, and a namespace that only grows makes every listing, export and verify longer.

## Bad

```ts
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const id = crypto.randomUUID();
    await env.SESSIONS.put(`session:${id}`, JSON.stringify({ user: "u" }));
    return new Response(id);
  },
};
```

```ts
async function save(env: Env, id: string, user: string, remember: boolean) {
  const options = remember ? undefined : { expirationTtl: 3600 };
  await env.SESSIONS.put(`session:${id}`, user, options);
}
```

## Good

```ts
const WEEK = 7 * 24 * 60 * 60;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const id = crypto.randomUUID();
    await env.SESSIONS.put(`session:${id}`, JSON.stringify({ user: "u" }), { expirationTtl: WEEK });
    return new Response(id);
  },
};
```

```ts
async function save(env: Env, id: string, user: string, expires: Date) {
  const options = { expiration: Math.floor(expires.getTime() / 1000), metadata: { user } };
  await env.SESSIONS.put(`session:${id}`, user, options);
}
```

## Remedy

Pass `{ expirationTtl: seconds }`, 60 or more, or `{ expiration: unixSeconds }`. A key that is meant to
live for ever belongs on the allow-list: `--forever 'config:*'`, or `forever = ["config:*"]` in the
configuration; a single call can carry a comment that says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from audits.finding import Edit, Finding, Severity
from audits.operation import Confidence, Has, Method, Operation
from audits.rules.rule import Rule, Settings
from audits.rules.wording import at_callers, called, found

_ENDS = ("expirationTtl", "expiration")


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each put that has no end on all or on some ways."""
    for operation in operations:
        if operation.method is not Method.PUT or operation.ttl is None:
            continue
        verdict = operation.ttl
        if verdict.has not in (Has.NO, Has.MAYBE) or _forever(operation, settings.forever):
            continue
        if verdict.has is Has.NO:
            where, severity = "", Severity.ERROR
        else:
            where, severity = " on some way", Severity.WARNING
        why = verdict.why.removeprefix("on some way ") or "the key never expires"
        message = f"{called(operation)} has no expirationTtl or expiration{where}: {why}"
        related = at_callers("without-ttl", "reached from here without an expiration", verdict.without)
        fixes = _fixes(operation, settings.ttl)
        yield found(RULE, operation, message, severity=severity, related=related, fixes=fixes)


def unfixable(operation: Operation) -> str:
    """Why no fix can give a put an end that it has not, in a few words; "" when one can."""
    given = operation.arguments
    if operation.ttl is not None and operation.ttl.has is Has.MAYBE:
        return "only some ways have none"
    if len(given) not in (2, 3):
        return "the arguments are not those of a put"
    if len(given) == 2:
        return ""
    if not given[2].text:
        return "the options are not written out in the call"
    if any(one.name in _ENDS for one in given[2].members):
        return "the options name one that has no value"
    return ""


def _fixes(operation: Operation, ttl: int | None) -> Iterator[Edit]:
    """Give the key an end. Unsafe for a constant key and for one of which nothing is known: such data
    may well be meant to stay."""
    if ttl is None or unfixable(operation):
        return
    given = operation.arguments
    made = f"expirationTtl: {ttl}"
    path, safe = operation.place.path, operation.confidence is Confidence.HIGH and _of_many(operation)
    if len(given) == 2:
        yield Edit(path, given[1].end, given[1].end, f", {{ {made} }}", safe)
        return
    options = given[2]
    if options.text in ("undefined", "null") or not options.text.strip("{} \t\r\n"):
        yield Edit(path, options.start, options.end, f"{{ {made} }}", safe)
    else:
        gap = options.text[1 : len(options.text) - len(options.text[1:].lstrip())]
        text = f"{gap}{made}," if gap else f"{made}, "
        yield Edit(path, options.start + 1, options.start + 1, text, safe)


def _of_many(operation: Operation) -> bool:
    """Is every key one of many of a kind: text with something variable in it?"""
    return all(key.prefix and key.constant is None for key in operation.keys)


def _forever(operation: Operation, globs: Sequence[str]) -> bool:
    """Is every key that the put can write meant to live for ever?"""
    keys = [str(key) for key in operation.keys if not key.unknown]
    return (
        bool(keys)
        and len(keys) == len(operation.keys)
        and all(any(fnmatchcase(key, glob) for glob in globs) for key in keys)
    )


RULE = Rule(
    "put-without-ttl",
    "KV002",
    Severity.ERROR,
    "a put without expirationTtl or expiration: its key never expires",
    check,
    documentation=__doc__ or "",
)
