"""Whether the value of an expression is still in the value of the one around it.

Two questions are asked. *The same*: is it there when the other is there, as `JSON.parse(raw)` is when
`raw` is? And *made of it*: does the other change with it, as `{ ...session, seen }` does?
"""

from __future__ import annotations

import re

from audits.js.evaluation import expression_names
from audits.js.syntax.facts import Expr

WHOLE = {
    "value", "data", "session", "sessions", "result", "results", "rows", "row", "record", "user", "item",
    "items", "entry", "payload", "body", "json", "content", "state", "0",
}  # fmt: skip
"""Members that hold the whole of what was asked for: D1's `results`, an answer's `data`."""

CHAINED = {"then", "catch", "finally"}
EACH = {"map", "flatMap", "filter", "forEach", "find", "findLast", "some", "every", "findIndex", "sort"}
_FOLDS = {"reduce", "reduceRight"}
GATHERS = {"all", "allSettled", "race", "any"}
_SAME_METHODS = {
    "json",
    "text",
    "trim",
    "toString",
    "valueOf",
    "at",
    "catch",
    "finally",
    "shift",
    "pop",
    "toArray",
    "one",
}
_ASKS = {
    "includes", "has", "some", "every", "startsWith", "endsWith", "indexOf", "findIndex", "test", "push",
    "unshift", "forEach", "set", "add", "delete", "clear", "hasOwnProperty",
}  # fmt: skip
_ABOUT = re.compile(
    r"^(?:is|has|can|should|was|are)(?:[A-Z_]|$)|valid|verif|check|assert|expired|equal", re.I
)
_WITHIN = {"withTimeout", "retry", "withRetry", "timed", "measure", "trace", "span", "safe", "tryCatch"}
CHANGERS = {"push", "unshift", "splice", "set", "add", "fill", "assign"}
"""Methods that put their arguments into what they are called on; `Object.assign` into its first."""

BAGS = {"c", "ctx", "context", "req", "request", "env", "event", "locals", "res", "response", "globalThis"}
"""What carries many things beside each other: `ctx.session = x` does not make the request of `x`."""

_MAKES = re.compile(
    r"parse|stringify|serial|encode|decode|crypt|seal|compress|pack|clone|merge|assign|from|entries|keys|"
    r"values|normali[sz]e|migrate|upgrade|hydrate|update|append|add|remove|apply|patch|with|sign|to[A-Z]|"
    r"^(?:String|Number|Array|Object|Map|Set|Date|parseInt|parseFloat|structuredClone|atob|btoa|"
    r"max|min|floor|round|ceil|trunc|abs|concat|json|text)$"
)
_SENDS = re.compile(
    r"^(?:fetch|send|post|request|query|prepare|bind|run|exec|first|all|log|warn|error|info|debug|emit|"
    r"publish|put|get|delete|list|getWithMetadata|waitUntil|redirect|setCookie|batch|put\w+|notify\w*)$"
)


def name_of(call: Expr) -> str:
    """The last name of what is called."""
    return expression_names.text_of(call[3]).rpartition(".")[2] if call[0] in ("call", "new") else ""


def same(around: Expr, part: str, index: int, waited: bool) -> bool:
    """Is the value around there just when this part of it is?"""
    kind = around[0]
    if kind in ("await", "as", "set", "spread"):
        return True
    if kind == "log":
        return part == "right" or around[3] != "&&"
    if kind == "if":
        return part in ("yes", "no")
    if kind == "mem":
        return around[4] in WHOLE or around[4] in _SAME_METHODS or around[4] in CHAINED
    if kind == "idx":
        return part == "inner" and around[4][0] == "num"
    if kind in ("call", "new"):
        name = name_of(around)
        if part == "callee":
            return name in _SAME_METHODS
        return name in GATHERS or name in _WITHIN or (index == 0 and _read_from(name) and kind == "call")
    return kind == "arr" and part == "element"


def _read_from(name: str) -> bool:
    return not _ABOUT.search(name) and not _SENDS.match(name) and name not in ("String", "Number", "Boolean")


def made_of(around: Expr, part: str, index: int, waited: bool) -> bool:
    """Does the value around change with this part of it? `waited`: a call around it is awaited."""
    kind = around[0]
    if kind in ("await", "as", "set", "spread", "mem", "arr", "obj", "tpl"):
        return True
    if kind == "log":
        return part == "right" or around[3] != "&&"
    if kind == "if":
        return part in ("yes", "no")
    if kind == "idx":
        return part == "inner"
    if kind == "bin":
        return around[3] in ("+", "-", "*", "/", "%", "**", "|", "&", "^", "<<", ">>", ">>>")
    if kind == "un":
        return around[3] in ("-", "+", "~")
    if kind in ("call", "new"):
        return _by_call(around, part, index, waited)
    return False


def _by_call(around: Expr, part: str, index: int, waited: bool) -> bool:
    name = name_of(around)
    if part == "callee":
        return name not in _ASKS and name != "then"
    if name in GATHERS or name in _WITHIN or _MAKES.search(name):
        return True
    if _SENDS.match(name) or _ABOUT.search(name) or name in CHAINED or name in EACH or name in _FOLDS:
        return False
    return around[0] == "new" or not waited


def items(name: str, index: int) -> bool:
    """Does the parameter of that index of a function given to `name` get the items of what it is
    called on, or its value?"""
    if name in _FOLDS:
        return index in (0, 1)
    return index == 0 and (name in EACH or name == "then")


def results(name: str) -> bool:
    """Is what a function gives, that is passed to `name`, in what the call gives?"""
    return name in CHAINED or name in ("map", "flatMap", *_FOLDS) or not _SENDS.match(name)
