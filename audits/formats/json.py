"""An audit as JSON: the whole document, or one finding a line."""

from __future__ import annotations

import json

from audits.report import Report, document, finding


def indented(report: Report) -> str:
    """The document of audits/schemas/audit-report.v1.json."""
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def lines(report: Report) -> str:
    """One finding a line, as audits/schemas/audit-finding.v1.json says; nothing when there are none."""
    envelope = {"schema": "kvferry/audit-finding", "version": 1}
    return "".join(
        json.dumps(envelope | finding(one), ensure_ascii=False) + "\n" for one in report.audit.findings
    )
