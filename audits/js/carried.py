"""Namespaces that one part of a project puts on what every part is handed, for others to take from it.

A middleware says `c.set("store", c.env.SESSIONS)`, `ctx.state.store = …` or `event.locals.store = …`, and
a handler in another file asks `c.get("store")`, `ctx.state.store` or `locals.store`. The two meet by name
alone: what is carried there, and on which kind of thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from audits.js import expression_names
from audits.js.facts import Expr
from audits.js.project import File
from audits.js.values import ENV_NAMES, Value, Values, join

if TYPE_CHECKING:
    from audits.js.engine import Engine

_BAGS = {"c", "ctx", "context", "event", "req", "request"}
"""What frameworks hand to every middleware and handler."""

_WITHIN = {"data", "locals", "state", "var"}
"""What they keep there for things of the application."""

VARIABLES = "var"
Key = tuple[str, str]
Put = tuple[int, Expr, int]
"""File, expression and scope of what is carried."""


def key(holder: str, name: str) -> Key | None:
    """What `holder.name` meets, None when the holder is nothing that carries things."""
    last = holder.rpartition(".")[2]
    if last in _WITHIN:
        return last, name
    return ("", name) if last in _BAGS else None


def under(engine: Engine, where: Key | None) -> Values:
    """The namespaces that are carried there: in the configuration, or things of a Worker's `env` of
    which nothing is known yet."""
    puts = engine.carried.get(where, ()) if where is not None else ()
    return engine.solve(("carried", where), lambda: _carried(engine, puts)) if puts else ()


def _carried(engine: Engine, puts: Sequence[Put]) -> Values:
    found: list[Value] = []
    for index, expr, scope in puts:
        for value in engine.values(engine.file(index), expr, scope, ()):
            if value[0] == "kv":
                found.append((*value[:2], min(2, value[2]), *value[3:]))
            elif value[0] == "u" and value[3] == "env":
                found.append(value)
    return join(found)


def table(files: Sequence[File]) -> Mapping[Key, Sequence[Put]]:
    """Everything out of an `env` that is put where it can be carried."""
    found: dict[Key, list[Put]] = {}
    for file in files:
        for where, expr, scope in _puts(file):
            if where is not None and _of_env(file, expr, scope):
                found.setdefault(where, []).append((file.index, expr, scope))
    return found


def _puts(file: File) -> Iterator[tuple[Key | None, Expr, int]]:
    for holder, name, expr, scope in file.facts.carried:
        yield key(holder, name), expr, scope
    for call in file.facts.calls:
        if call.name == "set" and call.expr[3][0] == "mem" and len(call.expr[4]) == 2:
            holder, (name, expr) = call.expr[3][3], call.expr[4]
            if name[0] == "str" and holder[0] == "id" and holder[3] in _BAGS:
                yield (VARIABLES, str(name[3])), expr, call.scope


def _of_env(file: File, expr: Expr, scope: int) -> bool:
    """Does it stand in an `env`, or is it a variable that was taken from one?"""
    while expr[0] in ("as", "log"):
        expr = expr[3] if expr[0] == "as" else expr[4]
    if expr[0] == "id":
        made = [d for d in file.defines(expr[3], scope) or () if d.kind == "var" and d.value is not None]
        return len(made) == 1 and made[0].value is not None and _says_env(made[0].value)
    return _says_env(expr)


def _says_env(expr: Expr) -> bool:
    while expr[0] in ("as", "log"):
        expr = expr[3] if expr[0] == "as" else expr[4]
    return expr[0] in ("mem", "id") and bool(ENV_NAMES & set(expression_names.chain_text(expr).split(".")))
