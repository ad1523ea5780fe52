"""Writes of strongly consistent stores, and whether they put something or take it away."""

from __future__ import annotations

import re

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.relations import consistent
from audits.js.syntax.facts import Call, Expr

PUT, DELETE = "put", "delete"
_PUTS = re.compile(
    r"^(?:put|set|save|create|update|write|store|insert|upsert|touch|renew|refresh|extend|persist)(?![a-z])"
)
_DELETES = re.compile(
    r"^(?:delete|destroy|remove|revoke|clear|expire|invalidate|end|logout|kill|drop|purge)(?![a-z])"
)
_SQL_PUTS = re.compile(r"^\W*(?:insert|update|replace|upsert)\b", re.IGNORECASE)
_SQL_DELETES = re.compile(r"^\W*delete\b", re.IGNORECASE)
_RUNS = ("run", "first", "all", "raw")
_STORAGE = re.compile(r"(?:^|\.)storage$")
_SQL = re.compile(r"(?:^|\.)sql$")
_DEEPEST = 2


def verb(engine: Engine, file: File, call: Call, depth: int = 0) -> str:
    """`put` or `delete` for a call that writes such a store, by itself or in a function of the project;
    "" for every other, and for one that might do either."""
    callee = call.expr[3]
    if call.expr[0] != "call":
        return ""
    if callee[0] == "mem":
        own = _of_method(engine, file, call, callee[3], callee[4])
        if own:
            return own
    return _within(engine, file, call, depth) if depth < _DEEPEST and callee[0] in ("id", "mem") else ""


def _of_method(engine: Engine, file: File, call: Call, holder: Expr, name: str) -> str:
    chain = expression_names.chain_text(holder)
    if _STORAGE.search(chain) and not any(value[0] == "kv" for value in engine.ask(file, holder, call.scope)):
        return _named(name)
    if name == "exec" and _SQL.search(chain):
        return _by_sql(
            consistent.text_of(engine.ask(file, call.expr[4][0], call.scope)) if call.expr[4] else ""
        )
    if name in _RUNS:
        return _by_sql(consistent.prepared(engine, file, holder, call.scope))
    if holder[0] not in ("id", "mem", "call", "await", "as") or not _named(name):
        return ""
    stub = ("other", "DurableObjectStub") in engine.ask(file, holder, call.scope)
    return _named(name) if stub else ""


def _named(name: str) -> str:
    return PUT if _PUTS.match(name) else DELETE if _DELETES.match(name) else ""


def _by_sql(sql: str) -> str:
    return PUT if _SQL_PUTS.search(sql) else DELETE if _SQL_DELETES.search(sql) else ""


def _within(engine: Engine, file: File, call: Call, depth: int) -> str:
    """What a function of the project does, if it does only one of the two."""
    found: set[str] = set()
    for value in engine.ask(file, call.expr[3], call.scope):
        if value[0] != "fn":
            return ""
        home = engine.file(value[1])
        function = home.facts.functions[value[2]]
        for inner in home.facts.calls:
            if function.start <= inner.expr[1] and inner.expr[2] <= function.end:
                found.add(verb(engine, home, inner, depth + 1))
    found.discard("")
    return found.pop() if len(found) == 1 else ""
