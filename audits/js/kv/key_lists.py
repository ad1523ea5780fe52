"""Is a get given a list of keys, and so a bulk get?"""

from __future__ import annotations

import re

from audits.js.evaluation.project import File
from audits.js.syntax.facts import Define, Expr

_GIVING = {"map", "filter", "flat", "flatMap", "from", "splice", "split", "toSorted", "keys", "values"}
_KEEPING = {"slice", "concat", "sort", "reverse", "toReversed"}
_PLURAL = re.compile(r"(?:[kK]eys|[iI]ds|[nN]ames|[cC]hunk|[bB]atch|[pP]art|[gG]roup|[sS]lice)$")
_DEEPEST = 5


def many(file: File, expr: Expr, scope: int, depth: int = 0) -> bool:
    """Is the expression a list, as far as its form, its types and its name tell?"""
    kind = expr[0]
    if depth > _DEEPEST:
        return False
    if kind == "arr":
        return True
    if kind == "as":
        return expr[4][0] == "list" or many(file, expr[3], scope, depth + 1)
    if kind in ("await", "set"):
        return many(file, expr[3], scope, depth + 1)
    if kind == "call" and expr[3][0] == "mem":
        if expr[3][4] in _GIVING:
            return True
        return expr[3][4] in _KEEPING and many(file, expr[3][3], scope, depth + 1)
    if kind != "id":
        return kind == "mem" and _PLURAL.search(expr[4]) is not None
    found = file.defines(expr[3], scope) or []
    if any(_list_typed(define) for define in found):
        return True
    for define in found:
        if define.value is not None and not define.path and define.kind != "for":
            if many(file, define.value, define.scope, depth + 1):
                return True
    return _PLURAL.search(expr[3]) is not None and not any(define.type for define in found)


def _list_typed(define: Define) -> bool:
    said = define.type
    if said is None or define.path:
        return False
    return said[0] == "list" or (said[0] == "ref" and str(said[1]) in ("Array", "ReadonlyArray"))
