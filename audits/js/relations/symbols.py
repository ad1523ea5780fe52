"""Whether two keys are the same: expressions in a form in which equal ones are equal.

A constant is its text, a variable is where it is declared, and what a function was passed is said in
the words of its caller, however the two keys are written. A key can also be made of the id in what was
read from it: `user:${user.id}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.relations.arriving import Entered
from audits.js.relations.flow import Flow
from audits.js.syntax.facts import Define, Expr

Symbol = tuple[object, ...]
UNKNOWN: Symbol = ("?",)
"""Equal to nothing, itself included: compare with `equal`."""
ITSELF: Symbol = ("itself",)
"""The id in what was read: equal to whatever it was read by."""

_DEEPEST = 12
_READ: Symbol = ("read",)
_ID = re.compile(
    r"^_?(?:id|key|sid|token|uuid|slug|code|name|email|username|login|handle)$|(?:Id|ID|Key|Token|_id|_key|_token)$"
)
_ANOTHER = re.compile(
    r"^_?(?:new|next|old|prev|parent|other|target|ref|linked|last|refresh|access)", re.IGNORECASE
)
_NEVER_TWICE = ("randomUUID", "now", "random", "getRandomValues")


def equal(first: Symbol, second: Symbol) -> bool:
    """Do both say the same, and is it something?"""
    return known(first) and known(second) and _alike(first, second)


def _alike(first: object, second: object) -> bool:
    if second == ITSELF:
        return isinstance(first, tuple) and first[:1] not in (("text",), ("join",))
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(_alike, first, second))
    return first == second


def known(symbol: Symbol) -> bool:
    """Is there no part of it that is not known?"""
    return symbol not in (UNKNOWN, _READ) and all(known(part) for part in symbol if isinstance(part, tuple))


def joined(*parts: Symbol) -> Symbol:
    """Texts one after the other, neighbours made one."""
    flat: list[Symbol] = []
    for part in parts:
        for piece in part[1:] if part[0] == "join" else (part,):
            assert isinstance(piece, tuple)
            if piece[0] == "text" and flat and flat[-1][0] == "text":
                flat[-1] = ("text", f"{flat[-1][1]}{piece[1]}")
            elif piece != ("text", ""):
                flat.append(piece)
    return flat[0] if len(flat) == 1 else ("join", *flat)


@dataclass(frozen=True, slots=True)
class Symbols:
    """Makes symbols. `read`: where what was read goes, if ids in it count as what it was read by."""

    engine: Engine
    read: Flow | None = None

    def of(self, file: File, expr: Expr, scope: int, entered: Entered = (), depth: int = 0) -> Symbol:
        """The form of an expression. `entered`: the calls that led to where it stands."""
        kind = expr[0]
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in ("str", "num"):
            return "text", str(expr[3])
        if kind in ("await", "as", "set"):
            return self.of(file, expr[3], scope, entered, depth + 1)
        if kind == "id":
            return self._name(file, expr, scope, entered, depth)
        if kind == "mem":
            return self._member(file, expr, scope, entered, depth)
        if kind == "this":
            return "this", file.index, file.class_around(scope)
        if kind == "call":
            return self._call(file, expr, scope, entered, depth)
        if kind == "tpl":
            pieces = (("text", part) if isinstance(part, str) else part for part in expr[3])
            found = (
                one if one[0] == "text" else self.of(file, one, scope, entered, depth + 1) for one in pieces
            )
            return joined(*found)
        if kind in ("bin", "log") and expr[3] in ("+", "??", "||"):
            sides = [self.of(file, part, scope, entered, depth + 1) for part in expr[4:6]]
            return joined(*sides) if kind == "bin" else ("choice", *sides)
        if kind == "idx":
            return "item", *(self.of(file, part, scope, entered, depth + 1) for part in expr[3:5])
        return UNKNOWN

    def _member(self, file: File, expr: Expr, scope: int, entered: Entered, depth: int) -> Symbol:
        constant = self._constant(file, expr, scope)
        if constant is not None:
            return constant
        holder = self.of(file, expr[3], scope, entered, depth + 1)
        if holder == _READ:
            return ITSELF if _is_id(expr[4]) else UNKNOWN
        return "member", holder, expr[4]

    def _constant(self, file: File, expr: Expr, scope: int) -> Symbol | None:
        values = self.engine.ask(file, expr, scope)
        if len(values) == 1 and values[0][0] == "str" and all(isinstance(p, str) for p in values[0][1]):
            return "text", "".join(values[0][1])
        return None

    def _name(self, file: File, expr: Expr, scope: int, entered: Entered, depth: int) -> Symbol:
        defines = file.defines(expr[3], scope)
        if not defines:
            return self._constant(file, expr, scope) or ("global", expr[3])
        made = [define for define in defines if define.kind != "mut"]
        only = made[0] if len(made) == 1 else None
        if only is not None and only.kind == "param" and not only.path:
            passed = self._passed(file, only, entered, depth)
            if passed is not None:
                return passed
        if self._is_read(file, expr, only):
            return ITSELF if only is not None and only.path and _is_id(only.path[-1][0]) else _READ
        if only is None:
            return "name", file.index, defines[0].start
        if only.kind == "var" and only.value is not None and not only.path:
            inner = self.of(file, only.value, only.scope, entered, depth + 1)
            if known(inner) and not (inner[0] == "call" and only.value[0] == "await"):
                return inner
        if only.kind in ("imp", "enum"):
            return self._constant(file, expr, scope) or ("import", *map(str, only.extra or ()))
        return "name", file.index, only.start

    def _is_read(self, file: File, expr: Expr, only: Define | None) -> bool:
        """Is it a variable with what was read, rather than a key that is made of it?"""
        if self.read is None or self.read.file is not file or not self.read.has(expr):
            return False
        value = only.value if only is not None and not only.path else None
        return value is None or value[0] not in ("tpl", "bin", "str", "mem", "id")

    def _passed(self, file: File, define: Define, entered: Entered, depth: int) -> Symbol | None:
        """What the parameter was passed, in the caller's words."""
        number, index, rest = define.extra
        for at, (function, site) in enumerate(entered):
            if function == (file.index, number) and not rest:
                caller = self.engine.file(site[0])
                call = caller.facts.calls[site[1]]
                if index < len(call.expr[4]) and call.expr[4][index][0] != "spread":
                    return self.of(caller, call.expr[4][index], call.scope, entered[:at], depth + 1)
                return UNKNOWN
        return None

    def _call(self, file: File, expr: Expr, scope: int, entered: Entered, depth: int) -> Symbol:
        """A call of the same function with the same arguments gives the same key: keys are made by
        helpers of one line. What gives another value each time is known by its own place alone."""
        arguments = tuple(self.of(file, part, scope, entered, depth + 1) for part in expr[4])
        callee = expr[3]
        if (not arguments and callee[0] != "mem") or (callee[0] == "mem" and callee[4] in _NEVER_TWICE):
            return "made", file.index, expr[1]
        values = self.engine.ask(file, callee, scope)
        name = callee[4] if callee[0] == "mem" else ""
        if values and all(value[0] == "fn" for value in values):
            return "call", ("own", values[0][1], values[0][2]), name, *arguments
        holder = callee[3] if callee[0] == "mem" else callee
        return "call", self.of(file, holder, scope, entered, depth + 1), name, *arguments


def _is_id(name: object) -> bool:
    """Is a member of that name what the thing itself is called by, rather than another one?"""
    return isinstance(name, str) and bool(_ID.search(name)) and not _ANOTHER.search(name)
