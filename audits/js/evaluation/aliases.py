"""Under which names a function may be called: a rough, cheap answer that leaves the exact question
to the evaluation.

Everything here goes by names alone. A function called `save` may be called as `put` where the code
says `put = save`, `{ put: save }`, `import { save as put }` or `register(save)` with a parameter
`put`. Special names stand for what has none: `f()` for what `f` returns, `f#1` for the second
argument of calls of `f`, `default` for a module's default export, and `@n` for the n-th function of
a file that has no name. Only files that are linked by imports can call each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from audits.js.syntax.facts import Expr
from audits.js.syntax.sources import sources

if TYPE_CHECKING:
    from audits.js.evaluation.project import File, Project

_FURTHEST = 400
_Site = tuple[int, int]


class _Group:
    """Files that are linked by imports, directly or not."""

    def __init__(self, files: list[File]) -> None:
        self.files = files
        self.calls: dict[str, list[_Site]] = {}
        self.forward: dict[str, set[str]] = {}
        self.backward: dict[str, set[str]] = {}
        for file in files:
            for number, call in enumerate(file.facts.calls):
                self.calls.setdefault(call.name, []).append((file.index, number))
            for source, target in _flows(file):
                self.forward.setdefault(source, set()).add(target)
                self.backward.setdefault(target, set()).add(source)

    def reached(self, names: Iterable[str]) -> set[str]:
        """The names, and all by which the same may be called."""
        found = set(names)
        pending = sorted(found, reverse=True)
        while pending and len(found) < _FURTHEST:
            for name in sorted(self._next(pending.pop())):
                if name not in found:
                    found.add(name)
                    pending.append(name)
        return found

    def _next(self, name: str) -> Iterator[str]:
        yield from self.forward.get(name, ())
        if name.endswith("()"):
            for other in self.forward.get(name[:-2], ()):
                yield other + "()"
        elif "#" in name:
            head, _, index = name.rpartition("#")
            for other in self.backward.get(head, ()):
                yield f"{other}#{index}"


def _flows(file: File) -> Iterator[tuple[str, str]]:
    """Pairs of names as in `Facts.flows`, functions without a name told apart from those elsewhere."""
    parts = (_of_functions, _of_variables, _of_classes, _of_exports, _of_arguments)
    for source, target in chain(file.facts.flows, *(part(file) for part in parts)):
        yield _local(file, source), target


def _local(file: File, name: str) -> str:
    return f"{file.index}:{name}" if name.startswith("@") else name


def _from(value: Expr | None, target: str) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield from ((source, target) for source in sources(value))


def _of_functions(file: File) -> Iterator[tuple[str, str]]:
    for number, function in enumerate(file.facts.functions):
        own = function.name or _local(file, f"@{number}")
        if function.name:
            yield f"@{number}", function.name
        called = file.facts.classes[function.cls].name if function.kind == "constructor" else own
        for index, define in enumerate(function.params):
            if define.key:
                yield f"{called}#{index}", define.key
            yield from _from(define.value, define.key)
        for value, _ in function.returns:
            yield from _from(value, f"{own}()")


def _of_variables(file: File) -> Iterator[tuple[str, str]]:
    for scope in file.facts.scopes:
        for name, defines in scope.names.items():
            for define in defines:
                if define.kind == "imp" and define.extra[1] not in ("*", name):
                    yield define.extra[1], name
                elif define.path and isinstance(define.path[-1][0], str) and define.path[-1][0] != "each":
                    yield define.path[-1][0], name
                elif define.kind in ("var", "set", "for"):
                    yield from _from(define.value, name)


def _of_classes(file: File) -> Iterator[tuple[str, str]]:
    for made in file.facts.classes:
        yield from _from(made.extends, made.name)  # what has no constructor is made by the one above
        for name, defines in chain(made.fields.items(), made.statics.items()):
            for define in defines:
                yield from _from(define.value, name)


def _of_exports(file: File) -> Iterator[tuple[str, str]]:
    for public, exports in file.facts.exports.items():
        for export in exports:
            if export.local and export.local != public:
                yield export.local, public
            yield from _from(export.value, "default" if public == "*" else public)


def _of_arguments(file: File) -> Iterator[tuple[str, str]]:
    for call in file.facts.calls:
        for index, argument in enumerate(call.expr[4][:6]) if call.name and len(call.expr) > 4 else ():
            if argument[0] in ("id", "mem", "fn", "call", "as"):
                yield from _from(argument, f"{call.name}#{index}")


class Aliases:
    """Answers for a whole project, group by group, each made when it is first asked for."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._groups: dict[int, _Group] = {}
        self._members: dict[int, list[File]] = {}
        self._head: dict[int, int] = {}
        self._reached: dict[tuple[int, frozenset[str]], set[str]] = {}
        self._link()

    def _link(self) -> None:
        """Files that import each other, however indirectly, get the same head."""
        parent = {file.index: file.index for file in self._project.files}

        def head(index: int) -> int:
            while parent[index] != index:
                parent[index] = parent[parent[index]]
                index = parent[index]
            return index

        for file in self._project.files:
            for spec in file.facts.specs:
                target = self._project.resolve(file, spec)
                if target is not None:
                    first, second = sorted((head(file.index), head(target)))
                    parent[second] = first
        for file in self._project.files:
            self._head[file.index] = head(file.index)
            self._members.setdefault(head(file.index), []).append(file)

    def _group(self, index: int) -> _Group:
        head = self._head[index]
        if head not in self._groups:
            self._groups[head] = _Group(self._members[head])
        return self._groups[head]

    def _names(self, index: int, names: frozenset[str]) -> set[str]:
        key = (self._head[index], names)
        if key not in self._reached:
            self._reached[key] = self._group(index).reached(names)
        return self._reached[key]

    def calls_of(self, function: _Site) -> list[_Site]:
        """The calls that may enter a function, sorted."""
        file = self._project.files[function[0]]
        made = file.facts.functions[function[1]]
        names = {f"{file.index}:@{function[1]}", made.name}
        if made.kind == "constructor":
            names = {file.facts.classes[made.cls].name, "super", ""}
        group = self._group(function[0])
        reached = self._names(function[0], frozenset(names - {""}))
        found = {site for name in reached for site in group.calls.get(name, ())}
        if any(name.endswith("()") for name in reached) or made.kind == "constructor":
            found.update(group.calls.get("", ()))
        if made.kind == "constructor":
            found.update(group.calls.get("super", ()))
        return sorted(found)

    def may_be(self, index: int, name: str, methods: Iterable[str]) -> bool:
        """May a function of that name be one of these methods?"""
        return name in self._names(index, frozenset(methods))
