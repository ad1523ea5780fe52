"""The names in a key's expression that say what kind of key it is, and those that say which one."""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.evaluation import expression_names
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Call, Expr

_HOLDERS = ("prefix", "prefixes", "keys")


def of_call(file: File, call: Call, method: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of `keys.login(id)` and `LOGIN_PREFIX + id` the makers `login` and `LOGIN_PREFIX`, and what fills
    them, `id`; a local variable stands for what it was given. Each sorted, without doubles."""
    if not call.expr[4] or method == "list":
        return (), ()
    key: Expr = _plain(call.expr[4][0])
    scope = call.scope
    if key[0] == "id":
        defines = file.defines(key[3], scope) or ()
        given = [one.value for one in defines if one.value is not None and not one.path]
        if len(defines) != 1 or not given:
            return (), ()
        key = _plain(given[0])
    makers: set[str] = set()
    fills: set[str] = set()
    if key[0] == "call":
        makers.add(expression_names.text_of(key[3]))
        parts = list(key[4])
    else:
        parts = list(_parts(key))
    for part in map(_plain, parts):
        (makers if _constant(part) else fills).add(expression_names.text_of(part))
    return tuple(sorted(makers - {""})), tuple(sorted(fills - {""}))


def _plain(expr: Expr) -> Expr:
    while expr[0] in ("await", "as"):
        expr = expr[3]
    return expr


def _parts(expr: Expr) -> Iterator[Expr]:
    """What a text is put together from."""
    if expr[0] == "tpl":
        yield from (part for part in expr[3] if not isinstance(part, str))
    elif expr[0] == "bin":
        yield from _parts(expr[4])
        yield from _parts(expr[5])
    else:
        yield expr


def _constant(expr: Expr) -> bool:
    """`PREFIX`, `this.prefix`, `PREFIXES.login`: the same for all keys of a kind?"""
    if expr[0] not in ("id", "mem"):
        return False
    name = str(expr[3] if expr[0] == "id" else expr[4])
    holder = expression_names.text_of(expr[3]) if expr[0] == "mem" else ""
    return name.isupper() or any(one.lower().endswith(_HOLDERS) for one in (name, holder))
