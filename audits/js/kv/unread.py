"""Calls on a namespace of which it cannot be said what they do: what the audit must not be silent about.

Its text may have syntax errors, its arguments may be spread, its method may be computed. A call that
can be judged all the same is none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from audits.js.evaluation import properties
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.known_types import KV_TYPE
from audits.js.evaluation.places import place
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Call, Expr
from audits.operation import Confidence, Has, Method, Operation, Unread

_LOST = re.compile(
    r"(?<![\w$])(?P<name>[A-Za-z_$][\w$]*)\s*[!?]?\.\s*(?P<method>get|getWithMetadata|put|delete|list)\s*\("
)
_LARGEST = 100_000
_TAKEN = {"apply", "call"}


def find(engine: Engine, operations: Sequence[Operation]) -> Iterator[Unread]:
    """Every such call, in no order."""
    known: dict[str, dict[int, Operation]] = {}
    for one in operations:
        known.setdefault(one.place.path, {})[one.call.start] = one
    for file in engine.project.files:
        yield from _in_file(engine, file, known.get(file.path, {}))
        yield from _lost(engine, file)


def _in_file(engine: Engine, file: File, known: Mapping[int, Operation]) -> Iterator[Unread]:
    for call in file.facts.calls:
        operation = known.get(call.expr[1])
        if operation is not None and operation.call.end == call.expr[2]:
            why = _of_operation(file, call, operation)
            if why:
                yield Unread(operation.place, operation.call, why, operation.confidence)
        elif call.expr[0] == "call" and (call.expr[3][0] == "idx" or call.name in _TAKEN):
            yield from _indirect(engine, file, call)


def broken(file: File, call: Call) -> bool:
    """Could the parser not read a part of the call?"""
    start, end = call.expr[1], call.expr[2]
    return any(start <= low and high <= end for low, high in file.facts.errors)


def _of_operation(file: File, call: Call, operation: Operation) -> str:
    if broken(file, call):
        return "a part of it has syntax errors"
    first = call.expr[4][0] if call.expr[4] else None
    if first is not None and first[0] == "spread" and operation.method is not Method.LIST:
        if all(key.unknown for key in operation.keys):
            return "its arguments are spread"
    if operation.ttl is not None and operation.ttl.has is Has.UNKNOWN:
        if any(argument[0] == "spread" for argument in call.expr[4][:3]):
            return "its arguments are spread"
    return ""


def _indirect(engine: Engine, file: File, call: Call) -> Iterator[Unread]:
    """`kv[method](key)`, `kv.put.apply(kv, passed)`."""
    callee = call.expr[3]
    if callee[0] == "idx":
        spaces = [v for v in engine.ask(file, callee[3], call.scope) if v[0] == "kv"]
        if spaces and not _constant(engine, file, callee[4], call.scope):
            yield _made(file, call, callee[4][1], spaces[0][2], "its method is computed")
    elif callee[0] == "mem" and callee[4] in _TAKEN and callee[3][0] == "mem":
        if callee[3][4] in properties.METHODS:
            taken = [v for v in engine.ask(file, callee[3], call.scope) if v[0] == "kvm"]
            if taken:
                yield _made(file, call, callee[3][5], taken[0][1][2], f"it is called through {callee[4]}")


def _constant(engine: Engine, file: File, key: Expr, scope: int) -> bool:
    """Is the method's name known, and only one?"""
    values = engine.ask(file, key, scope)
    return len(values) == 1 and values[0][0] == "str" and all(isinstance(p, str) for p in values[0][1])


def _made(file: File, call: Call, start: int, confidence: int, why: str) -> Unread:
    method = place(file, start, call.expr[3][2])
    return Unread(method, place(file, call.expr[1], call.expr[2]), why, Confidence(confidence))


def _lost(engine: Engine, file: File) -> Iterator[Unread]:
    """Calls that stand in text without sense, and are no calls for the parser."""
    spans = [span for span in file.facts.errors if 0 < span[1] - span[0] < _LARGEST]
    if not spans:
        return
    known = {call.expr[3][5] for call in file.facts.calls if call.expr[3][0] == "mem"}
    seen: set[int] = set()
    for start, end in spans:
        text = file.source[start:end].decode("latin-1")
        for match in _LOST.finditer(text):
            offset = start + match.start("method")
            if offset in known or offset in seen or _commented(text, match.start()):
                continue
            seen.add(offset)
            confidence = _bound(engine, file, match["name"])
            if confidence is not None:
                method = place(file, offset, start + match.end("method"))
                call = place(file, start + match.start(), start + match.end())
                yield Unread(method, call, "it stands in text that cannot be parsed", confidence)


def _commented(text: str, offset: int) -> bool:
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return "//" in line or line.lstrip().startswith(("*", "/*"))


def _bound(engine: Engine, file: File, name: str) -> Confidence | None:
    """How sure it is that a name is a namespace's, None when nothing says so."""
    project = engine.project
    if project.bindings.kind(file.path, name)[0] in ("kv_namespaces", "option"):
        return Confidence.HIGH
    said: Mapping[str, tuple[str, int]] = project.said
    return Confidence.MEDIUM if name in said and KV_TYPE.match(said[name][0]) else None
