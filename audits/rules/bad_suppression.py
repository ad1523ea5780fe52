"""A comment that means to suppress a finding and cannot: it suppresses nothing.

## What

Finds comments that begin with `kvferry:` and are not `kvferry: ignore[rule] reason`: without a rule,
with a rule that there is not, or without a reason.

## Why

Somebody decided that a finding is fine here, and the decision takes no effect, or nobody can tell
later why it was made.

## Bad

```ts
async function save(env: Env) {
  // kvferry: ignore[put-without-tll] a counter that lives for ever
  await env.SESSIONS.put("counter", "1", { expirationTtl: 3600 });
}
```

```ts
async function save(env: Env) {
  await env.SESSIONS.put("counter", "1"); // kvferry: ignore[put-without-ttl]
}
```

## Good

```ts
async function save(env: Env) {
  await env.SESSIONS.put("counter", "1"); // kvferry: ignore[put-without-ttl] lives for ever
}
```

## Remedy

Write `// kvferry: ignore[RULE] REASON`, the comment's first words; several rules are separated by
commas, and a rule's code does as well as its name. `kvferry rules` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audits.finding import Finding, Severity
from audits.operation import Operation
from audits.rules.rule import Rule, Settings


def check(operations: Sequence[Operation], settings: Settings) -> Iterable[Finding]:
    """Nothing: comments are read beside the rules."""
    return ()


RULE = Rule(
    "bad-suppression",
    "KV902",
    Severity.ERROR,
    "a suppression without a rule, with an unknown one, or without a reason",
    check,
    documentation=__doc__ or "",
)
