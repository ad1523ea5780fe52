"""A key that has metadata or an expiration is written anew without them: a put replaces all three.

## What

Finds puts on a key that was read with `getWithMetadata` before, or that was listed, and that pass no
`metadata` on. Of listed keys those are found that get neither metadata nor an expiration, or lose
metadata that other puts give to such keys. Copies into another namespace count. A put that is made only
where there was nothing to read is not found.

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

from audits.finding import Finding, Severity
from audits.operation import Confidence, Evidence, Has, Method, Operation, Relation, RelationKind
from audits.rules.rule import Rule, Settings
from audits.rules.wording import called, found


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each put that loses metadata."""
    for operation in operations:
        if operation.method is not Method.PUT or operation.metadata not in (Has.NO, Has.MAYBE):
            continue
        lost = [(sure, one) for one in operation.relations if (sure := _sure(operation, one)) is not None]
        if not lost:
            continue
        sure, first = max(lost, key=lambda pair: (pair[0], -pair[1].place.start))
        some = " on some way" if operation.metadata is Has.MAYBE else ""
        what = "metadata and expiration" if _no_end(operation) else "metadata"
        source = "listed" if first.what == Method.LIST.value else "read with getWithMetadata"
        places = sorted({one.place for _, one in lost})
        yield found(
            RULE,
            operation,
            f"{called(operation)} writes a key that was {source} without its {what}{some}",
            confidence=min(sure, Confidence.MEDIUM) if some else sure,
            signals=(source.split(" ")[0], *(["copied"] if first.how == "copied" else [])),
            related=tuple(Evidence("read", f"{source} here", place) for place in places),
        )


def _sure(operation: Operation, relation: Relation) -> Confidence | None:
    """How certain it is that something is lost, None when nothing speaks for it."""
    if relation.kind is not RelationKind.REWRITE or relation.how == "absent":
        return None
    known = relation.text == "metadata"
    if relation.what == Method.GET_WITH_METADATA.value:
        return Confidence.HIGH if known and not relation.through and not relation.how else Confidence.MEDIUM
    if relation.what == Method.LIST.value and operation.metadata is Has.NO:
        return Confidence.MEDIUM if known or _no_end(operation) else None
    return None


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
