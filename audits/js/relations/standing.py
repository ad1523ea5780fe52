"""Where each expression of a file stands: what is around it, and what gets the value of the outermost.

Facts go from the whole to its parts. Here the way leads from a part outwards, and from a name to its
uses, which is what it takes to say where a value goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.evaluation import names
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Define, Expr

_MOST = 20_000
"""How many pairs of a use and a definition one name may have: with more, nothing is said of any."""

Around = tuple[Expr, str, int]
"""The expression around one, the part that it is there, and its index among several."""


@dataclass(frozen=True, slots=True)
class Target:
    """What gets a value. `kind`: define (a name, with all that defines it in `defines`), default (the
    same when there is nothing else), mutate (a part of that name's value), write (`a[b]`, which is
    `target`), member (of a class or of all files), return (of function `number`)."""

    kind: str
    name: str = ""
    define: Define | None = None
    defines: list[Define] | None = None
    target: Expr | None = None
    scope: int = 0
    number: int = -1


def parts(expr: Expr) -> Iterator[tuple[str, int, Expr]]:
    """The expressions directly inside, each with the part that it is."""
    kind = expr[0]
    if kind in ("await", "as", "set", "spread", "mem"):
        yield "inner", 0, expr[3]
    elif kind == "idx":
        yield "inner", 0, expr[3]
        yield "index", 0, expr[4]
    elif kind in ("call", "new"):
        yield "callee", 0, expr[3]
        for index, argument in enumerate(expr[4]):
            yield "argument", index, argument
    elif kind in ("bin", "log"):
        yield "left", 0, expr[4]
        yield "right", 0, expr[5]
    elif kind == "un":
        yield "inner", 0, expr[4]
    elif kind == "if":
        yield from (("test", 0, expr[3]), ("yes", 0, expr[4]), ("no", 0, expr[5]))
    elif kind == "arr":
        yield from (("element", index, part) for index, part in enumerate(expr[3]))
    elif kind == "tpl":
        yield from (("piece", 0, part) for part in expr[3] if not isinstance(part, str))
    elif kind == "obj":
        for entry in expr[3]:
            if entry[0] in ("p", "c"):
                yield "entry", 0, entry[2]
            elif entry[0] == "s":
                yield "spread", 0, entry[1]


class Standing:
    """The expressions of one file, each known by its identity. `tests`: the scopes whose condition one is."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.around: dict[int, Around] = {}
        self.targets: dict[int, list[Target]] = {}
        self.uses: dict[str, list[tuple[Expr, int]]] = {}
        self.tests: dict[int, list[int]] = {}
        self._seen: set[int] = set()
        self._users: dict[int, dict[int, list[Expr]]] = {}
        self._meant: dict[str, dict[int, list[tuple[Expr, int]]]] = {}
        roots = list(self._roots())
        for expr, _, target in roots:
            if target is not None:
                self.targets.setdefault(id(expr), []).append(target)
        for expr, scope, _ in sorted(roots, key=lambda root: (root[0][1] - root[0][2], root[0][1])):
            self._enter(expr, scope)

    def _roots(self) -> Iterator[tuple[Expr, int, Target | None]]:
        """The outermost expressions, with their scopes and with what gets their values."""
        facts = self.file.facts
        for number, scope in enumerate(facts.scopes):
            if scope.test is not None:
                self.tests.setdefault(id(scope.test), []).append(number)
                yield scope.test, scope.parent, None
            for name, defines in scope.names.items():
                for define in defines:
                    yield from self._of_define(name, define, defines, number)
        for number, function in enumerate(facts.functions):
            for expr, inner in function.returns:
                yield expr, inner, Target("return", number=number, scope=inner)
        for written, value, inner in facts.writes:
            yield written, inner, None
            yield value, inner, Target("write", target=written, scope=inner)
        for made in facts.classes:
            for table in (made.fields, made.statics):
                for name, defines in table.items():
                    for define in defines:
                        if define.value is not None:
                            target = Target("member", name, define, defines, scope=define.scope)
                            yield define.value, define.scope, target
        for name, defines in facts.globals.items():
            for define in defines:
                if define.value is not None:
                    yield define.value, define.scope, Target("member", name, define, defines)
        yield from ((expr, inner, None) for expr, inner in facts.loose)
        yield from ((call.expr, call.scope, None) for call in facts.calls)

    def _of_define(
        self, name: str, define: Define, defines: list[Define], scope: int
    ) -> Iterator[tuple[Expr, int, Target | None]]:
        kind = "mutate" if define.kind == "mut" else "define"
        if define.value is not None:
            yield define.value, define.scope, Target(kind, name, define, defines, scope=scope)
        for _, default in define.path:
            if default is not None:
                yield default, define.scope, Target("default", name, define, defines, scope=scope)

    def _enter(self, expr: Expr, scope: int) -> None:
        pending = [expr]
        while pending:
            here = pending.pop()
            if id(here) in self._seen:
                continue
            self._seen.add(id(here))
            if here[0] == "id":
                self.uses.setdefault(here[3], []).append((here, scope))
            for part, index, inner in parts(here):
                self.around.setdefault(id(inner), (here, part, index))
                pending.append(inner)

    def outward(self, expr: Expr) -> Iterator[Around]:
        """What is around an expression, innermost first, within one function and statement."""
        found = self.around.get(id(expr))
        while found is not None:
            yield found
            found = self.around.get(id(found[0]))

    def root(self, expr: Expr) -> Expr:
        """The outermost expression around one."""
        for around, _, _ in self.outward(expr):
            expr = around
        return expr

    def users(self, name: str, defines: list[Define], define: Define) -> list[Expr]:
        """The uses of a name that one of its definitions can have reached."""
        table = self._users.get(id(defines))
        if table is None:
            table = self._users[id(defines)] = {}
            uses = self._meaning(name).get(id(defines), [])
            for use, scope in uses if len(uses) * len(defines) <= _MOST else ():
                for found in names.reaching(self.file, defines, use[1], scope):
                    table.setdefault(id(found), []).append(use)
        return table.get(id(define), [])

    def _meaning(self, name: str) -> dict[int, list[tuple[Expr, int]]]:
        """The uses of a name with their scopes, by the identity of the definitions that they mean."""
        table = self._meant.get(name)
        if table is None:
            table = self._meant[name] = {}
            for use in self.uses.get(name, ()):
                table.setdefault(id(self.file.defines(name, use[1])), []).append(use)
        return table
