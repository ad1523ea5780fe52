"""The names that expressions go by, for people and for looking conditions up."""

from __future__ import annotations

from audits.js.evaluation.values import GENERIC
from audits.js.syntax.facts import Expr


def text_of(expr: Expr) -> str:
    """The name that an expression goes by: `userId`, `session.id`, "" when it has none."""
    if expr[0] == "id":
        return str(expr[3])
    if expr[0] == "mem":
        if expr[4].lower() in GENERIC and (holder := text_of(expr[3])):
            return f"{holder.rpartition('.')[2]}.{expr[4]}"
        return str(expr[4])
    if expr[0] in ("await", "as", "set"):
        return text_of(expr[3])
    if expr[0] == "log":
        return text_of(expr[4])
    return ""


def chain_text(expr: Expr) -> str:
    """`options.ttl` for such a chain of names, "" for anything else."""
    if expr[0] == "id":
        return str(expr[3])
    if expr[0] == "this":
        return "this"
    if expr[0] == "mem" and (holder := chain_text(expr[3])):
        return f"{holder}.{expr[4]}"
    return ""
