"""An audit as GitHub annotations, written into the log of a workflow's step.

GitHub shows ten of them a step; so the worst ten are annotations, and the rest is plain text in the log.
"""

from __future__ import annotations

from audits.auditing import Reported
from audits.finding import Severity
from audits.formats.wording import one_line, plural, verdict
from audits.report import Report, word, worst_first

MOST = 10
_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def workflow(report: Report) -> str:
    """`::error file=…,line=…::…` for the worst, then how many more there are, and they as text."""
    every, prefix = worst_first(report), report.revision.prefix
    lines = [_annotation(one, prefix) for one in every[:MOST]]
    if len(every) > MOST:
        lines.append(f"{plural(len(every) - MOST, 'more finding')}, without annotations:")
    for one in every[MOST:]:
        found = one.finding
        place = f"{prefix}{found.place.path}:{found.place.line}:{found.place.column}"
        lines.append(_plain(f"{place}: {found.code} {word(found.severity)} {found.message}"))
    lines.append(f"kvferry audit: {verdict(report)}")
    return "\n".join(lines) + "\n"


def _annotation(one: Reported, prefix: str) -> str:
    found = one.finding
    place = {"file": prefix + found.place.path, "line": found.place.line, "endLine": found.call.end_line}
    if found.call.end_line == found.place.line:  # columns of several lines are refused
        place |= {"col": found.place.column, "endColumn": max(found.call.end_column, found.place.column + 1)}
    place["title"] = f"{found.code} {found.rule}"
    told = ",".join(f"{name}={_property(str(value))}" for name, value in place.items())
    return f"::{_COMMAND[found.severity]} {told}::{_data(one_line(found.message))}"


def _plain(text: str) -> str:
    """A line of the log that is no command, whatever a file is called: the runner obeys `::` behind
    white space, and `##[` anywhere."""
    return f"- {one_line(text).replace('##[', '## [')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")
