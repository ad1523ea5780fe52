"""Finds in a key's expression the one variable part behind its constant prefix, if that is certain.

Much stricter than a template: the part must be an expression of the call's own file that means the
same where the call stands, so that somebody can write it there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.kv import text_types
from audits.js.syntax.facts import Define, Expr, Function
from audits.operation import KeyId

_DEEPEST = 6
_RANDOM = re.compile(r"\b(?:randomUUID|getRandomValues)\s*\(")
_GENERATORS = {"nanoid", "ulid", "uuid", "uuidv4", "uuidv7", "cuid", "createId"}


@dataclass(frozen=True, slots=True)
class _Found:
    """`part` stands in the scope `where`; `moved`: somewhere else than in the call. `text`: the helper
    that takes it takes nothing but text."""

    prefix: str
    part: Expr
    where: int
    moved: bool = False
    text: bool = False


def of(engine: Engine, file: File, expr: Expr, scope: int) -> KeyId | None:
    """The key that an expression makes, None when it is not certain to be a prefix and a part."""
    found = _found(engine, file, expr, scope, 0) or _bare(engine, file, expr, scope)
    if found is None or (found.moved and not means_the_same(file, found.part, found.where, scope)):
        return None
    text = found.text or text_types.is_text(engine, file, found.part, found.where)
    fresh = _fresh(engine, file, found.part, found.where)
    name = expression_names.text_of(found.part)
    made_of = tuple(sorted(set(_hashed(file, found.part, found.where))))
    return KeyId(found.prefix, found.part[1], found.part[2], name, text, fresh, made_of)


def means_the_same(file: File, expr: Expr, there: int, here: int) -> bool:
    """Has a chain of names the same value in both scopes, whatever happens between them?"""
    while expr[0] == "mem":
        expr = expr[3]
    if expr[0] == "this":
        return _this(file, there) == _this(file, here)
    if expr[0] != "id":
        return False
    defines = file.defines(expr[3], there)
    if defines is None:
        return file.defines(expr[3], here) is None
    return len(defines) == 1 and file.defines(expr[3], here) is defines


def single(file: File, name: str, scope: int) -> Define | None:
    """The definition of a name that is defined once and never changed, nor a property of it."""
    defines = file.defines(name, scope)
    return defines[0] if defines is not None and len(defines) == 1 else None


def _this(file: File, scope: int) -> int:
    """The function that `this` belongs to."""
    number = file.facts.scopes[scope].fn
    while number >= 0 and file.facts.functions[number].kind == "arrow":
        number = file.facts.scopes[file.facts.scopes[file.facts.functions[number].scope].parent].fn
    return number


def _found(engine: Engine, file: File, expr: Expr, scope: int, depth: int) -> _Found | None:
    """A variable's value, a helper's result, or constants with exactly one part behind them."""
    if depth > _DEEPEST:
        return None
    if expr[0] == "id":
        define = single(file, expr[3], scope)
        if define is None or define.kind != "var" or define.value is None or define.path:
            return None
        found = _found(engine, file, define.value, define.scope, depth + 1)
        return replace(found, moved=True) if found is not None else None
    if expr[0] == "call":
        return _of_helper(engine, file, expr, scope, depth)
    pieces = list(_pieces(expr))
    if len(pieces) < 2:
        return None
    *constants, last = pieces
    texts = [p if isinstance(p, str) else _constant(engine, file, p, scope) for p in constants]
    if isinstance(last, str) or _constant(engine, file, last, scope) is not None or None in texts:
        return None
    return _Found("".join(text for text in texts if text is not None), last, scope)


def _bare(engine: Engine, file: File, expr: Expr, scope: int) -> _Found | None:
    """A key that is nothing but an id, of which nothing else is known."""
    if expression_names.chain_text(expr) == "":
        return None
    values = engine.ask(file, expr, scope)
    return _Found("", expr, scope) if values and all(value[0] == "u" for value in values) else None


def _pieces(expr: Expr) -> Iterator[str | Expr]:
    """What a template or a sum of texts is made of."""
    if expr[0] == "tpl":
        yield from (part for part in expr[3] if part != "")
    elif expr[0] == "bin" and expr[3] == "+":
        if expr[4][0] == "bin":
            yield from _pieces(expr[4])
        else:
            yield expr[4][3] if expr[4][0] == "str" else expr[4]
        yield expr[5][3] if expr[5][0] == "str" else expr[5]


def _constant(engine: Engine, file: File, expr: Expr, scope: int) -> str | None:
    """The only text that an expression can be, whoever calls the function that it is in."""
    before, engine.touched = engine.touched, set()
    values = engine.ask(file, expr, scope)
    by_callers, engine.touched = engine.touched, before
    if by_callers or len(values) != 1 or values[0][0] != "str":
        return None
    if not all(isinstance(part, str) for part in values[0][1]):
        return None
    return "".join(values[0][1])


def _of_helper(engine: Engine, file: File, expr: Expr, scope: int, depth: int) -> _Found | None:
    """`sessionKey(id)`, where the helper does nothing but join a prefix and its parameter."""
    values = engine.ask(file, expr[3], scope)
    if len(values) != 1 or values[0][0] != "fn" or not all(map(_plain, expr[4])):
        return None
    home = engine.file(values[0][1])
    helper = home.facts.functions[values[0][2]]
    if len(helper.returns) != 1 or helper.generator or not _only_returns(home, helper):
        return None
    returned, inner = helper.returns[0]
    found = _found(engine, home, returned, inner, depth + 1)
    define = single(home, found.part[3], found.where) if found is not None and found.part[0] == "id" else None
    if found is None or define is None or define.kind != "param" or define.path or define.value is not None:
        return None
    number, index, rest = define.extra
    if number != values[0][2] or rest or len(expr[4]) <= index:
        return None
    text = define.type == ("word", "string") and not define.optional
    return _Found(found.prefix, expr[4][index], scope, text=text)


def _plain(expr: Expr) -> bool:
    """May an argument be left out, or evaluated at another time?"""
    return expr[0] in ("str", "num") or expression_names.chain_text(expr) != ""


def _only_returns(file: File, helper: Function) -> bool:
    """Does the body consist of nothing but its `return`?"""
    returned, _ = helper.returns[0]
    before, after = file.text(helper.start, returned[1]), file.text(returned[2], helper.end)
    if re.fullmatch(r"[\s)]*;?\s*}?\s*", after) is None or re.match(
        r"(?:export\s+)?(?:default\s+)?async\b", before
    ):
        return False
    return re.search(r"(?:=>|\{\s*return)[\s(]*$", before) is not None


def _hashed(file: File, part: Expr, scope: int) -> Iterator[str]:
    """The names of what a hash makes the part of: the same again and again."""
    define = single(file, part[3], scope) if part[0] == "id" else None
    value = define.value if define is not None and not define.path else part
    while value is not None and value[0] in ("await", "as"):
        value = value[3]
    if value is None or value[0] != "call":
        return
    if _HASHES.search(expression_names.text_of(value[3]).rpartition(".")[2]) is None:
        return
    pending: list[Expr] = list(value[4])
    while pending:
        expr = pending.pop()
        if name := expression_names.text_of(expr):
            yield name
        elif expr[0] == "tpl":
            pending += [one for one in expr[3] if not isinstance(one, str)]
        elif expr[0] == "bin":
            pending += expr[4:6]
        elif expr[0] == "call":
            pending += expr[4]


_HASHES = re.compile(r"hash|sha\d|digest|hmac|md5|btoa|base64|encode|derive|uuidv?5", re.IGNORECASE)


def _fresh(engine: Engine, file: File, part: Expr, scope: int) -> bool:
    """Was the part made at random in this very function?"""
    define = single(file, part[3], scope) if part[0] == "id" else None
    if define is None or define.kind != "var" or define.path or define.value is None:
        return False
    if file.facts.scopes[define.scope].fn != file.facts.scopes[scope].fn:
        return False
    value = define.value[3] if define.value[0] == "await" else define.value
    if value[0] != "call":
        return False
    name = expression_names.text_of(value[3]).rpartition(".")[2]
    found = engine.ask(file, value[3], define.scope)
    if name == "randomUUID" or (name in _GENERATORS and all(one[0] in ("u", "ext") for one in found)):
        return True
    if len(found) != 1 or found[0][0] != "fn":
        return False
    home = engine.file(found[0][1])
    made = home.facts.functions[found[0][2]]
    return _RANDOM.search(home.text(made.start, made.end)) is not None
