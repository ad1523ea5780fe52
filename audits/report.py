"""The documents of an audit, as they go to JSON; their schemas are audits/schemas/NAME.v1.json."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from audits.baseline import grouped
from audits.finding import Severity
from audits.operation import Confidence, Evidence, Number, Operation, Place, RelationKind
from audits.revision import Revision

if TYPE_CHECKING:
    from audits.auditing import Audit, Reported

Document = dict[str, Any]
"""Plain dictionaries, lists, text, numbers, booleans and None."""

_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the formats draw from. `exit` is the exit code of the command,
    `statistics` whether text ends with a table of rules, `folder` what stands before a path in text, so
    that it leads there from the current folder."""

    audit: Audit
    revision: Revision
    version: str
    exit: int
    statistics: bool = False
    folder: str = ""


def document(report: Report) -> Document:
    """The audit report."""
    audit, severities = report.audit, Counter(one.finding.severity for one in report.audit.findings)
    return {
        **_envelope("audit-report", report),
        "exit": report.exit,
        "files": dict(audit.analysis.files) | {"audited": len(audit.collected)},
        "skipped": skips(audit),
        "unparsed": list(audit.analysis.unparsed),
        "operations": len(audit.operations),
        "undetermined": audit.undetermined,
        "counts": {word(level): severities[level] for level in reversed(Severity)},
        "by_rule": by_rule(audit),
        "hidden": audit.hidden,
        "baseline": _baseline(audit),
        "baselined": len(audit.baselined),
        "since": _since(audit),
        "unchanged": len(audit.unchanged),
        "suppressed": [
            {
                "rule": one.finding.rule,
                "code": one.finding.code,
                "path": one.finding.place.path,
                "line": one.finding.place.line,
                "reason": one.suppression.reason,
            }
            for one in audit.suppressed
        ],
        "findings": [finding(one) for one in audit.findings],
    }


def inventory(report: Report) -> Document:
    """Every KV operation, with what is known of it and why."""
    audit = report.audit
    return {
        **_envelope("audit-inventory", report),
        "files": dict(audit.analysis.files) | {"audited": len(audit.collected)},
        "skipped": skips(audit),
        "unparsed": list(audit.analysis.unparsed),
        "operations": [operation(one) for one in audit.operations],
    }


def finding(one: Reported) -> Document:
    """One finding, flat: lines and columns of the method's name, and where the call ends."""
    found = one.finding
    return {
        "rule": found.rule,
        "code": found.code,
        "path": found.place.path,
        "line": found.place.line,
        "column": found.place.column,
        "end_line": found.call.end_line,
        "end_column": found.call.end_column,
        "severity": word(found.severity),
        "confidence": word(found.confidence),
        "message": found.message,
        "fingerprint": one.fingerprint,
        "signals": list(found.signals),
        "related": [_evidence(related) for related in found.related],
    }


def operation(one: Operation) -> Document:
    """One row of the inventory."""
    ttl = one.ttl
    return {
        "path": one.place.path,
        "line": one.place.line,
        "column": one.place.column,
        "end_line": one.call.end_line,
        "method": str(one.method),
        "binding": one.binding,
        "keys": [str(key) for key in one.keys],
        "confidence": word(one.confidence),
        "ttl": None
        if ttl is None
        else {
            "has": str(ttl.has),
            "expirationTtl": _number(ttl.ttl),
            "expiration": _number(ttl.expiration),
            "why": ttl.why,
        },
        "cacheTtl": _number(one.cache_ttl),
        "metadata": str(one.metadata),
        "bulk": one.bulk,
        "awaited": str(one.awaited),
        "function": one.enclosing.function,
        "class": one.enclosing.cls,
        "test": one.enclosing.test_file,
        "migration": one.migration,
        "receiver": one.receiver,
        "evidence": [_evidence(reason) for reason in one.evidence],
        "callers": [_place(place) for place in one.callers],
        "kept": [
            {"where": f"{kept.text}, {kept.what}", "ends": kept.how == "ends"} | _place(kept.place)
            for kept in one.relations
            if kept.kind is RelationKind.KEPT
        ],
    }


def skips(audit: Audit) -> list[Document]:
    """Why paths were not read, the most frequent reason first, with a sample of them."""
    groups = sorted(audit.analysis.skipped.items(), key=lambda item: (-len(item[1]), item[0]))
    return [{"reason": reason, "count": len(held), "paths": list(held[:_SAMPLE])} for reason, held in groups]


def by_rule(audit: Audit) -> list[Document]:
    """How often each rule spoke, in the order of codes."""
    counted = Counter((one.finding.code, one.finding.rule) for one in audit.findings)
    return [{"rule": rule, "code": code, "count": count} for (code, rule), count in sorted(counted.items())]


def word(level: Severity | Confidence) -> str:
    """`error`, `high`."""
    return level.name.lower()


def worst_first(report: Report) -> list[Reported]:
    """Findings by severity, then confidence, then place: what is cut off is the least."""
    return sorted(
        report.audit.findings,
        key=lambda one: (-one.finding.severity, -one.finding.confidence, one.finding.place),
    )


def schema(name: str) -> Document:
    """The schema of `audit-report`, `audit-finding`, `audit-inventory` or `audit-baseline`."""
    text = resources.files("audits").joinpath(f"schemas/{name}.v1.json").read_text(encoding="utf-8")
    found: Document = json.loads(text)
    return found


def _envelope(name: str, report: Report) -> Document:
    return {
        "$schema": f"urn:kvferry:schema:{name}:1",
        "schema": f"kvferry/{name}",
        "version": 1,
        "tool": {"name": "kvferry", "version": report.version},
        "commit": report.revision.commit,
        "dirty": report.revision.dirty,
        "prefix": report.revision.prefix,
        "configuration": report.audit.request.digest,
    }


def _baseline(audit: Audit) -> Document | None:
    baseline = audit.request.baseline
    if baseline is None:
        return None
    return {"file": baseline.file, "findings": len(baseline.known), "stale": grouped(audit.stale)}


def _since(audit: Audit) -> Document | None:
    since = audit.request.since
    return None if since is None else {"ref": since.ref, "commit": since.commit}


def _evidence(reason: Evidence) -> Document:
    said: Document = {"kind": reason.kind, "text": reason.text}
    return said | (_place(reason.place) if reason.place is not None else {})


def _place(place: Place) -> Document:
    return {"path": place.path, "line": place.line, "column": place.column}


def _number(number: Number | None) -> Document | None:
    if number is None:
        return None
    return {"values": list(number.values), "exact": number.exact, "text": number.text}
