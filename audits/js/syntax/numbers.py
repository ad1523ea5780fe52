"""Whether a condition lets a variable be a certain number: after `if (ttl <= 0) return` it is not 0."""

from __future__ import annotations

import operator

from audits.js.syntax.facts import Expr

_SIGNS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "===": operator.eq,
    "==": operator.eq,
    "!==": operator.ne,
    "!=": operator.ne,
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def allows(test: Expr, holds: bool, name: str, number: float) -> bool:
    """Can the variable be the number where the test holds, or with `holds` False where it does not? True
    when the test says nothing of it."""
    said = _said(test, name, number)
    return said is None or said is holds


def _said(test: Expr, name: str, number: float) -> bool | None:
    """What the test gives when the variable is the number, None when that is not seen."""
    kind = test[0]
    if kind == "as":
        return _said(test[3], name, number)
    if kind == "id":
        return number != 0 if test[3] == name else None
    if kind == "un" and test[3] == "!":
        said = _said(test[4], name, number)
        return None if said is None else not said
    if kind == "log":
        sides = [_said(side, name, number) for side in test[4:6]]
        decisive = {"&&": False, "||": True}.get(test[3])
        if decisive is None:
            return None
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    if kind == "bin" and test[3] in _SIGNS:
        sign, left, right = test[3:6]
        if right[0] == "id":
            sign, left, right = _TURNED.get(sign, sign), right, left
        if left[0] == "id" and left[3] == name and right[0] == "num":
            return bool(_SIGNS[sign](number, right[3]))
    return None
