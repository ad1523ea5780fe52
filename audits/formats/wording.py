"""What formats share: counted nouns, one-line text, and the sentence about what was read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from audits.finding import Severity
from audits.report import Report, word

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plural(number: int, noun: str, many: str = "") -> str:
    """`1 finding`, `1,234 findings`; `many` where an s does not make it."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def one_line(text: str) -> str:
    """Text from elsewhere on one line: control characters are shown as escapes, not obeyed."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def xml(text: str) -> str:
    """What XML 1.0 can hold of a text."""
    return _NOT_XML.sub("�", text)


def verdict(report: Report) -> str:
    """`3 findings: 1 error, 2 warnings (1 suppressed)`."""
    found = report.audit.findings
    levels = [
        plural(sum(one.finding.severity is level for one in found), word(level))
        for level in reversed(Severity)
        if any(one.finding.severity is level for one in found)
    ]
    text = f"{plural(len(found), 'finding')}: {', '.join(levels)}" if found else "no findings"
    aside = [
        f"{len(report.audit.suppressed):,} suppressed" if report.audit.suppressed else "",
        f"{report.audit.hidden:,} hidden by --severity or --confidence" if report.audit.hidden else "",
    ]
    return text + (f" ({', '.join(filter(None, aside))})" if any(aside) else "")


def account(report: Report) -> list[str]:
    """What was read and what was not, in a few lines."""
    audit = report.audit
    many = plural(len(audit.operations), "KV operation")
    lines = [f"audited {plural(len(audit.collected), 'file')}, with {many}"]
    if not audit.request.tests and audit.analysis.files.get("tests"):
        lines[0] += f"; {plural(audit.analysis.files['tests'], 'test file')} not reported on"
    if audit.undetermined:
        lines.append(f"{plural(audit.undetermined, 'put')} with options that cannot be seen from here")
    if audit.analysis.unparsed:
        many = plural(len(audit.analysis.unparsed), "file")
        lines.append(f"{many} with syntax errors, read as far as they make sense")
    skipped = {reason: len(paths) for reason, paths in audit.analysis.skipped.items()}
    if skipped:
        reasons = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{count:,} {one_line(reason)}" for reason, count in reasons)
        lines.append(f"skipped {plural(sum(skipped.values()), 'path')}: {told}")
    return lines


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines, every column but the last padded to one width."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
