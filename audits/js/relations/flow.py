"""What the value of an expression flows into: other expressions, names, results of functions.

A name's uses are told apart by what can have reached them, so an assignment in between ends the flow.
Calls of the project's own functions carry what those functions give back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from audits.js.evaluation import names
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.relations import carrying
from audits.js.relations.standing import Standing, Target
from audits.js.syntax.facts import Define, Expr

_MOST = 4_000
"""How many expressions one flow may reach: enough for any function that a person can read."""


@dataclass(slots=True)
class Flow:
    """Where a value goes within one file. `reached` holds expressions by their identity, `names` the
    identities of the definitions of names, `returned` the numbers of functions, `kept` what else gets
    it."""

    file: File
    reached: dict[int, Expr] = field(default_factory=dict)
    names: set[int] = field(default_factory=set)
    returned: set[int] = field(default_factory=set)
    kept: list[tuple[Target, Expr]] = field(default_factory=list)

    def has(self, expr: Expr) -> bool:
        """Is the value in this expression?"""
        return id(expr) in self.reached


class Flows:
    """All flows of a project, each made once. `strict`: only where the value is there when it is."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._standing: dict[int, Standing] = {}
        self._flows: dict[tuple[int, int, bool], Flow] = {}
        self._parameters: dict[tuple[int, int, int], Flow] = {}

    def standing(self, file: File) -> Standing:
        """Where the expressions of a file stand."""
        found = self._standing.get(file.index)
        if found is None:
            found = self._standing[file.index] = Standing(file)
        return found

    def of(self, file: File, expr: Expr, *, strict: bool = False) -> Flow:
        """Where the value of an expression goes."""
        key = (file.index, id(expr), strict)
        found = self._flows.get(key)
        if found is None:
            walk = _Walk(self, file, strict)
            walk.push(expr)
            found = self._flows[key] = walk.run()
        return found

    def of_parameter(self, file: File, number: int, index: int) -> Flow:
        """Where what is passed to a function at one position goes."""
        key = (file.index, number, index)
        found = self._parameters.get(key)
        if found is None:
            self._parameters[key] = Flow(file)  # a function that calls itself is asked once
            walk = _Walk(self, file, False)
            walk.parameter(number, index)
            found = self._parameters[key] = walk.run()
        return found

    def passes(self, file: File, call: Expr, scope: int, index: int) -> bool | None:
        """Does the project's function that is called give back something made of that argument? None:
        it is none of the project's."""
        found = [value for value in self.engine.ask(file, call[3], scope) if value[0] == "fn"]
        if not found:
            return None
        return any(self._passed(value[1], value[2], index) for value in found)

    def _passed(self, index: int, number: int, position: int) -> bool:
        owner = self.engine.file(index)
        within = position < len(owner.facts.functions[number].params)
        return within and number in self.of_parameter(owner, number, position).returned


class _Walk:
    """One flow while it is being followed."""

    def __init__(self, flows: Flows, file: File, strict: bool) -> None:
        self._flows = flows
        self._standing = flows.standing(file)
        self._file = file
        self._strict = strict
        self._pending: list[tuple[Expr, int | None]] = []
        self._seen: set[tuple[int, int | None]] = set()
        self._tainted: set[tuple[int, int]] = set()
        self._flow = Flow(file)

    def push(self, expr: Expr, pick: int | None = None) -> None:
        """The value is in the expression, or in the part `pick` of what that one resolves to."""
        if (id(expr), pick) not in self._seen and len(self._seen) < _MOST:
            self._seen.add((id(expr), pick))
            self._pending.append((expr, pick))

    def parameter(self, number: int, index: int) -> None:
        """The value is what a function is passed at that position."""
        scope = self._file.facts.scopes[self._file.facts.functions[number].scope]
        for name, defines in scope.names.items():
            for define in defines:
                if define.kind == "param" and define.extra[0] == number and define.extra[1] == index:
                    self._taint(name, defines, define)

    def run(self) -> Flow:
        """Follow it to the end."""
        while self._pending:
            expr, pick = self._pending.pop()
            if pick is None:
                self._flow.reached[id(expr)] = expr
            around = self._standing.around.get(id(expr))
            if around is not None:
                self._outward(expr, pick, *around)
            for target in self._standing.targets.get(id(expr), ()):
                self._arrive(target, expr, pick)
        return self._flow

    def _outward(self, expr: Expr, pick: int | None, around: Expr, part: str, index: int) -> None:
        if pick is not None:
            if around[0] in ("await", "as", "set") or (around[0] == "call" and part == "argument"):
                self.push(around, pick)
            return
        if around[0] == "arr":
            outer = self._standing.around.get(id(around))
            if outer is not None and outer[0][0] == "call" and carrying.name_of(outer[0]) in carrying.GATHERS:
                self.push(outer[0], index)
                return
        waited = self._is_awaited(around)
        if self._strict:
            carries = carrying.same(around, part, index, waited)
        else:
            carries = carrying.made_of(around, part, index, waited)
            if around[0] == "call" and part == "argument":
                passes = self._flows.passes(self._file, around, self._scope(around), index)
                carries = carries if passes is None else passes
                self._change(around, index)
        if carries:
            self.push(around)
        if around[0] == "call" and part == "callee" and expr[0] == "mem":
            self._call_back(around, expr[4])

    def _is_awaited(self, call: Expr) -> bool:
        outer = self._standing.around.get(id(call))
        return outer is not None and outer[0][0] == "await"

    def _scope(self, call: Expr) -> int:
        return self._file.facts.calls[call[5]].scope

    def _call_back(self, call: Expr, name: str) -> None:
        """The functions that are passed to `.then`, `.map` … get the value or its items."""
        inline = [argument for argument in call[4] if argument[0] == "fn"]
        for argument in inline:
            for index, _ in enumerate(self._file.facts.functions[argument[3]].params):
                if carrying.items(name, index) and (name == "then" or not self._strict):
                    self.parameter(argument[3], index)
        if name == "then" and not inline:
            self.push(call)

    def _change(self, call: Expr, index: int) -> None:
        """`list.push(x)`, `Object.assign(target, x)`: what they are called on is made of `x` as well."""
        name = carrying.name_of(call)
        if name not in carrying.CHANGERS or call[3][0] != "mem":
            return
        holder = call[4][0] if name == "assign" and index > 0 else call[3][3]
        if name != "set" or self._is_map(holder, self._scope(call)):
            self._changed(holder, call[1], self._scope(call))

    def _is_map(self, holder: Expr, scope: int) -> bool:
        """`c.set`, `headers.set` put things beside each other, a map is read as a whole."""
        defines = self._file.defines(holder[3], scope) if holder[0] == "id" else None
        return any(define.value is not None and define.value[0] == "new" for define in defines or ())

    def _arrive(self, target: Target, expr: Expr, pick: int | None) -> None:
        define, defines = target.define, target.defines
        if target.kind in ("define", "default") and define is not None and defines is not None:
            if self._takes(target, define, pick):
                self._taint(target.name, defines, define)
            return
        if pick is not None:
            return
        if target.kind == "return":
            self._flow.returned.add(target.number)
            function = self._file.facts.functions[target.number]
            if function.call >= 0 and carrying.results(self._file.facts.calls[function.call].name):
                self.push(self._file.facts.calls[function.call].expr)
            return
        self._flow.kept.append((target, expr))
        if self._strict:
            return
        if target.kind == "write" and target.target is not None:
            self._changed(target.target, expr[1], target.scope)
        elif target.kind == "mutate" and define is not None and target.name not in carrying.BAGS:
            self._mutated(target.name, define.start, define.scope)

    def _takes(self, target: Target, define: Define, pick: int | None) -> bool:
        """Does the pattern of a name take the value, or the part of it that is followed?"""
        path = define.path
        if target.kind == "default":
            return True
        if pick is not None:
            if not path or path[0][0] != pick:
                return False
            path = path[1:]
        if not self._strict:
            return True
        return all(isinstance(key, int) or key in carrying.WHOLE for key, _ in path)

    def _taint(self, name: str, defines: list[Define], define: Define) -> None:
        if (id(define), 0) in self._tainted:
            return
        self._tainted.add((id(define), 0))
        self._flow.names.add(id(defines))
        for use in self._standing.users(name, defines, define):
            self.push(use)

    def _changed(self, holder: Expr, at: int, scope: int) -> None:
        """A part of this is made of the value."""
        while holder[0] in ("mem", "idx", "as", "await"):
            holder = holder[3]
        if holder[0] == "id" and holder[3] not in carrying.BAGS:
            self._mutated(holder[3], at, scope)

    def _mutated(self, name: str, at: int, scope: int) -> None:
        """The value is in what the name stands for from `at` on."""
        defines = self._file.defines(name, scope)
        if defines is None or (id(defines), at) in self._tainted:
            return
        self._tainted.add((id(defines), at))
        self._flow.names.add(id(defines))
        home = self._file.facts.scopes[scope].fn
        for use, inner in self._standing.uses.get(name, ()):
            if self._file.defines(name, inner) is not defines:
                continue
            if (
                use[1] > at
                or self._file.facts.scopes[inner].fn != home
                or names.share_loop(self._file, inner, scope)
            ):
                self.push(use)
