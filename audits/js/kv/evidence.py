"""Judges receivers of which neither configuration nor types say what they are: by use and by name.

One use that only a namespace allows speaks for every call on the same receiver, and one that a
namespace does not allow speaks against them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from audits.js.evaluation import expression_names, properties
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.evaluation.types_meant import kv
from audits.js.evaluation.values import Value, Values
from audits.js.kv.options import Where
from audits.js.syntax.facts import Call, Define, Expr

Group = tuple[str, str]
FOREIGN = {
    "set", "has", "append", "getAll", "entries", "head", "createMultipartUpload", "resumeMultipartUpload",
    "idFromName", "idFromString", "newUniqueId", "getByName", "prepare", "exec", "batch", "match",
    "fetch", "transaction", "objectStore", "createIndex", "getSetCookie", "post", "patch", "route", "use",
    "setex", "expire", "hget", "hset", "incr", "deleteAll", "setAlarm", "getAlarm", "send", "sendBatch",
    "blockConcurrencyWhile", "toString", "getItem", "setItem", "openCursor", "getAllKeys", "listen",
    "enqueue", "atomic", "clear", "size", "sort", "push", "request", "upload", "query", "insert",
    "update", "upsert", "peek",
}  # fmt: skip
_KV_NAME = re.compile(r"^[#_]*kv$|^[#_]*kv[A-Z_]|Kv$|KV$|_kv$|KV_|_KV_|^KV|[kK]vNamespace|[kK]vStore")
_LIKELY = re.compile(
    r"SESSION|CACHE|TOKEN|STORE|STATE|CONFIG|RATE|LIMIT|AUTH|USER|DATA|LINK|URL|FLAG|SETTING"
)
_BUCKET = re.compile(
    r"R2|BUCKET|BLOB|FILES?$|IMAGES?|MEDIA|ASSETS|UPLOAD|STORAGE|ARCHIVE|BACKUP|PHOTO|AVATAR|ATTACH",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    r"^DB$|_DB$|DATABASE|QUEUE|_DO$|DURABLE|D1|OBJECT|ROOM|COUNTER|VECTOR|AI$|HYPERDRIVE|SERVICE"
)
_AS_BUCKET = re.compile(r"\.(?:httpEtag|writeHttpMetadata|httpMetadata|customMetadata|checksums)\b")
_OPTIONS = ("expirationTtl", "expiration", "metadata")
_SCRIPT = re.compile(rb"addEventListener\(\s*[\"'`]fetch[\"'`]")
_READ_TYPES = {"json", "text", "arrayBuffer", "stream"}


@dataclass(slots=True)
class Uses:
    """What is known of one receiver from all calls on it. `unfit`: it is given what a namespace does
    not take; in a Worker's `env` that is a mistake, elsewhere it is another kind of store. `elsewhere`: a
    method that no namespace has is called on it. `script`: it is used in a service worker's script that
    loads no other one."""

    strong: list[tuple[str, int, int]] = field(default_factory=list)
    methods: dict[str, int] = field(default_factory=dict)
    foreign: bool = False
    two: bool = False
    waited: bool = False
    keyed: bool = False
    classic: bool = False
    unfit: bool = False
    elsewhere: bool = False
    script: bool = False


def group_of(file: File, value: Value, receiver: Expr, scope: int) -> Group:
    """Which receivers are one and the same: bindings by name everywhere, others within their file."""
    if value[3] in ("env", "global", "process"):
        return "", str(value[1])
    text = expression_names.chain_text(receiver) or str(value[1])
    if text.startswith("this."):
        return f"{file.path}#{file.class_around(scope)}", text
    head = text.partition(".")[0]
    defines = file.defines(head, scope)
    if defines and head == text and (maker := _maker(defines)):
        return "", f"{maker}()"
    return f"{file.path}@{defines[0].start if defines else -1}", text


def _maker(defines: list[Define]) -> str:
    """The function whose result a variable is: `const binding = getBinding(options)`."""
    value = defines[0].value if len(defines) == 1 and not defines[0].path else None
    while value is not None and value[0] in ("await", "as"):
        value = value[3]
    return str(value[3][3]) if value is not None and value[0] == "call" and value[3][0] == "id" else ""


def note(uses: Uses, where: Where, call: Call, method: str) -> None:
    """Add what one call says of its receiver."""
    arguments = call.expr[4]
    uses.methods[method] = uses.methods.get(method, 0) + 1
    if method in FOREIGN:
        uses.elsewhere = True
        return
    _note_manner(uses, where, call)
    if method == "getWithMetadata":
        uses.strong.append(("getWithMetadata is called on it", where.file.index, call.expr[1]))
    elif method == "put":
        _note_put(uses, where, call)
    elif method == "get" and len(arguments) > 1:
        _note_get(uses, where, call)
    elif method == "list" and arguments and _is_text(where, arguments[0]):
        uses.unfit = True
    elif method == "list" and "list_complete" in _around(where, call):
        uses.strong.append(("its list is followed by list_complete", where.file.index, call.expr[1]))


def _is_text(where: Where, expr: Expr) -> bool:
    """A prefix by itself: a namespace's list takes an object."""
    values = where.values(expr)
    return bool(values) and all(value[0] == "str" for value in values)


def _note_manner(uses: Uses, where: Where, call: Call) -> None:
    arguments = call.expr[4]
    keys = where.values(arguments[0]) if arguments else ()
    uses.waited |= call.sink in ("awaited", "returned", "waitUntil", "chained")
    uses.keyed |= bool(keys) and all(value[0] == "str" for value in keys)
    source = where.file.source
    uses.classic |= b"addEventListener(" in source
    uses.script |= b"importScripts" not in source and _SCRIPT.search(source) is not None
    uses.foreign |= call.name == "get" and _AS_BUCKET.search(_around(where, call)) is not None
    # a router is given a path and a handler, a cache a request
    uses.foreign |= bool(arguments) and any(v[0] in ("fn", "other") for v in where.values(arguments[-1]))


def _around(where: Where, call: Call) -> str:
    """The text of the function around a call."""
    number = where.file.facts.scopes[call.scope].fn
    function = where.file.facts.functions[number] if number >= 0 else None
    return where.file.text(function.start, function.end) if function is not None else ""


def _note_put(uses: Uses, where: Where, call: Call) -> None:
    arguments = call.expr[4]
    if len(arguments) < 2:
        uses.foreign = True
        return
    uses.two = True
    uses.unfit |= any(value[0] in ("obj", "arr", "num", "bool") for value in where.values(arguments[1]))
    if len(arguments) < 3:
        return
    for value in where.values(arguments[2]):
        uses.foreign |= value[0] == "fn"
        uses.unfit |= value[0] == "num"
        if value[0] != "obj":
            continue
        uses.foreign |= any(_odd(name) for name in properties.names_of(where.engine, value))
        for name in _OPTIONS:
            if _has(where.engine, value, name):
                uses.strong.append((f"put is given {name}", where.file.index, call.expr[1]))


def _odd(option: str) -> bool:
    """An option that no namespace has, and that is no misspelling of one that it has."""
    lower = option.lower()
    return option not in _OPTIONS and "ttl" not in lower and not lower.startswith("exp")


def _note_get(uses: Uses, where: Where, call: Call) -> None:
    for value in where.values(call.expr[4][1]):
        if value[0] == "str" and value[1] in {(name,) for name in _READ_TYPES}:
            uses.strong.append((f"get is asked for {value[1][0]}", where.file.index, call.expr[1]))
        elif value[0] == "obj":
            if _has(where.engine, value, "cacheTtl"):
                uses.strong.append(("get is given cacheTtl", where.file.index, call.expr[1]))
            of = properties.of(where.engine, value, "type")
            if any(v[0] == "str" and v[1] in {(name,) for name in _READ_TYPES} for v in of):
                uses.strong.append(("get is asked for a type", where.file.index, call.expr[1]))
            if any(_has(where.engine, value, name) for name in ("headers", "params", "range", "onlyIf")):
                uses.foreign = True
        elif value[0] == "fn":
            uses.foreign = True


def _has(engine: Engine, value: Value, name: str) -> bool:
    return any(
        found[0] != "nul" and found[2:4] != ("", "spread") for found in properties.of(engine, value, name)
    )


def judge(values: Values, group: Group, uses: Uses, bound_as: Value | None = None) -> Value | None:
    """The namespace that an unknown receiver is taken for, None when it is not. `bound_as`: what the
    configuration or a type says of a binding of that name."""
    value = subject(values)
    if value is None or uses.foreign:
        return None
    in_env = value[0] == "u" and value[3] == "env"
    if not in_env and any(v[0] in ("other", "ext") for v in values):
        return None  # what is in the Worker's env may have a stand-in
    if uses.elsewhere and not (in_env and uses.strong):
        return None
    name = str(value[1] if value[0] == "u" else value[3])
    last = group[1].rpartition(".")[2] or name
    bound = value[0] == "u" and value[3] in ("env", "global", "process")
    if uses.unfit and not bound:
        return None
    binding = name if (bound and value[3] != "global") or name.isupper() else ""
    if uses.strong:
        text, index, offset = uses.strong[0]
        return kv(binding, 2, "usage-shape", text, (index, offset))
    if value[0] == "ty":
        return None
    if value[3] == "env":
        return _by_env(name, uses)
    if bound_as is not None and (value[3] == "prop" or last.isupper()):
        if bound_as[0] != "kv" or not (uses.waited or uses.two):
            return None
        return kv(last, 2, "known-name", f"its name is that of a binding: {bound_as[4]}", bound_as[5])
    if _KV_NAME.search(last) and (uses.waited or uses.two):
        # nothing but a binding is a string in process.env elsewhere and has put here
        classic = uses.classic and value[3] == "global" and name.isupper()
        sure = 2 if classic or (value[3] == "process" and uses.two) else 1
        return kv(binding, sure, "name", f"its name, {last}, is one that namespaces have", None)
    seen = uses.two or (uses.waited and _LIKELY.search(name) is not None)
    if value[3] in ("global", "process") and name.isupper() and seen and not _not_kv(name):
        return kv(name, 2 if uses.classic else 1, "name", f"{name} is a global that nothing declares", None)
    if value[3] == "global" and uses.script and uses.two and uses.waited:
        return kv(name, 2, "name", f"{name} is a global that nothing declares, in a service worker", None)
    if last.isupper() and uses.waited and _LIKELY.search(last) and not _not_kv(last):
        return kv(last, 1, "name", f"its name, {last}, is one that namespaces have", None)
    return None


def subject(values: Values) -> Value | None:
    """What may be a namespace among the values: best a thing of the Worker's `env`."""
    found = [v for v in values if v[0] in ("u", "ty")]
    return next((v for v in found if v[0] == "u" and v[3] == "env"), found[0] if found else None)


def _by_env(name: str, uses: Uses) -> Value | None:
    """An undeclared name in `env`: only namespaces and buckets have `put` there."""
    if _KV_NAME.search(name):
        return kv(name, 2, "env-name", f"{name} is in the Worker's env and is called as a namespace", None)
    if uses.two and not _BUCKET.search(name):
        text = f"{name} is in the Worker's env, has put, and nothing speaks against a namespace"
        return kv(name, 2, "env-put", text, None)
    if _not_kv(name):
        return None
    if uses.keyed and uses.waited:
        text = f"{name} is in the Worker's env and asked for keys of text"
        return kv(name, 2 if _LIKELY.search(name) else 1, "env-use", text, None)
    if _LIKELY.search(name) and uses.waited:
        text = f"{name} is in the Worker's env and its name is one that namespaces have"
        return kv(name, 1, "env-name", text, None)
    return None


def _not_kv(name: str) -> bool:
    return bool(_BUCKET.search(name) or _OBJECT.search(name)) and not _KV_NAME.search(name)
