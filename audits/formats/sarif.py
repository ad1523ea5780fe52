"""An audit as SARIF 2.1.0, for code scanning: paths from the repository's top, columns in characters.

Findings that are suppressed or known are left out, and counted. Results are sorted by severity,
because viewers cut long lists off.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from audits.auditing import Reported
from audits.finding import Severity
from audits.formats import wording
from audits.operation import Place
from audits.report import Document, Report, word, worst_first
from audits.rules import RULES, documentation
from audits.rules.rule import Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_MOST = 25_000
_LIMITS = ((5_000, "GitHub shows the first 5,000"), (_MOST, "GitHub takes 25,000, the rest is left out"))
"""So many results a run, and what becomes of the others."""


def sarif(report: Report) -> str:
    """The log file's text."""
    return json.dumps(_log(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _log(report: Report) -> Document:
    every = worst_first(report)
    run: Document = {
        "tool": {"driver": _driver(report)},
        "automationDetails": {"id": f"kvferry/audit/{report.revision.prefix}"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the top of the repository"}}},
        "invocations": [_invocation(report, len(every))],
        "results": [_result(one, report.revision.prefix) for one in every[:_MOST]],
        "properties": {"commit": report.revision.commit, "dirty": report.revision.dirty},
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver(report: Report) -> Document:
    return {
        "name": "kvferry",
        "version": report.version,
        "semanticVersion": report.version,
        "rules": [_rule(rule) for rule in RULES],
    }


def _rule(rule: Rule) -> Document:
    explained = documentation.of(rule)
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": f"{rule.name}: {rule.summary}"},
        "fullDescription": {"text": explained.title},
        "help": {"text": explained.markdown, "markdown": explained.markdown},
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {"tags": ["cloudflare", "workers-kv", rule.name], "problem.severity": _problem(rule)},
    }


def _problem(rule: Rule) -> str:
    return "recommendation" if rule.severity is Severity.NOTE else _LEVEL[rule.severity]


def _result(one: Reported, prefix: str) -> Document:
    found = one.finding
    codes = [rule.code for rule in RULES]
    result: Document = {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": _LEVEL[found.severity],
        "message": {"text": found.message},
        "locations": [{"physicalLocation": _location(found.place, found.call, prefix)}],
        "partialFingerprints": {"kvferry/v1": one.fingerprint, "primaryLocationLineHash": one.fingerprint},
        "properties": {"confidence": word(found.confidence), "signals": list(found.signals)},
    }
    related = [
        {
            "id": number,
            "message": {"text": why.text},
            "physicalLocation": _location(why.place, why.place, prefix),
        }
        for number, why in enumerate(found.related)
        if why.place is not None
    ]
    return result | ({"relatedLocations": related} if related else {})


def _location(place: Place, call: Place, prefix: str) -> Document:
    """From the method's name to the end of the call."""
    region: dict[str, Any] = {"startLine": place.line, "startColumn": place.column}
    if (call.end_line, call.end_column) > (place.line, place.column):
        region |= {"endLine": call.end_line, "endColumn": call.end_column}
    return {
        "artifactLocation": {
            "uri": quote(prefix + place.path, errors="surrogateescape"),
            "uriBaseId": "SRCROOT",
        },
        "region": region,
    }


def _invocation(report: Report, many: int) -> Document:
    notes = [f"skipped {len(paths)}: {reason}" for reason, paths in report.audit.analysis.skipped.items()]
    notes += [f"findings that are left out: {reason}" for reason in wording.left_out(report)]
    notes += [line.strip() for line in wording.stale(report)]
    warnings = [f"{many - most:,} more: {why}" for most, why in _LIMITS if many > most]
    return {
        "executionSuccessful": report.exit in (0, 1),
        "exitCode": report.exit,
        "toolExecutionNotifications": [
            *(_note(text, "note") for text in notes),
            *(_note(text, "warning") for text in warnings),
        ],
    }


def _note(text: str, level: str) -> Document:
    return {"message": {"text": text}, "level": level}
