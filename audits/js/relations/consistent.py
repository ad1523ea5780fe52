"""Reads of strongly consistent stores: Durable Objects, D1, SQL in an object's storage, and databases
that are reached through a library."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.evaluation.values import Values
from audits.js.relations import carrying
from audits.js.syntax.facts import Call, Expr

_MAKERS = {
    "idFromName", "idFromString", "newUniqueId", "getByName", "getAgentByName", "getServerByName", "prepare",
    "drizzle", "PrismaClient", "Kysely",
}  # fmt: skip
_STORAGE = {"get", "exec"}
_D1_READS = {"first", "all", "raw", "values"}
_WRITES = re.compile(
    r"^(?:put|set|save|create|update|delete|destroy|remove|revoke|touch|write|store|insert|upsert|log|track|"
    r"incr\w*|add|append|send|broadcast|notify|publish|push|record|emit|end|close|start|connect|init\w*|"
    r"import|schedule|clear|reset|expire|renew|refresh|extend|migrate|seed|mark|then|catch|finally)(?![a-z])"
)
_SQL_READS = re.compile(r"^\W*(?:select|with|pragma)\b|\breturning\b", re.IGNORECASE)
_LIBRARIES = {"Drizzle", "PrismaClient", "Kysely"}
_LIBRARY_WRITES = re.compile(r"^(?:insert|update|delete|create|upsert|execute$|run|batch|transaction)")
_HTTP_WRITE = re.compile(r"method\s*:\s*[\"'](?:POST|PUT|PATCH|DELETE)", re.IGNORECASE)
_LOCAL = re.compile(r"(?:^|\.)(?:storage|storage\.kv)$")
_SQL_STORAGE = re.compile(r"(?:^|\.)sql$")
_BOUND = {
    "durable_objects", "DurableObjectNamespace", "DurableObjectStub", "DurableObjectId", "d1_databases",
    "D1Database", "D1PreparedStatement", *_LIBRARIES,
}  # fmt: skip
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Store:
    """A read of one: what is read, and in what words, SQL and the object's binding included."""

    what: str
    text: str


def used(engine: Engine) -> bool:
    """May the project read such a store at all? The names of its calls decide."""
    for file in engine.project.files:
        for call in file.facts.calls:
            if call.name in _MAKERS:
                return True
            if call.name in _STORAGE and call.expr[3][0] == "mem":
                holder = expression_names.chain_text(call.expr[3][3])
                if _LOCAL.search(holder) or _SQL_STORAGE.search(holder):
                    return True
    return False


def asks_for(engine: Engine, file: File, test: Expr, scope: int) -> bool | None:
    """True: where the condition holds, the store itself is bound; False: where it fails. None: it is
    about something else."""
    kind = test[0]
    if kind == "un" and test[3] == "!":
        inner = asks_for(engine, file, test[4], scope)
        return None if inner is None else not inner
    if kind == "log":
        left = asks_for(engine, file, test[4], scope)
        return left if left is not None else asks_for(engine, file, test[5], scope)
    if kind == "bin" and test[3] in ("===", "==", "!==", "!=") and test[5][0] == "nul":
        inner = asks_for(engine, file, test[4], scope)
        return None if inner is None else inner == (test[3][0] == "!")
    if kind not in ("id", "mem"):
        return None
    bound = any(value[0] == "other" and value[1] in _BOUND for value in engine.ask(file, test, scope))
    return True if bound else None


def store_of(engine: Engine, file: File, call: Call) -> Store | None:
    """The store that a call reads, None when it reads none of these."""
    callee = call.expr[3]
    if call.expr[0] != "call" or callee[0] != "mem":
        return None
    name, holder = callee[4], callee[3]
    if name == "batch":
        return _batch(engine, file, call, holder)
    if name in _D1_READS:
        return _d1(engine, file, call, holder) or _library(engine, file, call)
    chain = expression_names.chain_text(holder)
    if name == "get" and _LOCAL.search(chain):
        return _of_storage(engine, file, call, holder)
    if name == "exec" and _SQL_STORAGE.search(chain):
        return _sql(engine, file, call)
    if holder[0] in ("id", "mem", "call", "await", "as") and not _WRITES.match(name):
        return _object(engine, file, call, holder, name) or _library(engine, file, call)
    return None


def _batch(engine: Engine, file: File, call: Call, holder: Expr) -> Store | None:
    """`db.batch([…])`, when each statement in it reads."""
    given = call.expr[4][0] if call.expr[4] else None
    if given is None or given[0] != "arr" or asks_for(engine, file, holder, call.scope) is None:
        return None
    statements = [prepared(engine, file, one, call.scope) for one in given[3]]
    reads = bool(statements) and all(_SQL_READS.search(sql) for sql in statements)
    return Store("D1", _short("; ".join(statements))) if reads else None


def _d1(engine: Engine, file: File, call: Call, holder: Expr) -> Store | None:
    if ("other", "D1PreparedStatement") not in engine.ask(file, holder, call.scope):
        return None
    sql = prepared(engine, file, holder, call.scope)
    if sql and not _SQL_READS.search(sql):
        return None
    return Store("D1", _short(sql or file.text(holder[1], holder[2])))


def prepared(engine: Engine, file: File, holder: Expr, scope: int, depth: int = 0) -> str:
    """The SQL of a statement, "" when it cannot be seen."""
    while holder[0] in ("await", "as", "set"):
        holder = holder[3]
    if holder[0] == "call" and holder[3][0] == "mem":
        if holder[3][4] == "prepare":
            return text_of(engine.ask(file, holder[4][0], scope)) if holder[4] else ""
        return prepared(engine, file, holder[3][3], scope, depth)
    defines = file.defines(holder[3], scope) if holder[0] == "id" and depth < 3 else None
    if defines and len(defines) == 1 and defines[0].value is not None:
        return prepared(engine, file, defines[0].value, defines[0].scope, depth + 1)
    return ""


def text_of(values: Values) -> str:
    """The first text among some values, "?" in its holes; "" when there is none."""
    found = (value for value in values if value[0] == "str")
    return next(("".join(p if isinstance(p, str) else "?" for p in value[1]) for value in found), "")


def _of_storage(engine: Engine, file: File, call: Call, holder: Expr) -> Store | None:
    values = engine.ask(file, holder, call.scope)
    if any(value[0] == "kv" for value in values):
        return None
    return Store("Durable Object storage", _short(file.text(call.expr[1], call.expr[2])))


def _sql(engine: Engine, file: File, call: Call) -> Store | None:
    sql = text_of(engine.ask(file, call.expr[4][0], call.scope)) if call.expr[4] else ""
    if sql and not _SQL_READS.search(sql):
        return None
    return Store("Durable Object SQL", _short(sql or file.text(call.expr[1], call.expr[2])))


def _object(engine: Engine, file: File, call: Call, holder: Expr, name: str) -> Store | None:
    if ("other", "DurableObjectStub") not in engine.ask(file, holder, call.scope):
        return None
    said = file.text(call.expr[1], call.expr[2])
    if name == "fetch" and _HTTP_WRITE.search(said):
        return None
    return Store("Durable Object", _short(f"{said} {_made(file, holder, call.scope)}".strip()))


def _made(file: File, holder: Expr, scope: int) -> str:
    """How the variable was made: the object's binding says what it is for."""
    defines = file.defines(holder[3], scope) if holder[0] == "id" else None
    value = defines[0].value if defines and len(defines) == 1 else None
    return file.text(value[1], value[2]) if value is not None else ""


def _library(engine: Engine, file: File, call: Call) -> Store | None:
    """`db.select().from(sessions).where(…).get()`, `prisma.session.findUnique(…)`."""
    root: Expr = call.expr
    first = ""
    while root[0] in ("call", "mem", "as", "await") and not (root[0] == "call" and root[3][0] == "id"):
        first = root[4] if root[0] == "mem" else first
        root = root[3]
    if root[0] not in ("id", "call") or root is call.expr or carrying.name_of(call.expr) == first == "get":
        return None
    if not any(v[0] == "other" and v[1] in _LIBRARIES for v in engine.ask(file, root, call.scope)):
        return None
    said = file.text(call.expr[1], call.expr[2])
    if _LIBRARY_WRITES.match(first) or _LIBRARY_WRITES.match(call.expr[3][4]):
        return None
    return Store("database", _short(said))


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
