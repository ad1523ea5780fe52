"""Whether two keys are the same: expressions in a form in which equal ones are equal.

A constant is its text, a variable is where it is declared, and what a function was passed is said in
the words of its caller, however the two keys are written.
"""

from __future__ import annotations

from audits.js.arriving import Entered
from audits.js.engine import Engine
from audits.js.facts import Define, Expr
from audits.js.project import File

Symbol = tuple[object, ...]
_DEEPEST = 12
UNKNOWN: Symbol = ("?",)
"""Equal to nothing, itself included: compare with `equal`."""


def equal(first: Symbol, second: Symbol) -> bool:
    """Do both say the same, and is it something?"""
    return first == second and known(first)


def known(symbol: Symbol) -> bool:
    """Is there no part of it that is not known?"""
    return symbol != UNKNOWN and all(known(part) for part in symbol if isinstance(part, tuple))


def symbol(
    engine: Engine, file: File, expr: Expr, scope: int, entered: Entered = (), depth: int = 0
) -> Symbol:
    """The form of an expression. `entered`: the calls that led to where it stands."""
    kind = expr[0]
    if depth > _DEEPEST:
        return UNKNOWN
    if kind in ("str", "num"):
        return "text", str(expr[3])
    if kind in ("await", "as", "set"):
        return symbol(engine, file, expr[3], scope, entered, depth + 1)
    if kind == "id":
        return _name(engine, file, expr, scope, entered, depth)
    if kind == "mem":
        constant = _constant(engine, file, expr, scope)
        return constant or ("member", symbol(engine, file, expr[3], scope, entered, depth + 1), expr[4])
    if kind == "idx":
        inner = (symbol(engine, file, part, scope, entered, depth + 1) for part in expr[3:5])
        return "item", *inner
    if kind == "this":
        return "this", file.index, file.class_around(scope)
    if kind == "tpl":
        pieces = (
            ("text", part) if isinstance(part, str) else symbol(engine, file, part, scope, entered, depth + 1)
            for part in expr[3]
        )
        return _joined(*pieces)
    if kind == "bin" and expr[3] == "+":
        sides = (symbol(engine, file, part, scope, entered, depth + 1) for part in expr[4:6])
        return _joined(*sides)
    if kind == "call":
        return _call(engine, file, expr, scope, entered, depth)
    if kind == "log":
        return "choice", *(symbol(engine, file, part, scope, entered, depth + 1) for part in expr[4:6])
    return UNKNOWN


def _joined(*parts: Symbol) -> Symbol:
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


def _constant(engine: Engine, file: File, expr: Expr, scope: int) -> Symbol | None:
    values = engine.ask(file, expr, scope)
    if len(values) == 1 and values[0][0] == "str" and all(isinstance(p, str) for p in values[0][1]):
        return "text", "".join(values[0][1])
    return None


def _name(engine: Engine, file: File, expr: Expr, scope: int, entered: Entered, depth: int) -> Symbol:
    defines = file.defines(expr[3], scope)
    if not defines:
        return _constant(engine, file, expr, scope) or ("global", expr[3])
    made = [define for define in defines if define.kind != "mut"]
    if len(made) != 1:
        return "name", file.index, defines[0].start
    only = made[0]
    if only.kind == "param" and not only.path:
        passed = _passed(engine, file, only, entered, depth)
        if passed is not None:
            return passed
    if only.kind == "var" and only.value is not None and not only.path:
        inner = symbol(engine, file, only.value, only.scope, entered, depth + 1)
        if known(inner) and not (inner[0] == "call" and only.value[0] == "await"):
            return inner
    if only.kind in ("imp", "enum"):
        return _constant(engine, file, expr, scope) or ("import", *map(str, only.extra or ()))
    return "name", file.index, only.start


def _passed(engine: Engine, file: File, define: Define, entered: Entered, depth: int) -> Symbol | None:
    """What the parameter was passed, in the caller's words."""
    number, index, rest = define.extra
    for at, (function, site) in enumerate(entered):
        if function == (file.index, number) and not rest:
            caller = engine.file(site[0])
            call = caller.facts.calls[site[1]]
            if index < len(call.expr[4]) and call.expr[4][index][0] != "spread":
                return symbol(engine, caller, call.expr[4][index], call.scope, entered[:at], depth + 1)
            return UNKNOWN
    return None


def _call(engine: Engine, file: File, expr: Expr, scope: int, entered: Entered, depth: int) -> Symbol:
    """A call of the same function with the same arguments gives the same key: keys are made by helpers
    of one line. What gives another value each time is known by nothing but its own place."""
    arguments = tuple(symbol(engine, file, part, scope, entered, depth + 1) for part in expr[4])
    callee = expr[3]
    if not arguments and callee[0] != "mem":
        return "made", file.index, expr[1]
    if callee[0] == "mem":
        values = engine.ask(file, callee, scope)
        holder: Symbol = symbol(engine, file, callee[3], scope, entered, depth + 1)
        if values and all(value[0] == "fn" for value in values):
            holder = ("own", values[0][1], values[0][2])
        elif callee[4] in ("randomUUID", "now", "random", "getRandomValues"):
            return "made", file.index, expr[1]
        return "call", holder, callee[4], *arguments
    values = engine.ask(file, callee, scope)
    if values and values[0][0] == "fn":
        return "call", ("own", values[0][1], values[0][2]), "", *arguments
    return "call", symbol(engine, file, callee, scope, entered, depth + 1), "", *arguments
