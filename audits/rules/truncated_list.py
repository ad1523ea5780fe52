"""A list whose cursor nobody follows: it ends after 1,000 keys, and nobody notices.

## What

Finds calls of `list` that are given no `cursor` and of whose result neither `cursor` nor
`list_complete` is looked at. A warning, and a note when the prefix has a variable part: few users have
more than 1,000 keys of their own.

Nothing is said of a constant `limit` below 1,000, which asks for no more than that; of results of which
only the first key is used, or whether there is one; and of results that go as a whole to where it
cannot be seen what becomes of them.

## Why

A page holds at most 1,000 keys, and an expired or deleted one leaves a gap, so that even an empty page
may have a cursor. Whatever counts, cleans up, exports or shows all keys works in every test, and goes
wrong in the week in which the thousand and first key is written.

## Bad

```ts
async function activeSessions(env: Env): Promise<number> {
  const { keys } = await env.SESSIONS.list({ prefix: "session:" });
  return keys.length;
}
```

## Good

```ts
async function activeSessions(env: Env): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await env.SESSIONS.list({ prefix: "session:", cursor });
    count += page.keys.length;
    cursor = page.list_complete ? undefined : page.cursor;
  } while (cursor);
  return count;
}
```

```ts
async function hasSessions(env: Env, user: string): Promise<boolean> {
  const page = await env.SESSIONS.list({ prefix: `session:${user}:`, limit: 1 });
  return page.keys.length > 0;
}
```

## Remedy

Call `list` until `list_complete` is true, with the same prefix and the last page's `cursor`. When one
page is what is meant, say so: give a `limit`, or hand `list_complete` to whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Has, Method, Operation
from audits.rules.rule import Rule, Settings
from audits.rules.wording import called, found

PAGE = 1000


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each list that silently ends after its first page."""
    for operation in operations:
        if operation.method is not Method.LIST or operation.cursor_followed is not Has.NO:
            continue
        if _few_by_intent(operation):
            continue
        narrow = any(key.constant is None for key in operation.keys)
        yield found(
            RULE,
            operation,
            f"{called(operation)} gives at most {PAGE:,} keys, and nothing asks whether there are more",
            severity=Severity.NOTE if narrow else Severity.WARNING,
        )


def _few_by_intent(operation: Operation) -> bool:
    """Is a page all that is asked for?"""
    limit = operation.limit
    if limit is not None and not (limit.exact and min(limit.values) >= PAGE):
        return True
    return operation.taken is not None


RULE = Rule(
    "truncated-list",
    "KV009",
    Severity.WARNING,
    "a list of which only the first 1,000 keys are seen",
    check,
    documentation=__doc__ or "",
)
