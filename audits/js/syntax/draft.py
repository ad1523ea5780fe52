"""The facts of one file while they are being collected: where the walk stands, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audits.js.syntax.facts import Arm, Call, Class, Define, Exit, Expr, Facts, Function, Path, Scope
from audits.js.syntax.grammar import Node
from audits.js.syntax.sources import sources

Lower = Callable[["Draft", Node, str], Expr]
Take = Callable[["Draft", Node], None]
Member = tuple[str, tuple[str, ...], Expr, int, int]


class Draft:
    """State of the walk: the current scope, function and class, and the names to resolve at the end."""

    def __init__(
        self, source: bytes, expressions: Mapping[str, Lower], statements: Mapping[str, Take]
    ) -> None:
        self.expressions = expressions
        self.statements = statements
        self.source = source
        self.text = source.decode("ascii") if source.isascii() else None
        self.facts = Facts()
        self.scope = 0
        self.fn = -1
        self.cls = -1
        self.documented = b"/**" in source and (b"KVNamespace" in source or b"@typedef" in source)
        self.doc = ""
        self.defined: list[tuple[int, str]] = []
        self.assigned: list[tuple[str, int, Define]] = []
        self.members: list[Member] = []
        self.facts.scopes.append(Scope(-1, -1, "module", 0, len(source)))

    def slice(self, node: Node) -> str:
        """The source of a node."""
        if self.text is not None:
            return self.text[node.start_byte : node.end_byte]
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def cut(self, start: int, end: int) -> str:
        """The source between two offsets."""
        if self.text is not None:
            return self.text[start:end]
        return self.source[start:end].decode("utf-8", "replace")

    def enter(self, kind: str, node: Node, about: Node | None = None, branch: int = 0, group: int = 0) -> int:
        """Open a scope inside the current one; returns the one to go back to."""
        before = self.scope
        span = (about.start_byte, about.end_byte) if about is not None else (0, 0)
        scope = Scope(before, self.fn, kind, node.start_byte, node.end_byte, group, branch, about=span)
        self.facts.scopes.append(scope)
        self.scope = len(self.facts.scopes) - 1
        return before

    def define(self, name: str, define: Define, hoist: bool = False) -> None:
        """Give a name of the current scope a value; `hoist`: of the function's scope (var)."""
        at = self.scope
        if hoist:
            while self.facts.scopes[at].kind not in ("fn", "module"):
                at = self.facts.scopes[at].parent
        self.facts.scopes[at].names.setdefault(name, []).append(define)
        self.defined.append((at, name))

    def function(self, name: str, node: Node, kind: str) -> int:
        """Begin a function: its number."""
        self.facts.functions.append(
            Function(name, 0, node.start_byte, node.end_byte, self.cls if kind in _METHODS else -1, kind)
        )
        return len(self.facts.functions) - 1

    def klass(self, name: str, node: Node) -> int:
        """Begin a class: its number."""
        self.facts.classes.append(Class(name, self.scope, node.start_byte))
        return len(self.facts.classes) - 1

    def call(self, expr: Expr, sink: str, name: str, spans: tuple[tuple[int, int], ...] = ()) -> None:
        """Note a call under the number that its expression holds."""
        self.facts.calls[expr[5]] = Call(expr, self.scope, sink, name, spans)

    def give_up(self, around: tuple[int, int, int], calls: int) -> None:
        """Go on behind a statement that nests too deeply, where `around` are scope, function and class,
        and there had been so many calls: those of which it kept us from the end say nothing."""
        self.scope, self.fn, self.cls = around
        self.facts.deep = True
        for number in range(calls, len(self.facts.calls)):
            if self.facts.calls[number].expr[0] == "?":
                nothing = ("call", 0, 0, ("?", 0, 0), (), number, ())
                self.facts.calls[number] = Call(nothing, self.scope, "stored", "")

    def flow(self, value: Expr | None, name: str) -> None:
        """What the value is a function of can be called by that name."""
        if value is not None:
            for source in sources(value):
                if source != name:
                    self.facts.flows[(source, name)] = None

    def narrow(self, path: str, start: int, end: int) -> None:
        """Between the two offsets the value of `path` is neither null nor undefined."""
        self.facts.narrowed.setdefault(path, []).append((start, end))

    def arm(self, calls: int, node: Node | None, test: Expr, holds: bool) -> None:
        """The node runs only under a condition; noted when calls came since there were so many, or when it
        gives a time."""
        if node is None:
            return
        if len(self.facts.calls) > calls or b"expiration" in self.source[node.start_byte : node.end_byte]:
            found = Arm(node.start_byte, node.end_byte, test, holds, self.scope)
            self.facts.arms.append(found)

    def exit(self, kind: str, node: Node) -> None:
        """A statement that leaves its function or loop; noted when it stands under a condition."""
        at, conditional = self.scope, False
        ends = ("fn", "module") if kind in ("return", "throw") else ("fn", "module", "loop")
        while self.facts.scopes[at].kind not in ends:
            if kind == "break" and self.facts.scopes[at].kind == "case":
                return
            conditional = conditional or self.facts.scopes[at].kind in ("if", "case", "catch")
            at = self.facts.scopes[at].parent
        if conditional:
            found = Exit(kind, node.end_byte, self.facts.scopes[at].end, self.scope)
            self.facts.exits.append(found)

    def assign(self, name: str, value: Expr, path: Path, start: int, end: int) -> None:
        """`name = value`, to be added to the name's definitions when all are known."""
        self.assigned.append((name, self.scope, Define("set", start, self.scope, value, path=path, end=end)))

    def finish(self) -> Facts:
        """Give assignments to the names that they change."""
        for name, scope, define in self.assigned:
            found = self._declaring(name, scope)
            if found is None:
                self.facts.globals.setdefault(name, []).append(define)
            else:
                found.append(define)
        for name, path, value, scope, start in self.members:
            self.flow(value, path[-1])
            define = Define("mut", start, scope, value, key=path[0], path=tuple((k, None) for k in path))
            if name != "this" and value[0] in ("mem", "id", "as", "log"):
                self.facts.carried.append(((name, *path), value, scope))
            if name == "this":
                self._member_of_this(path, define)
            elif name in _GLOBAL_OBJECTS and len(path) == 1:
                define.kind = "set"
                define.path = ()
                self.facts.globals.setdefault(path[0], []).append(define)
            elif (found := self._declaring(name, scope)) is not None:
                found.append(define)
        return self.facts

    def _declaring(self, name: str, scope: int) -> list[Define] | None:
        while scope >= 0:
            here = self.facts.scopes[scope]
            if name in here.names:
                return here.names[name]
            scope = here.parent
        return None

    def _member_of_this(self, path: tuple[str, ...], define: Define) -> None:
        number = self.class_of(define.scope)
        if number >= 0 and len(path) == 1:
            define.kind = "set"
            define.path = ()
            self.facts.classes[number].fields.setdefault(path[0], []).append(define)

    def class_of(self, scope: int) -> int:
        """The class whose instance `this` is in that scope, -1: none."""
        fn = self.facts.scopes[scope].fn
        while fn >= 0:
            function = self.facts.functions[fn]
            if function.kind != "arrow":
                return function.cls
            fn = self.facts.scopes[self.facts.scopes[function.scope].parent].fn
        return -1


_METHODS = ("method", "getter", "setter", "constructor", "static")
_GLOBAL_OBJECTS = ("globalThis", "self", "window")
