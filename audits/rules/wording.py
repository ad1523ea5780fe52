"""How rules speak of an operation: `SESSIONS.put("session:{id}")`, and the finding they make of it."""

from __future__ import annotations

from collections.abc import Iterable

from audits.finding import Edit, Finding, Severity
from audits.operation import Confidence, Evidence, Method, Operation, Place, Template
from audits.rules.rule import Rule

_LONGEST = 80


def called(operation: Operation) -> str:
    """The call as a person would name it, from its binding (or what is written) and its keys."""
    receiver = operation.binding or _short(operation.receiver) or "KV"
    keys = list(dict.fromkeys(str(key) for key in operation.keys if not key.unknown))
    if operation.method is Method.LIST:
        shown = _short(f'prefix: "{keys[0]}"') if keys and keys[0] else ""
    else:
        shown = " or ".join(f'"{_short(key)}"' for key in keys[:2])
        shown += f" or {len(keys) - 2} more" if len(keys) > 2 else ""
    return f"{receiver}.{operation.method}({shown or ('' if operation.method is Method.LIST else '…')})"


def keyed(key: Template) -> str:
    """A key template in quotes."""
    return f'"{_short(str(key))}"'


def found(
    rule: Rule,
    operation: Operation,
    message: str,
    *,
    severity: Severity | None = None,
    confidence: Confidence | None = None,
    signals: Iterable[str] = (),
    related: Iterable[Evidence] = (),
    fixes: Iterable[Edit] = (),
) -> Finding:
    """The finding of a rule at an operation; never more certain than the operation itself."""
    sure = operation.confidence if confidence is None else min(confidence, operation.confidence)
    return Finding(
        rule=rule.name,
        code=rule.code,
        place=operation.place,
        call=operation.call,
        severity=rule.severity if severity is None else severity,
        confidence=sure,
        message=message,
        signals=tuple(sorted(set(signals))),
        related=tuple(related),
        fixes=tuple(fixes),
    )


def at_callers(kind: str, text: str, places: Iterable[Place]) -> tuple[Evidence, ...]:
    """The same sentence for each place that decided it."""
    return tuple(Evidence(kind, text, place) for place in sorted(set(places)))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
