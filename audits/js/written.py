"""Where the arguments of a KV call stand in its file, for those who change the code."""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.facts import Expr
from audits.js.project import File
from audits.js.ways import Candidate
from audits.operation import Argument, Member

Span = tuple[int, int]


def arguments(found: Candidate) -> tuple[Argument, ...]:
    """In their order; () when some are spread, or when it is not the method itself that is called."""
    given: tuple[Expr, ...] = found.call.expr[4]
    callee: Expr = found.call.expr[3]
    if callee[0] != "mem" or callee[4] != found.method or any(one[0] == "spread" for one in given):
        return ()
    return tuple(_argument(found.file, *pair) for pair in zip(given, found.call.spans, strict=False))


def _argument(file: File, expr: Expr, span: Span) -> Argument:
    start, end = span
    if expr[0] == "nul":
        return Argument(start, end, file.text(start, end))
    if expr[0] != "obj" or any(entry[0] != "p" for entry in expr[3]) or (expr[1], expr[2]) != span:
        return Argument(start, end)
    return Argument(start, end, file.text(start, end), tuple(_members(expr)))


def _members(expr: Expr) -> Iterator[Member]:
    for _, name, value in expr[3]:
        yield Member(name, value[1], value[2])
