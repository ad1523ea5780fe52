"""Evaluates expressions of a whole project on demand: which values can this be, called from there?

*Strategy.* A query is an expression and a context (the calls that led here, see values.py). Its
answer is the least set that satisfies the code: a query that meets itself gets what is known so far
and is asked again until nothing changes; an answer that a cycle cut short is not kept. Who calls a
function is such a query itself, so no answer depends on the order of questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from audits.js.evaluation import carried, entering, instances, names, properties
from audits.js.evaluation.aliases import Aliases
from audits.js.evaluation.forms import FORMS
from audits.js.evaluation.project import File, Project
from audits.js.evaluation.values import Context, Value, Values, join, unknown
from audits.js.syntax.facts import Call, Expr

Site = tuple[int, int]
Key = tuple[object, ...]
_DEEPEST = 120
"""How many queries may nest, and how many a question may take, in files that stand near to KV and in
others. Beyond these, a query is answered with unknown, for good: code that is so entangled is none
that decides on a key or a TTL. Questions are asked in a fixed order, so this is the same each time."""
_MOST, _FEW = 1_500, 150
_TURNS = 8


@dataclass(slots=True)
class _Open:
    depth: int
    known: Values = ()
    dependents: list[Key] = field(default_factory=list)


@dataclass(slots=True)
class _Half:
    values: Values
    touched: set[Site]
    met: set[int]


class Engine:
    """The evaluation of one project. `touched`: functions whose parameters decided something since
    it was last emptied, without its being known by which call they were entered. `near`: paths of
    files that are worth more effort (None: all)."""

    def __init__(self, project: Project, near: frozenset[str] | None = None) -> None:
        self._near = near
        self._limit = _MOST
        self.project = project
        self.aliases = Aliases(project)
        self.carried = carried.table(project.files)
        self.touched: set[Site] = set()
        self.nodes: dict[tuple[object, ...], tuple[Expr, int]] = {}
        self._memo: dict[Key, tuple[Values, frozenset[Site]]] = {}
        self._provisional: dict[Key, _Half] = {}
        self._open: dict[Key, _Open] = {}
        self._stack: list[_Open] = []
        self._met: set[int] = set()
        self._steps = 0
        self._chains: dict[tuple[int, int], frozenset[Site]] = {}

    def file(self, index: int) -> File:
        """The file of that number."""
        return self.project.files[index]

    def ask(self, file: File, expr: Expr, scope: int, context: Context = ()) -> Values:
        """The values of an expression, from outside of an evaluation."""
        self._begin(file)
        return self.values(file, expr, scope, context)

    def callers_of(self, function: Site) -> tuple[Site, ...]:
        """The calls that enter a function, from outside of an evaluation."""
        self._begin(self.file(function[0]))
        return self.callers(function)

    def _begin(self, file: File) -> None:
        self._steps = 0
        self._limit = _MOST if self._near is None or file.path in self._near else _FEW
        self._met.clear()

    def values(self, file: File, expr: Expr, scope: int, context: Context) -> Values:
        """The values of an expression, sorted."""
        return FORMS[expr[0]](self, file, expr, scope, context)

    def solve(
        self, key: Key, compute: Callable[[], Values], merge: Callable[[Values, Values], Values] = join
    ) -> Values:
        """The answer to one query: kept, in progress, or computed to a fixed point.

        An answer that met a query in progress holds as long as what that one gave still stands: it is
        provisional, thrown away when that one learns more, and kept for good when that one is done.
        """
        kept = self._memo.get(key)
        if kept is not None:
            self.touched |= kept[1]
            return kept[0]
        half = self._provisional.get(key)
        if half is not None:
            self.touched |= half.touched
            self._met |= half.met
            return half.values
        running = self._open.get(key)
        if running is not None:
            self._met.add(running.depth)
            return running.known
        depth = len(self._stack)
        self._steps += 1
        if depth > _DEEPEST or self._steps > self._limit:
            return () if key[0] == "callers" else (unknown(),)
        outer_touched, outer_met = self.touched, self._met
        entry = self._open[key] = _Open(depth)
        self._stack.append(entry)
        for _ in range(_TURNS):
            self.touched, self._met = set(), set()
            result = compute()
            if depth not in self._met or result == entry.known:
                break
            entry.known = merge(entry.known, result)
            for dependent in entry.dependents:
                del self._provisional[dependent]
            entry.dependents.clear()
        self._stack.pop()
        del self._open[key]
        self._met.discard(depth)
        self._settle(key, entry, result)
        self.touched |= outer_touched
        self._met |= outer_met
        return result

    def _settle(self, key: Key, entry: _Open, result: Values) -> None:
        """Keep an answer and those that waited for it, or let them wait for the next one."""
        self._provisional[key] = _Half(result, set(self.touched), set(self._met))
        for waiting in (key, *entry.dependents):
            half = self._provisional[waiting]
            if waiting != key:
                half.touched |= self.touched
                half.met.discard(entry.depth)
                half.met |= self._met
            if half.met:
                self._stack[max(half.met)].dependents.append(waiting)
            else:
                self._memo[waiting] = (half.values, frozenset(half.touched))
                del self._provisional[waiting]

    def callers(self, function: Site) -> tuple[Site, ...]:
        """The calls that enter a function, sorted: those whose callee is that very function."""
        found = self.solve(("callers", function), lambda: self._callers(function), _united)
        return tuple((site[0], site[1]) for site in found)

    def _callers(self, function: Site) -> Values:
        found = []
        for index, number in self.aliases.calls_of(function):
            file = self.file(index)
            call = file.facts.calls[number]
            values = self.values(file, call.expr[3], call.scope, ())
            if any(self._enters(call, value, function) for value in values):
                found.append((index, number))
        return tuple(found)

    def _enters(self, call: Call, value: Value, function: Site) -> bool:
        if value[0] == "fn":
            return (value[1], value[2]) == function
        if value[0] == "cls" and (call.expr[0] == "new" or call.expr[3][0] == "super"):
            return instances.constructor(self, value[1], value[2]) == function
        return False

    def look_up(self, file: File, name: str, at: int, scope: int, context: Context) -> Values:
        """The values of a name, see names.py. This and what follows is here so that the files of the
        evaluation, which all need each other, need not know each other."""
        return names.look_up(self, file, name, at, scope, context)

    def property_of(self, value: Value, name: str) -> Values:
        """A property of one value."""
        return properties.of(self, value, name)

    def properties_of(self, values: Values, name: str) -> Values:
        """The property of that name of every value."""
        return properties.of_all(self, values, name)

    def each_of(self, values: Values) -> Values:
        """What iterating over the values gives."""
        return properties.of_each(self, values)

    def element_of(self, values: Values, index: int) -> Values:
        """The element at an index."""
        return properties.element_all(self, values, index)

    def returned(self, function: Value, frame: Context) -> Values:
        """What a function gives when it is entered so."""
        return entering.returned(self, function, frame)

    def restrict(self, file: File, scope: int, context: Context) -> Context:
        """The frames of functions that enclose the scope: no other can matter there."""
        if not context:
            return context
        chain = self.chain(file, scope)
        return tuple(frame for frame in context if (frame[0], frame[1]) in chain)

    def chain(self, file: File, scope: int) -> frozenset[Site]:
        """The functions around a scope, and the constructors of the classes around it."""
        key = (file.index, scope)
        found = self._chains.get(key)
        if found is None:
            found = self._chains[key] = frozenset(self._enclosing(file, scope))
        return found

    def _enclosing(self, file: File, scope: int) -> Iterator[Site]:
        facts = file.facts
        while scope >= 0:
            number = facts.scopes[scope].fn
            if number < 0:
                return
            function = facts.functions[number]
            yield file.index, number
            if function.cls >= 0:
                constructor = instances.constructor(self, file.index, function.cls)
                if constructor is not None:
                    yield constructor
            scope = facts.scopes[function.scope].parent

    def remember(self, file: File, expr: Expr, scope: int) -> None:
        """Make an expression that a value names by its place findable."""
        self.nodes[(file.index, expr[1], expr[2])] = (expr, scope)


def _united(first: Values, second: Values) -> Values:
    return tuple(sorted({*first, *second}))
