"""What one file says, without its syntax tree: expressions as tuples, scopes, functions, classes.

Facts know nothing of other files and hold no path, so they can be kept by the hash of the content.

An expression is `(form, start, end, …)`, offsets in bytes:

    str value · num value · tpl (text | expression)… · bool value · nul "undefined" | "null"
    id name · mem object name offset-of-name · idx object key · this · super
    call callee arguments number type-arguments · new (the same) · imp specifier · spread x
    obj entries · arr elements · fn function · cls class
    bin operator left right · log operator left right · un operator x · if condition yes no
    await x · as x type · set x (the value of an assignment) · ? (nothing is known)

An entry of `obj` is `("p", name, x)`, `("s", x)` for a spread, `("c", key, x)` for a computed key,
`("g", name, function)` for a getter. A type is a tuple as well:

    ref name arguments · obj members · union types · all types · list type · at type name
    lit value · word name · fn type · typeof name
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

VERSION = 18
"""Part of the name of what is cached: raise it when the same files would give other facts, looks or
operations. Other fields give another name by themselves, see files/shape.py."""

Expr = tuple[Any, ...]  # Any: the forms differ in shape, and a class for each costs half the speed
Type = tuple[Any, ...]
Step = tuple[Any, Expr | None]
Path = tuple[Step, ...]
"""From a value to the part that a pattern takes: (name | index | ("rest", names), default)…"""


@dataclass(slots=True)
class Define:
    """One way in which a name gets a value.

    `kind`: var, param, fn, cls, imp, for, enum, set (assigned later), mut (a property of it is
    assigned: `key` says which), declare (its type is all there is). `extra`: function or class
    number, parameter's index, (specifier, name) of an import, members of an enum.
    """

    kind: str
    start: int
    scope: int
    value: Expr | None = None
    type: Type | None = None
    path: Path = ()
    extra: Any = None
    key: str = ""
    optional: bool = False
    end: int = 0


@dataclass(slots=True)
class Scope:
    """A stretch of code with names of its own, or one that runs only on a condition.

    `kind`: module, fn, block, if, loop, case, catch. `group` and `branch` tell the arms of one
    `if` or `switch` apart, `arms` is their number when one of them always runs (else 0). `about` is
    where the condition or the iterated value stands, for a catch what was tried; `test` the condition.
    `leaves`: how an arm always ends: return, throw, continue, break, "" when it does not.
    """

    parent: int
    fn: int
    kind: str
    start: int
    end: int
    group: int = 0
    branch: int = 0
    arms: int = 0
    about: tuple[int, int] = (0, 0)
    test: Expr | None = None
    leaves: str = ""
    names: dict[str, list[Define]] = field(default_factory=dict)


@dataclass(slots=True)
class Arm:
    """A stretch inside of an expression that runs only when `test` holds, or with `holds` False when it
    does not: an arm of `? :`, what is right of `&&`, `||` and `??`. Noted only where calls
    or times are in it."""

    start: int
    end: int
    test: Expr
    holds: bool
    scope: int


@dataclass(slots=True)
class Exit:
    """A `return`, `throw`, `break` or `continue` that stands under a condition: what follows it, from
    `start` to the `end` of the function or loop, runs only when it was not come to. `scope`: its own."""

    kind: str
    start: int
    end: int
    scope: int


@dataclass(slots=True)
class Function:
    """A function, method or arrow. `cls` is the class it is a method of (-1: none), `owner` the
    object literal; `passed`: offset range of the callee it is an argument of, (0, 0) if none;
    `argument` its index there and `call` the number of that call (-1: none)."""

    name: str
    scope: int
    start: int
    end: int
    cls: int = -1
    kind: str = "function"
    static: bool = False
    params: list[Define] = field(default_factory=list)
    returns: list[tuple[Expr, int]] = field(default_factory=list)
    type: Type | None = None
    owner: Expr | None = None
    passed: tuple[int, int] = (0, 0)
    argument: int = 0
    call: int = -1
    falls: bool = True
    generator: bool = False
    exported: bool = False


@dataclass(slots=True)
class Class:
    """A class: members by name. A field's value is an expression with its scope, or None."""

    name: str
    scope: int
    start: int
    extends: Expr | None = None
    extends_types: tuple[Type, ...] = ()
    implements: tuple[Type, ...] = ()
    fields: dict[str, list[Define]] = field(default_factory=dict)
    methods: dict[str, int] = field(default_factory=dict)
    getters: dict[str, int] = field(default_factory=dict)
    statics: dict[str, list[Define]] = field(default_factory=dict)
    constructor: int = -1


@dataclass(slots=True)
class Call:
    """One call. `name` is the last name of its callee; `sink` what becomes of the result:
    awaited, returned, waitUntil, chained, stored, dropped. `spans`: where the arguments stand, noted
    only for names of a namespace's methods."""

    expr: Expr
    scope: int
    sink: str
    name: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Declared:
    """A type that the file declares: its members or what it stands for."""

    type: Type
    params: tuple[str, ...] = ()
    extends: tuple[Type, ...] = ()


@dataclass(slots=True)
class Export:
    """What a module gives out under one name: a name of its own, an expression, or another
    module's name (`spec`)."""

    local: str = ""
    value: Expr | None = None
    scope: int = 0
    spec: str = ""


@dataclass(slots=True)
class Facts:
    """All that one file says.

    `flows`: pairs of names, where what goes
    by the first can be called by the second; see aliases.py. `writes`: (target, value, scope) of
    assignments to `a[b]` and of `delete`, whose value is `nul`. `loose`: conditional expressions that
    are statements, with their scopes. `carried`: (names, value, scope) of what is assigned to
    members, `c.state.store`, see carried.py. `errors`: stretches that the parser could not read, outermost
    first. `deep`: statements were given up that nest too deeply.
    """

    scopes: list[Scope] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    exports: dict[str, list[Export]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    specs: dict[str, None] = field(default_factory=dict)
    types: dict[str, Declared] = field(default_factory=dict)
    ambient: dict[str, Declared] = field(default_factory=dict)
    globals: dict[str, list[Define]] = field(default_factory=dict)
    narrowed: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    flows: dict[tuple[str, str], None] = field(default_factory=dict)
    writes: list[tuple[Expr, Expr, int]] = field(default_factory=list)
    loose: list[tuple[Expr, int]] = field(default_factory=list)
    arms: list[Arm] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    carried: list[tuple[tuple[str, ...], Expr, int]] = field(default_factory=list)
    errors: list[tuple[int, int]] = field(default_factory=list)
    module: bool = False
    broken: bool = False
    deep: bool = False
