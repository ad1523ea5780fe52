"""Branches for a namespace that is not bound: `if (!env.SESSIONS) return json({ error: "…" }, 503)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.places import place
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Expr, Scope
from audits.operation import Branch, Confidence, Operation

_LIKELY = re.compile(r"kv|session|store|cache|namespace", re.IGNORECASE)
_LONGEST = 160
_MOST = 40


@dataclass(frozen=True, slots=True)
class _Known:
    """How the namespaces of the project's operations are called."""

    names: frozenset[str]
    bindings: dict[str, Confidence]
    receivers: dict[tuple[str, str], Operation]
    operations: tuple[Operation, ...]

    def of(self, file: File, number: int, binding: str, receiver: str) -> tuple[Operation, ...]:
        """What is done to a namespace in a function, or else anywhere."""
        wanted = set(binding.split("|")) - {""}
        same = [
            one
            for one in self.operations
            if wanted & set(one.binding.split("|"))
            or (not wanted and one.place.path == file.path and _plain(one.receiver) == receiver)
        ]
        function = file.facts.functions[number] if number >= 0 else None
        here = [
            one
            for one in same
            if function is not None
            and one.place.path == file.path
            and function.start <= one.place.start < function.end
        ]
        return tuple((here or same)[:_MOST])


def find(engine: Engine, operations: Sequence[Operation]) -> list[Branch]:
    """The branches, sorted."""
    known = _known(operations)
    found: dict[Branch, None] = {}
    for file in engine.project.files if known.names else ():
        for scope in file.facts.scopes:
            if scope.kind == "if" and scope.test is not None and scope.leaves in ("return", "throw"):
                for branch in _branch(engine, file, scope, known):
                    found[branch] = None
    return sorted(found)


def _known(operations: Sequence[Operation]) -> _Known:
    bindings: dict[str, Confidence] = {}
    receivers: dict[tuple[str, str], Operation] = {}
    names: set[str] = set()
    for operation in operations:
        receiver = _plain(operation.receiver)
        receivers.setdefault((operation.place.path, receiver), operation)
        names.add(receiver.rpartition(".")[2])
        for name in operation.binding.split("|"):
            bindings[name] = max(bindings.get(name, Confidence.LOW), operation.confidence)
            names.add(name)
    bindings.pop("", None)
    return _Known(frozenset(names - {""}), bindings, receivers, tuple(operations))


def _plain(receiver: str) -> str:
    return receiver.replace("?", "").replace("!", "")


def _branch(engine: Engine, file: File, scope: Scope, known: _Known) -> Iterator[Branch]:
    assert scope.test is not None
    for asked in _missing(scope.test, scope.branch == 0):
        name = expression_names.text_of(asked).rpartition(".")[2]
        if asked[0] not in ("id", "mem") or not (name in known.names or _LIKELY.search(name)):
            continue
        judged = _judged(engine, file, asked, scope.parent, known)
        if judged is None:
            continue
        binding, confidence = judged
        number = file.facts.scopes[scope.parent].fn
        yield Branch(
            place=place(file, asked[1], asked[2]),
            arm=place(file, scope.start, scope.end),
            binding=binding,
            receiver=" ".join(file.text(asked[1], asked[2]).split()),
            confidence=confidence,
            leaves=scope.leaves,
            text=" ".join(file.text(scope.start, scope.end).split())[:_LONGEST],
            function=file.facts.functions[number].name if number >= 0 else "",
            operations=known.of(file, number, binding, expression_names.chain_text(asked)),
        )
        return


def _judged(
    engine: Engine, file: File, asked: Expr, scope: int, known: _Known
) -> tuple[str, Confidence] | None:
    """The namespace that is asked for, and how certain it is one."""
    values = engine.ask(file, asked, scope)
    spaces = [value for value in values if value[0] == "kv"]
    if spaces:
        bindings = sorted({space[1] for space in spaces if space[1]})
        return "|".join(bindings), Confidence(max(space[2] for space in spaces))
    for value in values:
        if value[0] == "u" and value[3] in ("env", "global", "process") and value[1] in known.bindings:
            return str(value[1]), known.bindings[value[1]]
    operation = known.receivers.get((file.path, expression_names.chain_text(asked)))
    unclear = bool(values) and all(value[0] in ("u", "nul") for value in values)
    return (operation.binding, operation.confidence) if operation is not None and unclear else None


def _missing(test: Expr, holds: bool) -> Iterable[Expr]:
    """What is certainly not there, or may not be, when the condition is `holds`."""
    kind = test[0]
    if kind == "un" and test[3] == "!":
        return _missing(test[4], not holds)
    if kind == "log":
        return (*_missing(test[4], holds), *_missing(test[5], holds))
    if kind == "bin" and test[3] in ("===", "==", "!==", "!="):
        equal = (test[3][0] == "=") == holds
        if equal and test[5][0] == "nul":
            return (test[4],)
        typed = test[4][0] == "un" and test[4][3] == "typeof" and test[5][0] == "str"
        return (test[4][4],) if typed and equal and test[5][3] == "undefined" else ()
    return (test,) if kind in ("id", "mem") and not holds else ()
