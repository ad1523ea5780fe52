"""Every KV operation of the code: as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from audits.formats.wording import account, columns, one_line, where
from audits.operation import Has, Number, Operation, RelationKind, Ttl
from audits.report import Report, inventory, word

_COLUMNS = (
    *("path", "line", "column", "method", "binding", "keys", "ttl", "expirationTtl", "expiration"),
    *("cacheTtl", "confidence", "awaited", "function", "class", "test", "migration", "evidence"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text(report: Report) -> str:
    """Two lines for each operation: what it is and where, and what speaks for its being one."""
    lines: list[str] = []
    for one in report.audit.operations:
        keys = one_line(" or ".join(map(str, one.keys)) or "?")
        verdict = f"  ttl {told(one.ttl)}" if one.ttl is not None else ""
        what = f"{one.method}  {one_line(one.binding or '?')}  {keys}{verdict}"
        whose = "  (the migration's)" if one.migration else ""
        lines.append(f"{where(one.place, report.folder)}  {what}{whose}")
        because = "; ".join(dict.fromkeys(one_line(reason.text) for reason in one.evidence))
        lines.append(f"    {word(one.confidence)}: {because}")
        lines += [f"    {line}" for line in _staleness(one, report.folder)]
    counts: dict[str, int] = {}
    for one in report.audit.operations:
        counts[str(one.method)] = counts.get(str(one.method), 0) + 1
    if lines:
        lines += ["", *columns([(f"{count:,}", method) for method, count in sorted(counts.items())])]
    return "\n".join([*lines, *account(report), "next: kvferry audit"]) + "\n"


def _staleness(one: Operation, folder: str) -> Iterator[str]:
    """How old what it reads may be: H of a migration must cover these times."""
    if one.cache_ttl is not None:
        yield f"cacheTtl {one_line(_number(one.cache_ttl))}"
    for kept in one.relations:
        if kept.kind is RelationKind.KEPT:
            end = "for a while" if kept.how == "ends" else "without an end"
            at = where(kept.place, folder)
            yield f"kept in the isolate {end}: {one_line(kept.text)}, {kept.what}, {at}"


def told(ttl: Ttl) -> str:
    """`yes (3600)`, `no`, `maybe`, `unknown`."""
    number = ttl.ttl or ttl.expiration
    shown = _number(number)
    return f"{ttl.has} ({one_line(shown)})" if ttl.has in (Has.YES, Has.MAYBE) and shown else str(ttl.has)


def indented(report: Report) -> str:
    """The document of audits/schemas/audit-inventory.v1.json."""
    return json.dumps(inventory(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def comma_separated(report: Report) -> str:
    """A table for spreadsheets: a line each, its cells safe from being taken for formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in report.audit.operations:
        writer.writerow(_cell(value) for value in _row(one))
    return out.getvalue()


def _row(one: Operation) -> tuple[str, ...]:
    ttl = one.ttl
    return (
        *(one.place.path, str(one.place.line), str(one.place.column), str(one.method), one.binding),
        " or ".join(map(str, one.keys)),
        str(ttl.has) if ttl is not None else "",
        _number(ttl.ttl) if ttl is not None else "",
        _number(ttl.expiration) if ttl is not None else "",
        _number(one.cache_ttl),
        *(word(one.confidence), str(one.awaited), one.enclosing.function, one.enclosing.cls),
        "yes" if one.enclosing.test_file else "no",
        "yes" if one.migration else "no",
        "; ".join(dict.fromkeys(reason.text for reason in one.evidence)),
    )


def _number(number: Number | None) -> str:
    if number is None:
        return ""
    return " or ".join(f"{value:.15g}" for value in number.values) or " ".join(number.text.split())[:60]


def _cell(value: str) -> str:
    shown = one_line(value)
    return "'" + shown if value.startswith(_FORMULA) else shown
