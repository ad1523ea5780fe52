"""What a condition says of a value that was read: that it is there, or that there is none."""

from __future__ import annotations

import re

from audits.js.relations import carrying
from audits.js.relations.flow import Flow
from audits.js.syntax.facts import Expr

_FINE = re.compile(
    r"^(?:ok|found|exists|success|hit|present|valid|isValid|active|authenticated|length|size|done)$"
)
_VALID = re.compile(
    r"^(?:is|has)?_?(?:valid|alive|active|fresh|live|present|usable|session|found)", re.IGNORECASE
)
_MISSING = re.compile(
    r"^is(?:Null|Nil|Empty|Undefined|Missing)|^(?:not|no)(?:Found)?$|isNullish", re.IGNORECASE
)
_ELSE = re.compile(
    r"expired|revoked|banned|blocked|disabled|locked|deleted|stale|error|status|role|admin|type|count|"
    r"^(?:is|has|can|needs|must|should)(?:[A-Z_]|$)",
    re.IGNORECASE,
)
"""What is asked of a value that is there anyway."""

_GONE = (401.0, 404.0, 410.0)


def says(test: Expr, flow: Flow) -> bool | None:
    """True: where the condition holds, the value of the (strict) flow is there and where it fails there
    may be none. False: the other way round. None: it is about something else."""
    if flow.has(test):
        return True
    kind = test[0]
    if kind == "un" and test[3] == "!":
        inner = says(test[4], flow)
        return None if inner is None else not inner
    if kind in ("await", "as", "set"):
        return says(test[3], flow)
    if kind == "idx" and flow.has(test[3]):
        return True
    if kind == "log":
        left, right = says(test[4], flow), says(test[5], flow)
        return left if left is not None else right
    if kind == "bin":
        return _compared(test, flow)
    if kind == "mem" and flow.has(test[3]):
        return True if _FINE.match(test[4]) or not _ELSE.search(test[4]) else None
    if kind == "call":
        return _asked(test, flow)
    return None


def _compared(test: Expr, flow: Flow) -> bool | None:
    sign, left, right = test[3], test[4], test[5]
    equal = sign in ("===", "==")
    if sign in ("===", "==", "!==", "!="):
        for value, other in ((left, right), (right, left)):
            found = _against(value, other, flow)
            if found is not None:
                return found if equal else not found
        return None
    if sign in (">", ">=") and _counts(left, flow) and right[0] == "num":
        return True
    if sign == "<" and _counts(left, flow) and right[0] == "num" and right[3] == 1:
        return False
    return None


def _against(value: Expr, other: Expr, flow: Flow) -> bool | None:
    """What it says when the two are equal."""
    if value[0] == "un" and value[3] == "typeof" and flow.has(value[4]):
        return not (other[0] == "str" and other[3] == "undefined")
    if flow.has(value):
        if other[0] == "nul":
            return False
        return True if other[0] in ("str", "num", "bool") and other[3] else None
    if _counts(value, flow) and other[0] == "num" and other[3] == 0:
        return False
    if value[0] == "mem" and value[4] == "status" and flow.has(value[3]) and other[0] == "num":
        return True if other[3] == 200 else False if other[3] in _GONE else None
    if value[0] == "mem" and flow.has(value[3]) and _FINE.match(value[4]) and other[0] == "bool":
        return bool(other[3])
    return None


def _counts(value: Expr, flow: Flow) -> bool:
    return value[0] == "mem" and value[4] in ("length", "size") and flow.has(value[3])


def _asked(test: Expr, flow: Flow) -> bool | None:
    """`isValid(session)`, `isNull(row)`, `Array.isArray(rows)`."""
    if not any(flow.has(argument) for argument in test[4][:2]):
        return None
    name = carrying.name_of(test)
    if _MISSING.search(name):
        return False
    return True if _VALID.match(name) or name in ("isArray", "Boolean") else None
