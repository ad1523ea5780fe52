"""Where the parts of a KV call stand in its file, for those who change the code."""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.evaluation.values import ENV_NAMES
from audits.js.kv import key_ids
from audits.js.kv.ways import Candidate
from audits.js.syntax.facts import Define, Expr
from audits.operation import Argument, Member

Span = tuple[int, int]


def arguments(found: Candidate) -> tuple[Argument, ...]:
    """In their order; () when some are spread, or when it is not the method itself that is called."""
    given: tuple[Expr, ...] = found.call.expr[4]
    callee: Expr = found.call.expr[3]
    if callee[0] != "mem" or callee[4] != found.method or any(one[0] == "spread" for one in given):
        return ()
    return tuple(_argument(found.file, *pair) for pair in zip(given, found.call.spans, strict=False))


def env(engine: Engine, found: Candidate) -> Span | None:
    """Where the bindings stand that the namespace is taken from, if they can be asked at the call too."""
    expr, scope = found.receiver, found.call.scope
    if expr is None:
        return None
    holder: Expr | None = expr[3] if expr[0] == "mem" else None
    if expr[0] == "id":
        define = key_ids.single(found.file, expr[3], scope)
        holder = _taken_from(define) if define is not None else None
        if define is None or holder is None:
            return None
        if not key_ids.means_the_same(found.file, holder, define.scope, scope):
            return None
        scope = define.scope
    if holder is None or not _is_env(engine, found.file, holder, scope):
        return None
    return holder[1], holder[2]


def _taken_from(define: Define) -> Expr | None:
    """`env` of `const kv = env.SESSIONS` and of `const { SESSIONS: kv } = env`."""
    if define.kind != "var" or define.value is None:
        return None
    value: Expr = define.value
    if define.path:
        (name, default), *further = define.path
        return value if not further and default is None and isinstance(name, str) else None
    return value[3] if value[0] == "mem" else None


def _is_env(engine: Engine, file: File, holder: Expr, scope: int) -> bool:
    """Are these the Worker's bindings, and not an object that somebody put together?"""
    values = engine.ask(file, holder, scope)
    name = expression_names.text_of(holder) if holder[0] in ("id", "mem") else ""
    known = {"env", "ty", "u", "nul"} if name.rpartition(".")[2] in ENV_NAMES else {"env"}
    return bool(values) and {value[0] for value in values} <= known


def _argument(file: File, expr: Expr, span: Span) -> Argument:
    start, end = span
    if expr[0] == "nul":
        return Argument(start, end, file.text(start, end))
    if expr[0] != "obj" or any(entry[0] != "p" for entry in expr[3]) or (expr[1], expr[2]) != span:
        return Argument(start, end)
    return Argument(start, end, file.text(start, end), tuple(_members(expr)))


def _members(expr: Expr) -> Iterator[Member]:
    for _, name, value in expr[3]:
        yield Member(name, value[1], value[2])
