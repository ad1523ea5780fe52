"""What the options of a KV call say: the TTL verdict, `cacheTtl`, metadata, and the key's templates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audits.js.around import guards
from audits.js.evaluation import expression_names, properties, templates, type_members
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.evaluation.values import LIMIT, NOTHING, Context, Value, Values, join
from audits.js.syntax import numbers
from audits.js.syntax.facts import Expr
from audits.operation import Has, Hole, Number, Template, Ttl

_KNOWN_LITERALS = ("str", "num", "bool")


@dataclass(frozen=True, slots=True)
class Where:
    """A call's place in the evaluation."""

    engine: Engine
    file: File
    scope: int
    context: Context

    def values(self, expr: Expr) -> Values:
        """The values of an expression here."""
        return self.engine.values(self.file, expr, self.scope, self.context)


def keys(where: Where, expr: Expr | None) -> tuple[Template, ...]:
    """Every template that a key can be."""
    if expr is None:
        return (Template(unknown=True),)
    values = where.values(expr)
    if any(value[0] == "arr" for value in values):
        values = properties.of_each(where.engine, values)
    return of_values(values, expression_names.text_of(expr))


def in_order(found: Iterable[Template]) -> tuple[Template, ...]:
    """Without doubles, sorted as they read; some differ only in what made their holes."""
    return tuple(sorted(set(found), key=lambda template: (str(template), repr(template))))


def of_values(values: Values, name: str) -> tuple[Template, ...]:
    """Templates of values; without undefined where there is anything else."""
    kept = [value for value in values if value[0] != "nul"]
    found = {_template(value, name) for value in kept}
    if len(found) > 1:
        found.discard(Template(unknown=True))
    return in_order(found)[:LIMIT] or (Template(unknown=True),)


def _template(value: Value, name: str) -> Template:
    parts = templates.merged(templates.parts_of(value, name))
    made = tuple(part if isinstance(part, str) else _hole(part) for part in parts)
    if len(made) == 1 and made[0] == Hole():
        return Template(unknown=True)
    return Template(made)


def _hole(part: object) -> Hole:
    assert isinstance(part, tuple)
    return Hole(str(part[1]), str(part[2]))


def ttl(where: Where, arguments: tuple[Expr, ...]) -> Ttl:
    """The verdict on a put called from here."""
    spread = any(argument[0] == "spread" for argument in arguments[:3])
    if spread:
        return Ttl(Has.UNKNOWN, why="the arguments are spread")
    if len(arguments) < 3:
        return Ttl(Has.NO, why="no options are passed")
    options = where.values(arguments[2])
    verdicts = [_of_options(where, value) for value in options]
    return combined(verdicts) if verdicts else Ttl(Has.UNKNOWN, why="the options are not known")


def _of_options(where: Where, value: Value) -> Ttl:
    kind = value[0]
    if kind in ("nul", "bool"):
        return Ttl(Has.NO, why="the options are undefined")
    if kind not in ("obj", "ty", "inst"):
        return Ttl(Has.UNKNOWN, why="the options are not known")
    if kind == "ty":
        return _of_type(where, value)
    ttl_values = properties.of(where.engine, value, "expirationTtl")
    expiration_values = properties.of(where.engine, value, "expiration")
    first, second = _given(ttl_values), _given(expiration_values)
    has = _either(first, second)
    written = [name for name in ("expirationTtl", "expiration") if _source(where.engine, value, name)]
    why = {
        Has.NO: f"{written[0]} is undefined"
        if written
        else "the options have neither expirationTtl nor expiration",
        Has.MAYBE: "the option can be undefined",
        Has.UNKNOWN: "the options are not known",
    }
    return Ttl(
        has,
        number(where, value, "expirationTtl", ttl_values) if first != Has.NO else None,
        number(where, value, "expiration", expiration_values) if second != Has.NO else None,
        why=why.get(has, ""),
    )


def _of_type(where: Where, value: Value) -> Ttl:
    """Options of which only the type is known: one that it requires is there."""
    file = where.engine.file(value[2])
    for name in ("expirationTtl", "expiration"):
        said = type_members.members(where.engine, file, value[1], name)
        if said and not any(optional for _, _, optional in said):
            return Ttl(
                Has.YES,
                Number() if name == "expirationTtl" else None,
                Number() if name == "expiration" else None,
            )
    return Ttl(Has.UNKNOWN, why="only the options' type is known")


def _given(values: Values) -> Has:
    """Is an option there?"""
    there = [value for value in values if value[0] != "nul"]
    if not there:
        return Has.NO
    vague = [value for value in there if value[0] == "u" and value[4]]
    if vague and any(value[3] == "spread" for value in vague):
        return Has.UNKNOWN
    if len(there) < len(values):
        return Has.MAYBE
    return Has.UNKNOWN if vague else Has.YES


def _either(first: Has, second: Has) -> Has:
    for has in (Has.YES, Has.MAYBE, Has.UNKNOWN):
        if has in (first, second):
            if has == Has.MAYBE and first == second:
                return Has.MAYBE
            return has
    return Has.NO


def combined(verdicts: Iterable[Ttl]) -> Ttl:
    """One verdict of several branches or callers."""
    found = list(verdicts)
    kinds = {verdict.has for verdict in found}
    if kinds == {Has.NO}:
        has = Has.NO
    elif Has.NO in kinds or Has.MAYBE in kinds:
        has = Has.MAYBE
    elif Has.UNKNOWN in kinds:
        has = Has.UNKNOWN
    else:
        has = Has.YES
    why = next((v.why for v in found if v.has == Has.NO), next((v.why for v in found if v.why), ""))
    if has == Has.MAYBE and Has.NO in kinds:
        why = f"on some way {why}"
    return Ttl(
        has,
        _together([v.ttl for v in found]),
        _together([v.expiration for v in found]),
        tuple(sorted({place for v in found for place in v.without})),
        why if has != Has.YES else "",
    )


def _together(numbers: list[Number | None]) -> Number | None:
    found = [number for number in numbers if number is not None]
    if not found:
        return None
    values = tuple(sorted({value for number in found for value in number.values}))
    texts = sorted({number.text for number in found if number.text})
    return Number(values, all(number.exact for number in found), texts[0] if texts else "")


def together_or_none(numbers: list[Number | None]) -> Number | None:
    """The values of an option on every way, None when some way has none."""
    return None if None in numbers else _together(numbers)


def number(where: Where, holder: Value, name: str, values: Values) -> Number:
    """An option's value with its source, and without the numbers that it cannot be there."""
    there = [value for value in values if value[0] != "nul"]
    there = [value for value in there if value[0] != "num" or _can_be(where.engine, holder, name, value[1])]
    constants = tuple(sorted({value[1] for value in there if value[0] == "num"}))
    exact = bool(there) and all(value[0] == "num" for value in there)
    return Number(constants, exact, _source(where.engine, holder, name))


def _can_be(engine: Engine, holder: Value, name: str, constant: float) -> bool:
    """Do the conditions on a variable let it be that number where it is given as an option?"""
    entry = _entry(engine, holder, name)
    if entry is None or entry[0] != "id":
        return True
    file = engine.file(holder[1])
    _, scope = engine.nodes[(holder[1], holder[2], holder[3])]
    conditions = [(one.test, one.holds) for one in guards.before(file, entry[1], scope)]
    return all(numbers.allows(test, holds, entry[3], constant) for test, holds in conditions)


def _entry(engine: Engine, holder: Value, name: str) -> Expr | None:
    """The expression that an object literal gives a property."""
    if holder[0] != "obj" or any(added[0] == name for added in holder[5]):
        return None
    expr, _ = engine.nodes[(holder[1], holder[2], holder[3])]
    return next((entry[2] for entry in expr[3] if entry[0] == "p" and entry[1] == name), None)


def _source(engine: Engine, holder: Value, name: str) -> str:
    if holder[0] != "obj":
        return ""
    for added in holder[5]:
        if added[0] == name:
            return engine.file(added[1]).text(added[2], added[3])
    expr, _ = engine.nodes[(holder[1], holder[2], holder[3])]
    for entry in expr[3]:
        if entry[0] == "p" and entry[1] == name:
            return engine.file(holder[1]).text(entry[2][1], entry[2][2])
    return ""


def option(where: Where, expr: Expr | None, name: str) -> tuple[Number | None, Has]:
    """An option of a get, list or put: its number and whether it is there."""
    if expr is None:
        return None, Has.NO
    groups: list[Has] = []
    found: list[Number | None] = []
    for value in where.values(expr):
        if value[0] in ("obj", "ty"):
            got = properties.of(where.engine, value, name)
            has = _given(got) if value[0] == "obj" or got != (NOTHING,) else Has.NO
            if value[0] == "ty":
                has = Has.UNKNOWN
            groups.append(has)
            found.append(number(where, value, name, got) if has != Has.NO else None)
        elif value[0] in ("nul", *_KNOWN_LITERALS):
            groups.append(Has.NO)
        else:
            groups.append(Has.UNKNOWN)
    kinds = set(groups)
    if not kinds or kinds == {Has.NO}:
        return None, Has.NO
    has = (
        Has.MAYBE
        if Has.NO in kinds or Has.MAYBE in kinds
        else Has.UNKNOWN
        if Has.UNKNOWN in kinds
        else Has.YES
    )
    return _together(found), has


def prefixes(where: Where, expr: Expr | None) -> tuple[Template, ...]:
    """The templates of a list's prefix; the empty one when it lists everything."""
    if expr is None:
        return (Template(),)
    groups: list[Values] = []
    for value in where.values(expr):
        if value[0] == "obj":
            groups.append(properties.of(where.engine, value, "prefix"))
        elif value[0] == "nul":
            groups.append((NOTHING,))
        else:
            groups.append(())
    values = join(*groups)
    if not values:
        return (Template(unknown=True),)
    found = of_values(values, "prefix") if any(v[0] != "nul" for v in values) else ()
    return in_order({*found, *([Template()] if NOTHING in values else [])})
