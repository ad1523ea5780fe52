"""A number or a key that Workers KV refuses when the call is made.

## What

Finds constants outside the limits of Workers KV: `expirationTtl` below 60, `expiration` in the past
or in milliseconds, `cacheTtl` below 30, a bulk get of more than 100 keys, a key of more than 512
bytes. An error when the value is certain, a warning when it is one of several. A 0 beside values that
are not known is none: it says that there is no time, and is asked for where that cannot be seen.

## Why

The runtime throws at each of them, so the write or read never happens; only an `expiration` in
milliseconds is accepted, and means a year after 50000: the key never expires.

## Bad

```ts
async function remember(env: Env, id: string, user: string) {
  await env.SESSIONS.put(`session:${id}`, user, { expirationTtl: 30 });
}
```

```ts
async function remember(env: Env, id: string, user: string) {
  await env.SESSIONS.put(`session:${id}`, user, { expiration: Date.now() + 3600 * 1000 });
}
```

```ts
async function recall(env: Env, id: string) {
  return env.SESSIONS.get(`session:${id}`, { type: "json", cacheTtl: 10 });
}
```

## Good

```ts
async function remember(env: Env, id: string, user: string) {
  await env.SESSIONS.put(`session:${id}`, user, { expirationTtl: 60 });
}
```

```ts
async function remember(env: Env, id: string, user: string) {
  await env.SESSIONS.put(`session:${id}`, user, { expiration: Math.floor(Date.now() / 1000) + 3600 });
}
```

```ts
async function recall(env: Env, id: string) {
  return env.SESSIONS.get(`session:${id}`, { type: "json", cacheTtl: 60 });
}
```

## Remedy

Times are whole seconds: `expirationTtl` of at least 60, `expiration` as Unix time at least 60 seconds
ahead, `cacheTtl` of at least 30. Cut a bulk get into parts of 100 keys, and hash what makes a key long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from audits.finding import Edit, Finding, Severity
from audits.operation import Confidence, Method, Number, Operation
from audits.rules.rule import Rule, Settings
from audits.rules.wording import called, found

LEAST_TTL = 60
LEAST_CACHE_TTL = 30
MOST_KEYS = 100
LONGEST_KEY = 512
_MILLISECONDS = 100_000_000_000
"""Seconds reach this number in the year 5138, milliseconds reached it in 1973."""

_CLOCK = re.compile(r"\bDate\.now\(\)|\.getTime\(\)|\.valueOf\(\)|\+new Date\b")

_NUMERIC = re.compile(r"[\d_.\s*+()]+")
_MADE_OF_MILLISECONDS = re.compile(
    r"Date\.now\(\)\s*\+\s*(?:[\w.]+\s*\*\s*)*(?:1000|1_000|1e3)(?:\s*\*\s*[\w.]+)*"
)
"""The clock and a product with a factor of 1000: there is no second way to read it."""

_LEAST = {"expirationTtl": LEAST_TTL, "cacheTtl": LEAST_CACHE_TTL}
_OPTION = {"expiration-milliseconds": "expiration"}

Claim = tuple[str, str, bool]
"""What is wrong, the signal's name, and whether it is certain."""


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each limit that a call breaks."""
    for operation in operations:
        for text, signal, certain in _claims(operation, settings.now):
            yield found(
                RULE,
                operation,
                f"{called(operation)} {text}",
                severity=Severity.ERROR if certain else Severity.WARNING,
                confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
                signals=(signal,),
                fixes=_fixes(operation, signal),
            )


def _fixes(operation: Operation, signal: str) -> Iterator[Edit]:
    """Mend what stands in the call itself. A number that Workers KV refuses makes every call throw, so
    the least that it takes is safe; a key that never ended and then does is not, nor is a 0, by which
    some mean for ever."""
    at = 2 if operation.method is Method.PUT else 1
    options = operation.arguments[at] if len(operation.arguments) > at else None
    member = options.member(_OPTION.get(signal, signal)) if options is not None else None
    if options is None or member is None:
        return
    text, path = options.source(member), operation.place.path
    if signal in _LEAST and _NUMERIC.fullmatch(text):
        safe = operation.confidence is Confidence.HIGH and text.strip("0_.()+* ") != ""
        yield Edit(path, member.start, member.end, str(_LEAST[signal]), safe)
    elif signal == "expiration-milliseconds" and _MADE_OF_MILLISECONDS.fullmatch(text):
        yield Edit(path, member.start, member.end, f"Math.floor(({text}) / 1000)")


def _claims(operation: Operation, now: float) -> Iterator[Claim]:
    if operation.ttl is not None and operation.ttl.ttl is not None:
        yield from _below(operation.ttl.ttl, LEAST_TTL, "expirationTtl")
    if operation.ttl is not None and operation.ttl.expiration is not None:
        yield from _expiration(operation.ttl.expiration, now)
    if operation.cache_ttl is not None:
        yield from _below(operation.cache_ttl, LEAST_CACHE_TTL, "cacheTtl")
    if operation.bulk is not None and operation.bulk > MOST_KEYS:
        yield f"asks for {operation.bulk} keys at once, and {MOST_KEYS} is the most", "bulk", True
    if operation.method is not Method.LIST:
        yield from _long(operation)


def _below(number: Number, least: int, option: str) -> Iterator[Claim]:
    low = [value for value in number.values if value < least and (value or number.exact)]
    if low:
        certain = number.exact and len(low) == len(number.values)
        verb = "has" if certain else "can have"
        yield f"{verb} {option} {low[0]:.15g}, and {least} seconds is the least", option, certain


def _expiration(number: Number, now: float) -> Iterator[Claim]:
    late = [value for value in number.values if value >= _MILLISECONDS]
    past = [value for value in number.values if value < now]
    certain = number.exact and len(number.values) == 1
    if late:
        yield f"has expiration {late[0]:.0f}, which is in milliseconds", "expiration-milliseconds", certain
    elif past:
        yield f"has expiration {past[0]:.0f}, which is in the past", "expiration-past", certain
    elif not number.values and _CLOCK.search(number.text) and "/" not in number.text:
        yield (
            "has an expiration in milliseconds: it is never divided by 1000",
            "expiration-milliseconds",
            False,
        )


def _long(operation: Operation) -> Iterator[Claim]:
    """The constant parts alone decide, so a hole makes it no less certain."""
    sizes = [
        sum(len(part.encode("utf-8", "surrogatepass")) for part in key.parts if isinstance(part, str))
        for key in operation.keys
    ]
    if sizes and max(sizes) > LONGEST_KEY:
        certain = min(sizes) > LONGEST_KEY
        yield f"has a key of at least {max(sizes)} bytes, and {LONGEST_KEY} is the most", "key-size", certain


RULE = Rule(
    "ttl-out-of-range",
    "KV003",
    Severity.ERROR,
    "a time, a number of keys or a key's length that Workers KV refuses",
    check,
    documentation=__doc__ or "",
)
