"""A call on a namespace of which the audit cannot say what it does.

## What

Finds calls in text with syntax errors, calls whose arguments are spread (`kv.put(...passed)`) or whose
method is computed (`kv[method]`), and calls through `apply` and `call`. Each is a note: no other
rule has judged it. When the audit can tell after all, because the method is a constant, or every caller
that passes the arguments on is known, there is no finding and the other rules speak.

## Why

An audit that skips what it does not understand without a word is taken for one that found nothing
there. A put without an end is found by no rule when its options are in a spread array.

## Bad

```ts
export function measured(kv: KVNamespace, passed: Parameters<KVNamespace["put"]>) {
  console.log("put", passed[0]);
  return kv.put(...passed);
}
```

```ts
export function forward(env: Env, method: "get" | "delete", key: string) {
  return env.SESSIONS[method](key);
}
```

## Good

```ts
export function measured(kv: KVNamespace, key: string, value: string, ttl: number) {
  console.log("put", key);
  return kv.put(key, value, { expirationTtl: ttl });
}
```

```ts
export function forward(env: Env, method: "get" | "delete", key: string) {
  return method === "get" ? env.SESSIONS.get(key) : env.SESSIONS.delete(key);
}
```

## Remedy

Name the method and its arguments. Where a wrapper must forward whatever it is passed, check its callers
by hand, and write that down as the reason of a suppression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Operation, Unread
from audits.rules.rule import Rule, Settings


def check(operations: Sequence[Operation], settings: Settings) -> Iterable[Finding]:
    """Nothing: what could not be read is no operation."""
    return ()


def check_unread(unread: Sequence[Unread], settings: Settings) -> Iterator[Finding]:
    """One note for each call that could not be read."""
    for one in unread:
        message = f"this call on a namespace was not judged: {one.why}"
        yield Finding(RULE.name, RULE.code, one.place, one.call, RULE.severity, one.confidence, message)


RULE = Rule(
    "unparsable-kv-call",
    "KV901",
    Severity.NOTE,
    "a call on a namespace that the audit cannot read",
    check,
    check_unread=check_unread,
    documentation=__doc__ or "",
)
