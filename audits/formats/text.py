"""An audit as text: with the source line under each finding, or one line each.

No colour is used anywhere, so NO_COLOR needs no switch here. The last line says what to type next.
"""

from __future__ import annotations

from collections.abc import Iterator

from audits.auditing import Reported
from audits.formats.wording import account, columns, one_line, plural, verdict, where
from audits.report import Report, by_rule, word

_WIDEST = 160
_MOST_RELATED = 5


def full(report: Report) -> str:
    """Findings with their source lines, then what was read, the verdict, and what to type next."""
    lines: list[str] = []
    for one in report.audit.findings:
        lines += [*_finding(one, report.folder), ""]
    lines += account(report)
    if report.statistics:
        lines += ["", *statistics(report)]
    lines += [verdict(report), f"next: {_next(report)}"]
    return "\n".join(lines) + "\n"


def concise(report: Report) -> str:
    """`path:line:column: CODE severity message`, a line each, and nothing else."""
    lines = [_line(one, report.folder) for one in report.audit.findings]
    if report.statistics:
        lines += statistics(report)
    return "".join(line + "\n" for line in lines)


def statistics(report: Report) -> list[str]:
    """How often each rule spoke."""
    rows = [(f"{one['count']:,}", one["code"], one["rule"]) for one in by_rule(report.audit)]
    return columns(rows) if rows else ["no rule spoke"]


def _line(one: Reported, folder: str) -> str:
    found = one.finding
    return f"{where(found.place, folder)}: {found.code} {word(found.severity)} {one_line(found.message)}"


def _finding(one: Reported, folder: str) -> Iterator[str]:
    found = one.finding
    sure = "" if found.confidence.name == "HIGH" else f", confidence {word(found.confidence)}"
    yield f"{where(found.place, folder)}: {word(found.severity)} {found.code} {found.rule}{sure}"
    yield f"  {one_line(found.message)}"
    yield from _source(one)
    placed = [related for related in found.related if related.place is not None]
    for related in placed[:_MOST_RELATED]:
        assert related.place is not None
        yield f"  {where(related.place, folder)}: {one_line(related.text)}"
    if len(placed) > _MOST_RELATED:
        yield f"  and {plural(len(placed) - _MOST_RELATED, 'more place')}"


def _source(one: Reported) -> Iterator[str]:
    """The line and a caret under the method's name; a very long line is cut around it."""
    place, text = one.finding.place, one.source
    if not text.strip():
        return
    start = place.column - 1
    end = place.end_column - 1 if place.end_line == place.line else len(text)
    cut = max(0, start - _WIDEST // 2) if len(text) > _WIDEST else len(text) - len(text.lstrip())
    shown = text[cut : cut + _WIDEST]
    under = "".join("\t" if letter == "\t" else " " for letter in text[cut:start])
    number = str(place.line)
    yield f"  {number} | {''.join(c if c == chr(9) else one_line(c) for c in shown)}"
    yield f"  {' ' * len(number)} | {under}{'^' * max(1, min(end, len(text)) - start)}"


def _next(report: Report) -> str:
    if not report.audit.collected:
        return "kvferry audit --show-files"
    if report.audit.findings:
        return f"kvferry rules {report.audit.findings[0].finding.rule}"
    if report.audit.stale and report.audit.request.baseline is not None:
        return f"kvferry audit --write-baseline {one_line(report.audit.request.baseline.file)}"
    return "kvferry audit --inventory"
