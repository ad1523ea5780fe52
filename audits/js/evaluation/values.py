"""What an expression can be: abstract values as plain tuples, compared and sorted by content.

    ("str", parts)                       text; a part is a string or ("h", name, helper) for a hole
    ("num", n) · ("bool", b) · ("nul",)  constants; undefined and null are one
    ("obj", file, start, ctx, added)     an object literal; added: (name, file, start, end, certain)
    ("arr", file, start, ctx)            an array literal
    ("fn", file, number, ctx, this)      a function with the frames that it closes over
    ("cls", file, number, ctx)           a class
    ("inst", file, number, site, ctx)    an instance; site: (file, call number) or None for any
    ("kv", binding, confidence, kind, text, place)
    ("kvm", kv, method)                  a namespace's method taken off it
    ("list", prefix, step)               what a namespace's list gave; step: "", keys, key, texts
    ("env", type, file)                  the bindings of a Worker; type None: not declared
    ("ty", type, file, name)             only its type is known
    ("mod", file) · ("ext", module, name)
    ("other", what)                      known to be no KV namespace
    ("u", name, helper, origin, maybe)   unknown; maybe: it may be missing

A frame of a context says by which call a function was entered: `(file, function, file of the call,
number of the call, its context, this)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Value = tuple[Any, ...]
Values = tuple[Value, ...]
Frame = tuple[Any, ...]
Context = tuple[Frame, ...]

LIMIT = 12
"""No set of values is larger; what would be is cut in a fixed order."""
NOTHING: Value = ("nul",)
DEPTH = 3
"""How deep calls are told apart by where they come from."""


def unknown(name: str = "", helper: str = "", origin: str = "", maybe: bool = False) -> Value:
    """A value of which only a name is known."""
    return ("u", name, helper, origin, maybe)


def join(*groups: Iterable[Value]) -> Values:
    """One sorted set without doubles."""
    merged = {value: None for group in groups for value in group}
    if len(merged) < 2:
        return tuple(merged)
    return tuple(sorted(merged, key=repr)[:LIMIT])


def trim(context: Context, depth: int = DEPTH) -> Context:
    """The context without what lies deeper."""
    if depth <= 0 or not context:
        return ()
    return tuple((*f[:4], trim(f[4], depth - 1), bound(f[5], depth - 1)) for f in context)


def bound(this: Value | None, depth: int) -> Value | None:
    """`this` of a frame, its own context trimmed."""
    if this is not None and this[0] == "inst":
        return (*this[:4], trim(this[4], min(depth, 1)))
    return this


GENERIC = {
    "id",
    "key",
    "k",
    "name",
    "value",
    "val",
    "token",
    "uuid",
    "v",
    "x",
    "t",
    "i",
    "n",
    "s",
    "code",
    "hash",
}
"""Names that say nothing without what they belong to."""


def better(own: str, inner: str) -> str:
    """Of two names for one thing, the one that says more; `own` is nearer to the key."""
    if not inner or (own and own.lower() not in GENERIC):
        return own or inner
    return own if inner.rpartition(".")[2].lower() in GENERIC and "." not in inner else inner


def truth(values: Values) -> bool | None:
    """True or false when all values agree, None otherwise."""
    found = {_truth(value) for value in values}
    return found.pop() if len(found) == 1 else None


def _truth(value: Value) -> bool | None:
    kind = value[0]
    if kind == "nul":
        return False
    if kind in ("num", "bool"):
        return bool(value[1])
    if kind == "str":
        return True if any(isinstance(p, str) and p for p in value[1]) else None if value[1] else False
    if kind in ("u", "other", "ext", "ty"):
        return None
    return True


ENV_NAMES = {"env", "bindings", "environment", "cfEnv", "workerEnv", "cloudflareEnv", "runtimeEnv"}
"""What people call the bindings of a Worker."""
