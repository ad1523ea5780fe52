"""Namespaces, and what is made of them, that one part of a project puts on what every part is handed, for
others to take from it.

A middleware says `c.set("store", c.env.SESSIONS)`, `ctx.state.store = …` or `event.locals.store = …`, and
a handler in another file asks `c.get("store")`, `ctx.state.store` or `locals.store`. The two meet by name
alone: what is carried there, and on which kind of thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from audits.js.evaluation import expression_names
from audits.js.evaluation.project import File
from audits.js.evaluation.values import ENV_NAMES, Value, Values, join
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

_WITHIN = {"data", "locals", "state", "var"}
"""What frameworks keep, on what they hand to every function, for things of the application."""

_VARIABLES = "var"
Key = tuple[str, str]
Put = tuple[int, Expr, int]
"""File, expression and scope of what is carried."""


def member(engine: Engine, holder: Value, name: str) -> Values:
    """What is carried under `holder.name`: namespaces of the configuration, things of a Worker's `env`
    of which nothing is known yet, and what is made of either. The holder is what a function was handed, or
    a part of it."""
    said = str(holder[1] if holder[0] == "u" else holder[3]).rpartition(".")[2]
    if said in _WITHIN:
        return _under(engine, (said, name))
    return _under(engine, ("", name)) if _handed(holder) else ()


def variable(engine: Engine, holder: Value, name: str) -> Values:
    """The same of `holder.get("name")`."""
    return _under(engine, (_VARIABLES, name)) if _handed(holder) else ()


def _handed(holder: Value) -> bool:
    return bool(holder[0] == "ty" or (holder[0] == "u" and holder[3] == "param"))


def _under(engine: Engine, where: Key) -> Values:
    puts = engine.carried.get(where, ())
    return engine.solve(("carried", where), lambda: _carried(engine, puts)) if puts else ()


def _carried(engine: Engine, puts: Sequence[Put]) -> Values:
    found: list[Value] = []
    for index, expr, scope in puts:
        for value in engine.values(engine.file(index), expr, scope, ()):
            if value[0] == "kv":
                found.append((*value[:2], min(2, value[2]), *value[3:]))
            elif value[0] in ("inst", "obj") or (value[0] == "u" and value[3] == "env"):
                found.append(value)
    return join(found)


def table(files: Sequence[File]) -> Mapping[Key, Sequence[Put]]:
    """Everything out of an `env` that is put where it can be carried."""
    found: dict[Key, list[Put]] = {}
    for file in files:
        for where, expr, scope in _puts(file):
            if _of_env(file, expr, scope):
                found.setdefault(where, []).append((file.index, expr, scope))
    return found


def _puts(file: File) -> Iterator[tuple[Key, Expr, int]]:
    for path, expr, scope in file.facts.carried:
        if path[-2] in _WITHIN:
            yield (path[-2], path[-1]), expr, scope
        elif len(path) == 2 and _is_parameter(file, path[0], scope):
            yield ("", path[1]), expr, scope
    for call in file.facts.calls:
        if call.name == "set" and call.expr[3][0] == "mem" and len(call.expr[4]) == 2:
            holder, (name, expr) = call.expr[3][3], call.expr[4]
            if name[0] == "str" and holder[0] == "id" and _is_parameter(file, holder[3], call.scope):
                yield (_VARIABLES, str(name[3])), expr, call.scope


def _is_parameter(file: File, name: str, scope: int) -> bool:
    return any(define.kind == "param" for define in file.defines(name, scope) or ())


def _of_env(file: File, expr: Expr, scope: int) -> bool:
    """Does it stand in an `env`, is it a variable that was taken from one or holds one, or made of it?"""
    if _made_of_env(expr):
        return True
    while expr[0] in ("as", "log", "mem"):
        expr = expr[4] if expr[0] == "log" else expr[3]
    made = file.defines(expr[3], scope) or () if expr[0] == "id" else ()
    values = [define.value for define in made if define.kind == "var" and define.value is not None]
    return len(values) == 1 and _made_of_env(values[0])


def _made_of_env(expr: Expr) -> bool:
    """`c.env.KV`, `new Repository(c.env.KV)`, `services(c.env)`."""
    while expr[0] in ("as", "log"):
        expr = expr[3] if expr[0] == "as" else expr[4]
    return _says_env(expr) or (expr[0] in ("new", "call") and any(map(_says_env, expr[4])))


def _says_env(expr: Expr) -> bool:
    while expr[0] in ("as", "log"):
        expr = expr[3] if expr[0] == "as" else expr[4]
    return expr[0] in ("mem", "id") and bool(ENV_NAMES & set(expression_names.chain_text(expr).split(".")))
