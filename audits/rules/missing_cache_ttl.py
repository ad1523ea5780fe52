"""A constant key that is read without saying how long the answer may be kept.

## What

Finds `get` and `getWithMetadata` of a constant key without `cacheTtl`. Runs only when it is asked for.
Nothing is said of a key that the same function writes, or whose options cannot be seen.

## Why

A constant key is a setting, a flag or a list that every request reads. Without `cacheTtl` each location
asks for it again after a minute; with an hour, reads are faster and an outage of the store is felt an
hour later. For what must be fresh, such as a session, the default is right.

## Bad

```ts
async function settings(env: Env) {
  return env.STORE.get("settings", "json");
}
```

## Good

```ts
async function settings(env: Env) {
  return env.STORE.get("settings", { type: "json", cacheTtl: 3600 });
}
```

## Remedy

Pass `{ cacheTtl: seconds }`: as long as a change may take to be seen everywhere, 30 at least.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Has, Method, Operation
from audits.rules.rule import Rule, Settings
from audits.rules.wording import called, found


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each such read."""
    written = {
        (one.place.path, one.enclosing.function, str(key))
        for one in operations
        if one.method in (Method.PUT, Method.DELETE)
        for key in one.keys
    }
    for operation in operations:
        if operation.method not in (Method.GET, Method.GET_WITH_METADATA) or operation.caching is not Has.NO:
            continue
        here = operation.place.path, operation.enclosing.function
        constant = bool(operation.keys) and all(key.constant for key in operation.keys)
        if constant and not any((*here, str(key)) in written for key in operation.keys):
            yield found(RULE, operation, f"{called(operation)} reads a constant key without cacheTtl")


RULE = Rule(
    "missing-cache-ttl",
    "KV013",
    Severity.NOTE,
    "a constant key that is read without cacheTtl",
    check,
    pedantic=True,
    documentation=__doc__ or "",
)
