"""A finding's identity over time: the same while lines move, another when the call becomes another.

It is made of rule and signals, path, enclosing class and function, method, binding and key templates.
Findings that agree in all of these are equal; their number in the order of the file tells them apart,
so two findings never share a fingerprint.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audits.finding import Finding
from audits.operation import Operation

_SUSPECTED = frozenset({"session-kv-call"})
"""Rules whose signals say why they speak, and change with names; those of others say what is wrong."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells a finding from others. `fingerprint`: 32 hexadecimal digits, no other finding's;
    `identity`: the fingerprint of the first among its equals; `shape`: the same for any path; `about`:
    for people, where the call stands and what it is."""

    fingerprint: str
    identity: str
    shape: str
    about: str


def marks(findings: Sequence[Finding], operations: Iterable[Operation]) -> list[Mark]:
    """One for each finding. `findings` are sorted by place."""
    at = {operation.place: operation for operation in operations}
    seen: Counter[tuple[str, ...]] = Counter()
    made: list[Mark] = []
    for finding in findings:
        operation = at.get(finding.place)
        path, rest = finding.place.path, _call(finding, operation)
        identity = finding.rule, path, *rest
        seen[identity] += 1
        made.append(
            Mark(
                _hash((*identity, str(seen[identity]))),
                _hash((*identity, "1")),
                _hash((finding.rule, "", *rest, "1")),
                _about(finding, operation),
            )
        )
    return made


def _call(finding: Finding, operation: Operation | None) -> tuple[str, ...]:
    """A finding that is about no operation, such as a suppression, is known by its message."""
    if operation is None:
        return (finding.message,)
    return (
        operation.enclosing.cls,
        operation.enclosing.function,
        str(operation.method),
        operation.binding,
        *map(str, operation.keys),
        *(finding.signals if finding.rule not in _SUSPECTED else ()),
    )


def _about(finding: Finding, operation: Operation | None) -> str:
    """Made of nothing but the identity, so that it changes no more often."""
    if operation is None:
        return finding.message
    where = ".".join(filter(None, (operation.enclosing.cls, operation.enclosing.function)))
    keys = " or ".join(map(str, operation.keys))
    call = f"{operation.binding or '?'}.{operation.method}({keys})"
    return f"{where}: {call}" if where else call


def _hash(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
