"""A key that has metadata or an expiration is written anew without them: a put replaces all three.

## What

Finds puts on a key that was read with `getWithMetadata` before, or that was listed, and that pass no
`metadata` on. Of listed keys those are found that get neither metadata nor an expiration, or lose
metadata that other puts give to such keys. Copies into another namespace count. A put that is made only
where there was nothing to read is not found, nor is one where the project shows that there is nothing
to lose: other puts make such keys, and none of them gives metadata or an expiration.

## Why

`put` does not merge: without `metadata` the key has none from then on, and without an expiration it
lives for ever. Whoever reads it next finds `metadata` null, which is where version marks, owners and
digests are kept; what was to die lives on.

## Bad

```ts
export async function rename(env: Env, id: string, name: string) {
  const { value, metadata } = await env.STORE.getWithMetadata<{ owner: string }>(`doc:${id}`, "json");
  if (!value || metadata?.owner !== name) return;
  await env.STORE.put(`doc:${id}`, JSON.stringify({ name }), { expirationTtl: 3600 });
}
```

```ts
export async function migrate(env: Env) {
  const { keys } = await env.STORE.list({ prefix: "v1:" });
  for (const key of keys) {
    const value = await env.STORE.get(key.name);
    if (value) await env.STORE.put(key.name, value.toUpperCase());
  }
}
```

## Good

```ts
export async function rename(env: Env, id: string, name: string) {
  const { value, metadata } = await env.STORE.getWithMetadata<{ owner: string }>(`doc:${id}`, "json");
  if (!value || metadata?.owner !== name) return;
  await env.STORE.put(`doc:${id}`, JSON.stringify({ name }), { metadata, expirationTtl: 3600 });
}
```

```ts
export async function migrate(env: Env) {
  const { keys } = await env.STORE.list<{ owner: string }>({ prefix: "v1:" });
  for (const { name, expiration, metadata } of keys) {
    const value = await env.STORE.get(name);
    if (value) await env.STORE.put(name, value.toUpperCase(), { expiration, metadata });
  }
}
```

## Remedy

Pass on what was read: `put(key, value, { metadata, expiration })`. `getWithMetadata` does not tell the
expiration; `list` does, or keep it in the metadata as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audits.finding import Finding, Severity
from audits.operation import Confidence, Evidence, Has, Method, Operation, Relation, RelationKind
from audits.rules.rule import Rule, Settings
from audits.rules.wording import called, found

_TELL = {Method.GET_WITH_METADATA.value, Method.LIST.value}
"""What gives the metadata of a key or its expiration."""


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each put that loses metadata."""
    lists = {one.place: one for one in operations if one.method is Method.LIST}
    puts = [one for one in operations if one.method is Method.PUT]
    for operation in puts:
        if operation.metadata not in (Has.NO, Has.MAYBE):
            continue
        lost = []
        for one in operation.relations:
            if one.what not in _TELL:
                continue
            had = _had(operation, lists.get(one.place), puts)
            sure = _sure(operation, one, had)
            if sure is not None:
                lost.append((sure, one, had))
        if lost:
            yield _finding(operation, lost)


def _finding(operation: Operation, lost: Sequence[tuple[Confidence, Relation, _Had]]) -> Finding:
    sure, first, had = max(lost, key=lambda one: (one[0], -one[1].place.start))
    some = " on some way" if operation.metadata is Has.MAYBE else ""
    source = "listed" if first.what == Method.LIST.value else "read with getWithMetadata"
    kept = ["metadata"] if had.metadata or first.text == "metadata" else []
    kept += ["expiration"] if had.expiration and _no_end(operation) else []
    places = sorted({one.place for _, one, _ in lost})
    return found(
        RULE,
        operation,
        f"{called(operation)} writes a key that was {source} without its {' and '.join(kept)}{some}",
        confidence=min(sure, Confidence.MEDIUM) if some else sure,
        signals=(source.split(" ")[0], *(["copied"] if first.how == "copied" else [])),
        related=tuple(Evidence("read", f"{source} here", place) for place in places),
    )


@dataclass(frozen=True, slots=True)
class _Had:
    """What the key may have had, as far as other puts show."""

    metadata: bool
    expiration: bool


def _had(operation: Operation, listed: Operation | None, puts: Sequence[Operation]) -> _Had:
    """What is given by the other puts of such keys; anything when there are none."""
    source = operation if listed is None else listed
    others = [put for put in puts if put is not operation and _alike(put, source, listed is not None)]
    return _Had(
        not others or any(put.metadata is not Has.NO for put in others),
        not others or any(put.ttl is None or put.ttl.has is not Has.NO for put in others),
    )


def _alike(put: Operation, source: Operation, listed: bool) -> bool:
    """Can the put have made a key that is read, or one of those that are listed?"""
    if not set(put.binding.split("|")) & set(source.binding.split("|")):
        return False
    for key in source.keys:
        for made in put.keys:
            if key.unknown or made.unknown:
                return True
            if listed and (made.prefix.startswith(key.prefix) or made.parts[:1] != (made.prefix,)):
                return True
            if not listed and (str(made) == str(key) or (made.prefix != "" and made.prefix == key.prefix)):
                return True
    return False


def _sure(operation: Operation, relation: Relation, had: _Had) -> Confidence | None:
    """How certain it is that something is lost, None when nothing speaks for it."""
    if relation.kind is not RelationKind.REWRITE or relation.how == "absent":
        return None
    known = relation.text == "metadata"
    ends = had.expiration and _no_end(operation)
    if relation.what == Method.GET_WITH_METADATA.value and (known or had.metadata or ends):
        return Confidence.HIGH if known and not relation.through and not relation.how else Confidence.MEDIUM
    if relation.what == Method.LIST.value and operation.metadata is Has.NO:
        if relation.how == "copied" and not _carried(operation):
            return None
        return Confidence.MEDIUM if known or ends else None
    return None


def _carried(operation: Operation) -> bool:
    """Is what is written made of what was read at all?"""
    return any(one.kind is RelationKind.REWRITE and one.together == 2 for one in operation.relations)


def _no_end(operation: Operation) -> bool:
    return operation.ttl is not None and operation.ttl.has is Has.NO


RULE = Rule(
    "metadata-lost",
    "KV011",
    Severity.WARNING,
    "a key is written anew without the metadata or expiration that it had",
    check,
    documentation=__doc__ or "",
)
