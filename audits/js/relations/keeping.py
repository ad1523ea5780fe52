"""Whether what was read is kept beyond the request: in a variable, a map or a class of the module, which
live as long as the isolate does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.relations import carrying
from audits.js.relations.arriving import Arrival
from audits.js.relations.flow import Flows
from audits.js.syntax.facts import Define, Expr

_TIMED = re.compile(
    r"[eE]xpir|EXPIR|\bexp\b|exp[A-Z]|[tT]tl|TTL|[fF]resh|[sS]tale|STALE|[tT]imestamp|Date\.now|"
    r"performance\.now|[a-z]At\b|[uU]ntil\b|[mM]axAge|MAX_AGE|\b_?age\b|\bts\b"
)
_FREED = r"(?:\?\.|\.)(?:delete|clear|evict|invalidate|reset)\b"
_REQUEST = {"WeakMap", "AsyncLocalStorage"}


@dataclass(frozen=True, slots=True)
class Kept:
    """Where it is kept: `name` of what keeps it, `what` that is, its offset. `ends`: it is freed, or kept
    with a time that somebody looks at."""

    file: File
    name: str
    what: str
    start: int
    end: int
    ends: bool


def kept(engine: Engine, flows: Flows, read: Arrival) -> Iterator[Kept]:
    """The places that keep what was read."""
    file = read.file
    flow = flows.of(file, read.expr)
    for target, value in flow.kept:
        if target.kind in ("write", "mutate"):
            root = target.target if target.kind == "write" else None
            name = _root(root) if root is not None else target.name
            what = _module_level(engine, file, name, target.scope)
            if what:
                yield Kept(file, name, what, value[1], value[2], _ends(file, name, value))
        elif (
            target.kind == "member"
            and target.define is not None
            and _is_static(file, target.name, target.defines)
        ):
            ends = _ends(file, target.name, value)
            yield Kept(file, target.name, "a static member", value[1], value[2], ends)
    yield from _variables(flows, file, read)
    yield from _maps(engine, flows, file, read)


def _variables(flows: Flows, file: File, read: Arrival) -> Iterator[Kept]:
    """`current = session`, a variable of the module."""
    flow = flows.of(file, read.expr)
    for name, defines in file.facts.scopes[0].names.items():
        if id(defines) not in flow.names:
            continue
        for define in defines:
            if define.kind != "set" or define.value is None or file.facts.scopes[define.scope].fn < 0:
                continue
            if flow.has(define.value):
                ends = _ends(file, name, define.value)
                yield Kept(file, name, "a variable of the module", define.start, define.end, ends)


def _maps(engine: Engine, flows: Flows, file: File, read: Arrival) -> Iterator[Kept]:
    """`cache.set(id, session)`, a map of the module or a static one."""
    flow = flows.of(file, read.expr)
    for call in file.facts.calls:
        if call.name != "set" or call.expr[0] != "call" or call.expr[3][0] != "mem" or len(call.expr[4]) < 2:
            continue
        if not flow.has(call.expr[4][1]):
            continue
        holder = call.expr[3][3]
        name, what = _root(holder), ""
        if holder[0] == "mem" and _static_of(file, holder[4], call.scope, holder):
            name, what = holder[4], "a static member"
        elif holder[0] == "id":
            what = _module_level(engine, file, name, call.scope)
        if what:
            yield Kept(file, name, what, call.expr[1], call.expr[2], _ends(file, name, call.expr[4][1]))


def _root(expr: Expr) -> str:
    while expr[0] in ("mem", "idx", "as", "await"):
        expr = expr[3]
    return str(expr[3]) if expr[0] == "id" else ""


def _module_level(engine: Engine, file: File, name: str, scope: int) -> str:
    """What of the module it is that goes by the name, "" when it is of a function."""
    if not name:
        return ""
    defines = file.defines(name, scope)
    if defines is None:
        return "the global object" if name in ("globalThis", "self") else ""
    if defines is not file.facts.scopes[0].names.get(name):
        return ""
    if any(_short_lived(define.value) for define in defines):
        return ""
    if defines[0].kind == "imp":
        found = engine.ask(file, ("id", 1 << 40, 1 << 40, name), 0)
        return (
            "a map of another module" if any(v[0] in ("obj", "other") and _is_map(v) for v in found) else ""
        )
    if defines[0].kind == "cls":
        return "a static member"
    if defines[0].kind != "var":
        return ""
    value = defines[0].value
    return "a map of the module" if value is not None and value[0] in ("new", "obj", "as") else ""


def _is_map(value: tuple[object, ...]) -> bool:
    return value[0] == "obj" or value[1] in ("Map", "LRUCache")


def _short_lived(value: Expr | None) -> bool:
    return value is not None and value[0] == "new" and carrying.name_of(value) in _REQUEST


def _static_of(file: File, name: str, scope: int, holder: Expr) -> bool:
    """`Sessions.cache`, `this.constructor.cache`: a static member of a class of the file."""
    root = _root(holder)
    named = file.defines(root, scope) if root else None
    if named is None or named[0].kind != "cls":
        return False
    return name in file.facts.classes[named[0].extra].statics


def _is_static(file: File, name: str, defines: list[Define] | None) -> bool:
    return any(made.statics.get(name) is defines for made in file.facts.classes)


def _ends(file: File, name: str, value: Expr) -> bool:
    """Is it ever freed, or kept with a time that somebody looks at?"""
    whole = file.text(0, len(file.source))
    word = re.escape(name)
    if re.search(rf"\b{word}{_FREED}|\bdelete\s+[\w.]*\b{word}\b", whole):
        return True
    if re.search(rf"(?<![\w.]){word}\s*=\s*(?:null|undefined|new\b|\{{\s*\}})", _assigned(whole, word)):
        return True
    if value[0] == "obj" and any(e[0] == "p" and _TIMED.search(str(e[1])) for e in value[3]):
        return True
    around = [line for line in whole.splitlines() if re.search(rf"\b{word}", line)]
    return any(_TIMED.search(line) for line in around)


def _assigned(whole: str, word: str) -> str:
    """The text without the declarations, which are no assignments of something new."""
    return re.sub(
        rf"\b(?:const|let|var|static|readonly|private|public|protected|declare)\s+{word}\b[^=\n]*=[^\n]*",
        "",
        whole,
    )
