"""What formats share: counted nouns, one-line text, and the sentence about what was read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from audits.finding import Severity
from audits.operation import Place
from audits.report import Report, word

_MOST_STALE = 10
_BROKEN = "configuration: "
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plural(number: int, noun: str, many: str = "") -> str:
    """`1 finding`, `1,234 findings`; `many` where an s does not make it."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def one_line(text: str) -> str:
    """Text from elsewhere on one line: control characters are shown as escapes, not obeyed."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def where(place: Place, folder: str = "") -> str:
    """`src/a.ts:1:2`, behind the folder that the path is relative to."""
    return f"{one_line(folder + place.path)}:{place.line}:{place.column}"


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
    aside = left_out(report)
    return text + (f" ({', '.join(aside)})" if aside else "")


def left_out(report: Report) -> list[str]:
    """How many findings are not shown, for each reason that there is."""
    audit, since = report.audit, report.audit.request.since
    counted = {
        "suppressed": len(audit.suppressed),
        "in the baseline": len(audit.baselined),
        f"from before {since.ref if since is not None else ''}": len(audit.unchanged),
        "hidden by --severity or --confidence": audit.hidden,
    }
    return [f"{count:,} {one_line(reason)}" for reason, count in counted.items() if count]


def account(report: Report) -> list[str]:
    """What was read and what was not, in a few lines."""
    audit = report.audit
    many = plural(len(audit.operations), "KV operation")
    if ours := sum(one.migration for one in audit.operations):
        many += f", {ours:,} of them the migration's"
    lines = [f"audited {plural(len(audit.collected), 'file')}, with {many}"]
    if not audit.request.tests and audit.analysis.files.get("tests"):
        lines[0] += f"; {plural(audit.analysis.files['tests'], 'test file')} not reported on"
    if audit.undetermined:
        lines.append(f"{plural(audit.undetermined, 'put')} with options that cannot be seen from here")
    if audit.analysis.unparsed:
        many = plural(len(audit.analysis.unparsed), "file")
        lines.append(f"{many} with syntax errors, read as far as they make sense")
    skipped = {
        reason: len(paths)
        for reason, paths in audit.analysis.skipped.items()
        if not reason.startswith(_BROKEN)
    }
    if skipped:
        reasons = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{count:,} {one_line(reason)}" for reason, count in reasons)
        lines.append(f"skipped {plural(sum(skipped.values()), 'path')}: {told}")
    lines += [
        f"{one_line(path)} was not read: {one_line(reason.removeprefix(_BROKEN))}"
        for reason, paths in audit.analysis.skipped.items()
        if reason.startswith(_BROKEN)
        for path in paths
    ]
    return [*lines, *stale(report)]


def stale(report: Report) -> list[str]:
    """The findings of the baseline that are gone, and how to drop them."""
    gone, baseline = report.audit.stale, report.audit.request.baseline
    if not gone or baseline is None:
        return []
    drop = f"kvferry audit --write-baseline {one_line(baseline.file)}"
    lines = [
        f"{plural(len(gone), 'finding')} of the baseline {'is' if len(gone) == 1 else 'are'} gone: {drop}"
    ]
    lines += [
        f"  gone: {one_line(one.path)}: {one.rule}: {one_line(one.about)}" for one in gone[:_MOST_STALE]
    ]
    if len(gone) > _MOST_STALE:
        lines.append(f"  and {len(gone) - _MOST_STALE:,} more")
    return lines


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines, every column but the last padded to one width."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
