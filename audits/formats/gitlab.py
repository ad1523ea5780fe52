"""An audit as a GitLab code quality report: a list of issues, their paths from the repository's top."""

from __future__ import annotations

import json

from audits.auditing import Reported
from audits.finding import Severity
from audits.report import Document, Report, worst_first

_SEVERITY = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def code_quality(report: Report) -> str:
    """The report's text; an empty list when there is nothing."""
    issues = [_issue(one, report.revision.prefix) for one in worst_first(report)]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def _issue(one: Reported, prefix: str) -> Document:
    found = one.finding
    return {
        "description": f"{found.rule}: {found.message}",
        "check_name": found.code,
        "fingerprint": one.fingerprint,
        "severity": _SEVERITY[found.severity],
        "location": {
            "path": prefix + found.place.path,
            "lines": {"begin": found.place.line, "end": found.call.end_line},
        },
    }
