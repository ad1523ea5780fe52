"""What runs together with a call: the stretch of code it stands in, and the calls it is gathered with.

Two calls of one stretch both run whenever one of them does: nothing between them branches, leaves, or
waits for something that is no read.
"""

from __future__ import annotations

from audits.js.evaluation.project import File
from audits.js.syntax.calls import CHAINS, GATHERING
from audits.js.syntax.facts import Call, Expr

_READS = {"get", "getWithMetadata", "json", "text", "formData", "arrayBuffer", "all", "parse"}
_WRITES = {"put", "delete"}


def begin(file: File, call: Call) -> int:
    """Where the stretch begins that the call stands in, in bytes."""
    facts, offset = file.facts, call.expr[1]
    scope = file.plain(call.scope)
    home = facts.scopes[scope].fn
    found = max(facts.scopes[number].start for number in file.around(call.scope))
    for branch in facts.arms:
        if branch.start <= offset < branch.end and facts.scopes[branch.scope].fn == home:
            found = max(found, branch.start)
    for exit_ in facts.exits:
        if exit_.start <= offset < exit_.end and facts.scopes[exit_.scope].fn == home:
            found = max(found, exit_.start)
    for other in facts.calls:
        waited = other.sink == "awaited" and other.name not in _READS and other.name not in CHAINS
        if (waited or other.name in _WRITES) and other.expr[2] <= offset:
            if facts.scopes[other.scope].fn == home:
                found = max(found, other.expr[2])
    return found


def gathered(file: File, call: Call) -> int | None:
    """Where the `Promise.all([…])` begins that the call is an element of, None: it is in none."""
    for other in file.facts.calls:
        if other.name in GATHERING and other.expr[1] < call.expr[1] and call.expr[2] < other.expr[2]:
            array = other.expr[4][0] if other.expr[4] else None
            if array is not None and array[0] == "arr":
                if any(_is(element, call.expr) for element in array[3]):
                    return int(other.expr[1])
    return None


def alone(file: File, call: Call) -> bool:
    """Does the code wait for this call, and for nothing else at the same time?"""
    before = file.text(max(0, call.expr[1] - 40), call.expr[1]).rstrip("( \n\t\r")
    return call.sink == "awaited" and before.endswith("await")


def _is(element: Expr, wanted: Expr) -> bool:
    while element[0] in ("as", "await"):
        element = element[3]
    if element[0] == "call" and element[3][0] == "mem" and element[3][4] in CHAINS:
        return _is(element[3][3], wanted)
    return element is wanted
