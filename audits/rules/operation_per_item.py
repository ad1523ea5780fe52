"""One KV call for each item of a loop, or one after the other, where one call could do.

## What

Finds, of reads that are not bulk gets already:

- a `get` or `getWithMetadata` in a loop, in `.map` or `.forEach`, with a key that depends on the item,
  also when the loop calls a function that only reads;
- reads of one namespace that are awaited one after the other though none needs what another gave;
- keys with one hole and different prefixes (`profile:{id}`, `settings:{id}`) that are only ever read
  together, as the same type.

And a `put` or `delete` that is awaited once per item of a loop that waits for nothing but KV: Workers have
no bulk write, but the writes can be made at the same time, or be fewer, larger values.

All of these are notes: they cost time and money, and lose nothing.

Nothing is said of loops that end at the first hit, of those that need one value for the next key, of
values read as `arrayBuffer` or `stream`, which a bulk get cannot give, or of deleting keys that a list
gave, for which there is no other way.

## Why

Each read in a loop waits for a round trip and is billed alone; at most six are under way at once, and
an invocation may make 1,000 calls (10,000 on the paid plan). A bulk get of up to 100 keys is one call.

## Bad

```ts
async function users(env: Env): Promise<string[]> {
  const found: string[] = [];
  const { keys } = await env.STORE.list({ prefix: "user:", limit: 100 });
  for (const key of keys) {
    const user = await env.STORE.get(key.name);
    if (user) found.push(user);
  }
  return found;
}
```

```ts
async function page(env: Env, id: string): Promise<Response> {
  const profile = await env.STORE.get(`profile:${id}`, "json");
  const settings = await env.STORE.get(`settings:${id}`, "json");
  return Response.json({ profile, settings });
}
```

## Good

```ts
async function users(env: Env): Promise<string[]> {
  const { keys } = await env.STORE.list({ prefix: "user:", limit: 100 });
  const found = await env.STORE.get(keys.map((key) => key.name));
  return [...found.values()].filter((user) => user !== null);
}
```

```ts
async function page(env: Env, id: string): Promise<Response> {
  const owner = await env.STORE.get(`owner:${id}`);
  const settings = await env.STORE.get(`settings:${owner}`, "json");
  return Response.json({ owner, settings });
}
```

## Remedy

Pass an array of at most 100 keys to `get`: the answer is a `Map` by key, with one type for all values.
Reads of different types go into one `Promise.all`. What is always read together can be one value, and
what a listing needs of each key can be its metadata, which `list` returns.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from audits.finding import Edit, Finding, Severity
from audits.operation import Confidence, Each, Hole, Method, Operation, Template
from audits.rules.rule import Rule, Settings
from audits.rules.wording import at_callers, called, found, keyed

READS = (Method.GET, Method.GET_WITH_METADATA)
_UNFIT = ("arrayBuffer", "stream")
_COMPARED = re.compile(r"(?<![=<>])[<>](?!>)|[!=]==?")
"""What a loop goes by is a condition (`i < keys.length`) and not its items."""


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """Loops, rows of reads, and keys that are only read together."""
    single = [
        one for one in operations if one.bulk is None and not one.key_list and one.read_as not in _UNFIT
    ]
    reads = [one for one in single if one.method in READS]
    for operation in single:
        yield from _looped(operation)
    yield from _in_turn([one for one in reads if one.alone and one.enclosing.each is None])
    yield from _siblings(reads)


def _looped(operation: Operation) -> Iterator[Finding]:
    each = operation.enclosing.each
    if each is None:
        return
    related = at_callers("loop", f"called here for {_item(each)}", [each.place])
    there = "" if operation.call.start <= each.place.start <= operation.call.end else " (by its caller)"
    if operation.method in READS and not each.leaves:
        yield found(
            RULE,
            operation,
            f"{called(operation)} reads once for {_item(each)}{there}; "
            "one get of up to 100 keys reads them together",
            confidence=Confidence.MEDIUM if there else Confidence.HIGH,
            signals=("loop",),
            related=related if there else (),
        )
    elif operation.method in (Method.PUT, Method.DELETE) and not each.at_once and not each.busy:
        if operation.method is Method.DELETE and each.listed:
            return
        verb = "writes" if operation.method is Method.PUT else "deletes"
        yield found(
            RULE,
            operation,
            f"{called(operation)} {verb} once for {_item(each)}{there}, one after the other; "
            "there is no bulk write, but they can run at once or be one value",
            confidence=Confidence.MEDIUM,
            signals=("loop-write",),
            related=related if there else (),
        )


def _item(each: Each) -> str:
    """What there is one call for, as a person would say it."""
    if _COMPARED.search(each.items):
        return f"each turn while {each.items}"
    return f"each of {each.items}"


def _in_turn(reads: Sequence[Operation]) -> Iterator[Finding]:
    """Rows of awaited reads of which none needs another's result; told at the second one."""
    rows: dict[tuple[str, int, str], list[Operation]] = defaultdict(list)
    for one in sorted(reads, key=lambda one: one.call):
        row = rows[(one.place.path, one.enclosing.stretch, one.binding or one.receiver)]
        if any(other.call.start in one.key_from for other in row):
            yield from _row(row)
            row.clear()
        row.append(one)
    for _, row in sorted(rows.items()):
        yield from _row(row)


def _row(row: Sequence[Operation]) -> Iterator[Finding]:
    different: dict[tuple[str, ...], Operation] = {}
    for one in row:
        different.setdefault(tuple(map(str, one.keys)), one)
    kept = list(different.values())
    if len(kept) < 2:
        return
    others = [one.call for one in kept if one is not kept[1]]
    alike = len({one.read_as for one in kept}) == 1 and len({one.method for one in kept}) == 1
    instead = "one get of all keys" if alike else "Promise.all"
    yield found(
        RULE,
        kept[1],
        f"{called(kept[1])} waits for {called(kept[0])} without needing it; {instead} reads them together",
        signals=("in-turn",),
        related=at_callers("read", "read in the same row", others),
        fixes=_together(kept) if alike else (),
    )


def _together(reads: Sequence[Operation]) -> Iterator[Edit]:
    """One get of all keys in the place of statements that follow each other. Unsafe: it fails where one of
    the reads alone would, and is one read for the isolate's cache."""
    rows = [one.row for one in reads if one.row is not None and one.method is Method.GET]
    first = rows[0] if rows else None
    if first is None or len(rows) < len(reads) or len({one.receiver for one in reads}) > 1:
        return
    if any(row.before != above.end for above, row in pairwise(rows)):
        return
    if len({(row.rest, row.types, row.stop) for row in rows}) > 1:
        return
    keys = ", ".join(row.key for row in rows)
    call = f"{reads[0].receiver}.get{first.types}([{keys}]{first.rest})"
    lines = [f"const {first.spare} = await {call}{first.stop}"]
    lines += [f"const {row.name} = {first.spare}.get({row.key}) ?? null{row.stop}" for row in rows]
    text = f"\n{first.indent}".join(lines)
    yield Edit(reads[0].place.path, first.start, rows[-1].end, text)


def _siblings(reads: Sequence[Operation]) -> Iterator[Finding]:
    """Keys with one hole in common that are read in one `Promise.all` and never apart."""
    groups: dict[tuple[str, int, str], list[Operation]] = defaultdict(list)
    apart: set[str] = set()
    for one in reads:
        if one.enclosing.gathered is None:
            apart.update(map(str, one.keys))
        else:
            groups[(one.place.path, one.enclosing.gathered, one.binding or one.receiver)].append(one)
    for _, group in sorted(groups.items()):
        kin: dict[tuple[tuple[Hole, ...], Method, str], list[Operation]] = defaultdict(list)
        for one in group:
            if len(one.keys) == 1 and _holes(one.keys[0]) and one.keys[0].prefix:
                kin[(_holes(one.keys[0]), one.method, one.read_as)].append(one)
        for _, family in sorted(kin.items()):
            names = {str(one.keys[0]) for one in family}
            if len(names) > 1 and not names & apart:
                first, second = family[0], family[1]
                others = [one.call for one in family if one is not second]
                yield found(
                    RULE,
                    second,
                    f"{called(second)} is only ever read together with {keyed(first.keys[0])}; "
                    "one get of both keys is one call, and one value would need no second key",
                    confidence=Confidence.MEDIUM,
                    signals=("siblings",),
                    related=at_callers("read", "read together", others),
                )


def _holes(key: Template) -> tuple[Hole, ...]:
    holes = tuple(part for part in key.parts if isinstance(part, Hole))
    return holes if all(hole.name for hole in holes) else ()


RULE = Rule(
    "operation-per-item",
    "KV008",
    Severity.NOTE,
    "one call per item, or one after the other, where one call could do",
    check,
    documentation=__doc__ or "",
)
