"""The names of functions that an expression may stand for: what goes by one can be called by another."""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.syntax.facts import Expr


def sources(value: Expr, depth: int = 0) -> Iterator[str]:
    """Names by which a function goes that this expression may stand for."""
    kind = value[0]
    if kind == "id":
        yield value[3]
    elif kind == "mem":
        yield value[4]
    elif kind == "fn":
        yield f"@{value[3]}"
    elif kind == "imp":
        yield "default"
    elif kind == "call" and (name := _called(value)) not in ("", "bind"):
        yield f"{name}()"
    for part in _inside(value) if depth < 6 else ():
        yield from sources(part, depth + 1)


def _called(value: Expr) -> str:
    callee = value[3]
    return str(callee[3] if callee[0] == "id" else callee[4] if callee[0] == "mem" else "")


def _inside(value: Expr) -> Iterator[Expr]:
    """Expressions that the value may be, or may call."""
    kind = value[0]
    if kind in ("await", "as", "set", "spread"):
        yield value[3]
    elif kind in ("log", "if"):
        yield from value[4:6]
    elif kind == "arr":
        yield from value[3][:20]
    elif kind == "call":
        if _called(value) == "bind" and value[3][0] == "mem":
            yield value[3][3]
        # what wraps a function often gives something that calls it
        yield from (argument for argument in value[4][:3] if argument[0] in ("id", "fn"))
