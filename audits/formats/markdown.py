"""An audit as Markdown, short enough for the summary of a CI step or a comment."""

from __future__ import annotations

import re

from audits.auditing import Reported
from audits.formats.wording import account, one_line, plural, verdict
from audits.report import Report, word, worst_first

_MOST = 200
_MARKUP = re.compile(r"([\\`*_\[\]<>|~#])")


def summary(report: Report) -> str:
    """A heading, the verdict, the worst findings as a table, and what was read."""
    every = worst_first(report)
    lines = ["## kvferry audit", "", f"**{verdict(report)}**", ""]
    if every:
        lines += ["| severity | rule | place | finding |", "| --- | --- | --- | --- |"]
        lines += [_row(one) for one in every[:_MOST]]
        lines.append("")
    if len(every) > _MOST:
        lines += [f"and {plural(len(every) - _MOST, 'more finding')}", ""]
    lines += [f"- {_text(line)}" for line in account(report)]
    return "\n".join(lines) + "\n"


def _row(one: Reported) -> str:
    found = one.finding
    place = f"{found.place.path}:{found.place.line}"
    cells = (word(found.severity), f"{found.code} {found.rule}", place, found.message)
    return f"| {' | '.join(_text(cell) for cell in cells)} |"


def _text(text: str) -> str:
    """Text that stays text: nothing in it is markup."""
    return _MARKUP.sub(r"\\\1", one_line(text))
