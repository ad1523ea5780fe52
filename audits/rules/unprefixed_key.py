"""A key without a constant beginning: nothing tells what it is, and no list can find its kind.

## What

Finds calls whose key begins with a variable part: `get(id)`, `` put(`${user}:${id}`, …) ``. Runs only when
it is asked for. Nothing is said of keys that are not known, of those that come from a list or from a
function or variable that is called a key, and of constant ones.

## Why

In a namespace with more than one kind of key, ids of two kinds can meet, a `list` cannot ask for one of
them, and neither an export nor a clean-up can tell sessions from the rest.

## Bad

```ts
async function load(env: Env, sessionId: string) {
  return env.SESSIONS.get(sessionId);
}
```

## Good

```ts
async function load(env: Env, sessionId: string) {
  return env.SESSIONS.get(`session:${sessionId}`);
}
```

## Remedy

Begin every key with the name of its kind and a separator, in one function that all calls share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Hole, Method, Operation, Template
from audits.rules.rule import Rule, Settings
from audits.rules.wording import called, found

_KEY = re.compile(r"(?i)(?:^|[._])(?:k|name|prefix)$|key$|keys$")
_PLAIN = re.compile(
    r"(?i)hash|sha\d*$|md5|digest|hex|encode|uuid|btoa|base64|lower|upper|trim|slice|substring|cookie"
    r"|^(?:get|join|param|query|header|at|pop|shift|match|replace|split|string|tostring|text)$"
)
"""Functions that make another text of one, or take it from a request, and put nothing before it."""


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each call with such a key."""
    for operation in operations:
        if operation.method is Method.LIST:
            continue
        if any(_bare(key) for key in operation.keys):
            yield found(RULE, operation, f"{called(operation)} has a key without a constant prefix")


def _bare(key: Template) -> bool:
    first = key.parts[0] if key.parts else ""
    if not isinstance(first, Hole) or not first.name or _KEY.search(first.name):
        return False
    return not first.helper or _PLAIN.search(first.helper) is not None


RULE = Rule(
    "unprefixed-key",
    "KV012",
    Severity.NOTE,
    "a key without a constant prefix",
    check,
    pedantic=True,
    documentation=__doc__ or "",
)
