"""A finding's identity over time: the same while lines move, another when the call becomes another.

It is made of rule, path, enclosing class and function, method, binding and key templates, and the
number among findings that agree in all of these, in the order of the file. Two findings never share one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from audits.finding import Finding
from audits.operation import Operation


def fingerprints(findings: Sequence[Finding], operations: Iterable[Operation]) -> list[str]:
    """One fingerprint for each finding: 32 hexadecimal digits. `findings` are sorted by place."""
    at = {operation.place: operation for operation in operations}
    seen: Counter[tuple[str, ...]] = Counter()
    made: list[str] = []
    for finding in findings:
        identity = _identity(finding, at.get(finding.place))
        seen[identity] += 1
        text = "\0".join((*identity, str(seen[identity])))
        made.append(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return made


def _identity(finding: Finding, operation: Operation | None) -> tuple[str, ...]:
    """A finding that is about no operation, such as a suppression, is known by its message."""
    if operation is None:
        return finding.rule, finding.place.path, finding.message
    return (
        finding.rule,
        finding.place.path,
        operation.enclosing.cls,
        operation.enclosing.function,
        str(operation.method),
        operation.binding,
        *map(str, operation.keys),
        *(finding.signals if finding.rule == "ttl-out-of-range" else ()),
    )
