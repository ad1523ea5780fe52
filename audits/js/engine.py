"""Evaluates expressions of a whole project on demand: which values can this be, called from there?

*Strategy.* A query is an expression and a context (the calls that led here, see values.py). Its
answer is the least set that satisfies the code: a query that meets itself gets what is known so far
and is asked again until nothing changes; an answer that a cycle cut short is not kept. Who calls a
function is such a query itself, so no answer depends on the order of questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from audits.js import calling, names, properties, types_meant
from audits.js.aliases import Aliases
from audits.js.facts import Call, Expr, Path
from audits.js.project import File, Project
from audits.js.values import NOTHING, Context, Value, Values, join, trim, truth, unknown

Site = tuple[int, int]
Key = tuple[object, ...]
_DEEPEST = 120
"""Beyond these two, a query is answered with unknown, for good: code that is so entangled is none
that decides on a key or a TTL. Questions are asked in a fixed order, so this is the same each time."""
_MOST = 4_000
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
    it was last emptied, without its being known by which call they were entered."""

    def exported(self, index: int, name: str) -> Values:
        """What the module at `index` exports under a name."""
        return names.exported(self, index, name)

    def walk(self, file: File, values: Values, path: Path, scope: int, context: Context, name: str) -> Values:
        """Follow a pattern's path from a value to one of its parts."""
        return names.walk(self, file, values, path, scope, context, name)

    def look_up(self, file: File, name: str) -> Values:
        """What a name means at the end of the file's top level."""
        return names.look_up(self, file, name, 1 << 40, 0, ())

    def __init__(self, project: Project) -> None:
        self.project = project
        self.aliases = Aliases(project)
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
        self._steps = 0
        self._met.clear()
        return self.values(file, expr, scope, context)

    def values(self, file: File, expr: Expr, scope: int, context: Context) -> Values:
        """The values of an expression, sorted."""
        return _FORMS[expr[0]](self, file, expr, scope, context)

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
        if depth > _DEEPEST or self._steps > _MOST:
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
        met, touched = self._met, self.touched
        if not met:
            self._memo[key] = (result, frozenset(touched))
            for dependent in entry.dependents:
                half = self._provisional.pop(dependent)
                self._memo[dependent] = (half.values, frozenset(half.touched | touched))
            return
        deepest = max(met)
        self._provisional[key] = _Half(result, set(touched), set(met))
        for dependent in entry.dependents:
            half = self._provisional[dependent]
            half.touched |= touched
            half.met.discard(entry.depth)
            half.met |= met
        self._stack[deepest].dependents += [key, *entry.dependents]

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
            return properties.constructor(self, value[1], value[2]) == function
        return False

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
                constructor = properties.constructor(self, file.index, function.cls)
                if constructor is not None:
                    yield constructor
            scope = facts.scopes[function.scope].parent

    def remember(self, file: File, expr: Expr, scope: int) -> None:
        """Make an expression that a value names by its place findable."""
        self.nodes[(file.index, expr[1], expr[2])] = (expr, scope)


def _united(first: Values, second: Values) -> Values:
    return tuple(sorted({*first, *second}))


# ---------------------------------------------------------------- one function per form


def _string(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("str", (expr[3],) if expr[3] else ()),)


def _number(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("num", expr[3]),)


def _bool(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("bool", expr[3]),)


def _nothing(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (NOTHING,)


def _unknown(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (unknown(),)


def _name(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    context = engine.restrict(file, scope, context)
    found = engine.solve(
        (id(expr), context), lambda: names.look_up(engine, file, expr[3], expr[1], scope, context)
    )
    return file.narrow(expr[3], expr[1], found)


def _member(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    context = engine.restrict(file, scope, context)

    def compute() -> Values:
        holders = engine.values(file, expr[3], scope, context)
        return properties.of_all(engine, holders, expr[4], properties.text_of(expr[3]))

    found = engine.solve((id(expr), context), compute)
    path = properties.chain_text(expr) if NOTHING in found and len(found) > 1 else ""
    return file.narrow(path, expr[1], found) if path else found


def _index(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    context = engine.restrict(file, scope, context)

    def compute() -> Values:
        holders = engine.values(file, expr[3], scope, context)
        keys = engine.values(file, expr[4], scope, context)
        return properties.at_all(engine, holders, keys, properties.text_of(expr[4]))

    return engine.solve((id(expr), context), compute)


def _object(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    engine.remember(file, expr, scope)
    return (("obj", file.index, expr[1], expr[2], trim(engine.restrict(file, scope, context)), ()),)


def _array(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    engine.remember(file, expr, scope)
    return (("arr", file.index, expr[1], expr[2], trim(engine.restrict(file, scope, context))),)


def _function(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    this = names.this_of(engine, file, scope, context)
    return (("fn", file.index, expr[3], trim(engine.restrict(file, scope, context), 2), this),)


def _class(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("cls", file.index, expr[3], trim(engine.restrict(file, scope, context), 1)),)


def _await(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return engine.values(file, expr[3], scope, context)


def _cast(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    found = engine.values(file, expr[3], scope, context)
    return types_meant.coerce(engine, file, found, expr[4], properties.text_of(expr[3]))


def _set(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return engine.values(file, expr[3], scope, context)


def _choice(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    holds = truth(engine.values(file, expr[3], scope, context))
    if holds is None and _presence(expr[3], expr[4]) and names.is_parameter(file, expr[3], scope):
        holds = names.given(engine.values(file, expr[3], scope, context))
    arms = [arm for arm, want in ((expr[4], True), (expr[5], False)) if holds in (None, want)]
    return join(*(engine.values(file, arm, scope, context) for arm in arms))


def _presence(condition: Expr, arm: Expr) -> bool:
    """`ttl ? { expirationTtl: ttl } : undefined` asks only whether there is a ttl."""
    return condition[0] in ("id", "mem") and arm[0] == "obj" and _mentions(arm, condition)


def _mentions(expr: Expr, wanted: Expr) -> bool:
    for entry in expr[3]:
        value = entry[2] if entry[0] == "p" else None
        if value is not None and value[0] == wanted[0] and value[3:5] == wanted[3:5]:
            return True
        if (
            value is not None
            and value[0] == "mem"
            and properties.chain_text(value) == properties.chain_text(wanted)
        ):
            return True
    return False


def _logic(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    left = engine.values(file, expr[4], scope, context)
    holds = truth(left)
    if expr[3] == "&&":
        if holds is None and _presence(expr[4], expr[5]) and names.is_parameter(file, expr[4], scope):
            holds = names.given(left)
        if holds is False:
            return left
        right = engine.values(file, expr[5], scope, context)
        return right if holds else join(right, (NOTHING,))
    if holds or (expr[3] == "??" and left and all(v[0] in _PRESENT for v in left)):
        return left
    kept = tuple(v for v in left if v[0] != "nul" and (expr[3] == "??" or truth((v,)) is not False))
    kept = tuple((*v[:4], False) if v[0] == "u" else v for v in kept)
    return join(kept, engine.values(file, expr[5], scope, context))


_PRESENT = ("str", "num", "bool", "obj", "arr", "fn", "cls", "inst", "kv", "kvm", "env", "mod")


def _unary(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    inner = engine.values(file, expr[4], scope, context)
    if expr[3] == "!" and (holds := truth(inner)) is not None:
        return (("bool", not holds),)
    if expr[3] == "-" and all(v[0] == "num" for v in inner):
        return join(("num", -v[1]) for v in inner)
    if expr[3] == "+":
        return inner
    return (NOTHING,) if expr[3] == "void" else (unknown(),)


def _spread(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (unknown(properties.text_of(expr[3])),)


_Form = Callable[[Engine, File, Expr, int, Context], Values]
_FORMS: dict[str, _Form] = {
    "str": _string,
    "num": _number,
    "bool": _bool,
    "nul": _nothing,
    "?": _unknown,
    "id": _name,
    "mem": _member,
    "idx": _index,
    "obj": _object,
    "arr": _array,
    "fn": _function,
    "cls": _class,
    "await": _await,
    "as": _cast,
    "set": _set,
    "if": _choice,
    "log": _logic,
    "un": _unary,
    "spread": _spread,
    "tpl": calling.template,
    "bin": calling.binary,
    "call": calling.call,
    "new": calling.new,
    "imp": names.required,
    "this": names.this,
    "super": names.super_class,
}
