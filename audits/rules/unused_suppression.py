"""A comment that suppresses nothing: what it excused is gone, and it would hide the next one.

## What

Finds `kvferry: ignore[…]` comments that match no finding of the rule that they name. Only rules that
were run are judged.

## Why

A suppression that has outlived its reason silently swallows the next mistake at the same place.

## Bad

```ts
async function save(env: Env, id: string) {
  // kvferry: ignore[put-without-ttl] a counter that lives for ever
  await env.SESSIONS.put(`session:${id}`, "1", { expirationTtl: 3600 });
}
```

## Good

```ts
async function save(env: Env) {
  // kvferry: ignore[put-without-ttl] a counter that lives for ever
  await env.SESSIONS.put("counter", "1");
}
```

## Remedy

Delete the comment. A trailing comment is about its own line, one on a line of its own about the next
line of code; both may also stand on any line of the call that they are about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audits.finding import Finding, Severity
from audits.operation import Operation
from audits.rules.rule import Rule, Settings


def check(operations: Sequence[Operation], settings: Settings) -> Iterable[Finding]:
    """Nothing: what a comment suppressed is known only when every other rule has spoken."""
    return ()


RULE = Rule(
    "unused-suppression",
    "KV900",
    Severity.WARNING,
    "a suppression that matches no finding",
    check,
    documentation=__doc__ or "",
)
