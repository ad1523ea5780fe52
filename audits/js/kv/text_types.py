"""Is an expression certain to be a string, as TypeScript would see it?"""

from __future__ import annotations

from audits.js.evaluation import expression_names, type_members
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Define, Expr, Type

_STRING: Type = ("word", "string")
_MAKERS = {"randomUUID", "String", "toString", "toISOString", "nanoid", "ulid", "uuid", "uuidv4", "uuidv7"}


def is_text(engine: Engine, file: File, expr: Expr, scope: int, depth: int = 0) -> bool:
    """Neither null, nor undefined, nor a number; False when it is not known."""
    return _kind(engine, file, expr, scope, depth) == "text"


def _kind(engine: Engine, file: File, expr: Expr, scope: int, depth: int) -> str:
    """`text`, `perhaps` (text, null or undefined), or ""."""
    form = expr[0]
    if depth > 6:
        return ""
    if form in ("str", "tpl"):
        return "text"
    if form == "as":
        return _of_type(expr[4], False)
    if form == "bin":
        kinds = (_kind(engine, file, part, scope, depth + 1) for part in expr[4:6])
        return "text" if expr[3] == "+" and "text" in kinds else ""
    if form in ("call", "await"):
        return _of_call(engine, file, expr, scope, depth)
    if form in ("id", "mem"):
        kind = (
            _of_name(engine, file, expr, scope, depth)
            if form == "id"
            else _of_member(engine, file, expr, scope)
        )
        if kind == "perhaps" and _narrowed(file, expr):
            return "text"
        return kind
    return ""


def _of_type(type_: Type | None, optional: bool) -> str:
    if type_ == _STRING:
        return "perhaps" if optional else "text"
    if type_ is not None and type_[0] == "union" and _STRING in type_[1]:
        rest = [part for part in type_[1] if part != _STRING]
        return "perhaps" if all(p[0] == "word" and p[1] in ("null", "undefined") for p in rest) else ""
    return ""


def _of_name(engine: Engine, file: File, expr: Expr, scope: int, depth: int) -> str:
    defines = file.defines(expr[3], scope)
    if defines is None or len(defines) != 1:
        return ""
    define = defines[0]
    if define.path:
        return _of_pattern(engine, file, define)
    if define.type is not None:
        return _of_type(define.type, define.optional and define.value is None)
    if define.kind == "var" and define.value is not None:
        return _kind(engine, file, define.value, define.scope, depth + 1)
    return ""


def _of_pattern(engine: Engine, file: File, define: Define) -> str:
    """`{ id }: { id: string }`."""
    (name, default), *further = define.path
    if further or default is not None or not isinstance(name, str) or define.type is None:
        return ""
    said = type_members.members(engine, file, define.type, name)
    return _of_type(said[0][1], said[0][2]) if len(said) == 1 else ""


def _of_member(engine: Engine, file: File, expr: Expr, scope: int) -> str:
    kinds: set[str] = set()
    for value in engine.ask(file, expr[3], scope):
        said = (
            type_members.members(engine, engine.file(value[2]), value[1], expr[4]) if value[0] == "ty" else []
        )
        kinds |= {_of_type(type_, optional) for _, type_, optional in said} or {""}
    return kinds.pop() if len(kinds) == 1 else ""


def _of_call(engine: Engine, file: File, expr: Expr, scope: int, depth: int) -> str:
    waited = expr[0] == "await"
    call = expr[3] if waited else expr
    if call[0] != "call":
        return ""
    name = expression_names.text_of(call[3]).rpartition(".")[2]
    found = engine.ask(file, call[3], scope)
    if len(found) == 1 and found[0][0] == "fn":
        home = engine.file(found[0][1])
        made = home.facts.functions[found[0][2]]
        said = made.type
        if said is None and made.returns and not made.falls and depth < 4:
            eager = waited or home.text(made.start, made.start + 5) != "async"
            texts = (_kind(engine, home, value, where, depth + 1) for value, where in made.returns)
            return "text" if eager and set(texts) == {"text"} else ""
        if waited and said is not None and said[0] == "ref" and said[1] == "Promise" and len(said[2]) == 1:
            said = said[2][0]
        return _of_type(said, False)
    if waited:
        return ""
    if name in _MAKERS:
        return "text"
    chain = expression_names.chain_text(call[3])
    if name == "getCookie" and len(call[4]) == 2:
        return "perhaps"
    return "perhaps" if chain.endswith((".headers.get", ".searchParams.get")) else ""


def _narrowed(file: File, expr: Expr) -> bool:
    spans = file.facts.narrowed.get(expression_names.chain_text(expr), ())
    return any(start <= expr[1] < end for start, end in spans)
