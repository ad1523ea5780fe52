"""Which files can matter, judged by their bytes alone: a parse costs a hundred times as much.

A file is a *seed* when it may touch a namespace. Besides the seeds, the files that import likely ones
(wrappers' callers) and the files that all of these import (constants, helpers) are candidates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_METHOD = re.compile(
    rb"\b(?:get|put|delete|list|getWithMetadata)\b[\"']?\]?\)?!?\s*(?:\?\.)?[(<,;})]|\b(?:get|put|delete|list)\s*\?\."
)
_ANY_ENV = rb"env(?<!process\.env)(?<!meta\.env)(?<![-\w$@/\"']env)"
# a search for a text that begins with a letter skips the rest; one that begins by looking back does not
_ENV = re.compile(_ANY_ENV + rb"(?![-\w$\"'/])|Env(?<!\wEnv)\b")
_FROM_ENV = re.compile(
    _ANY_ENV + rb"\b[^\n;={}]{0,80}?[\])]?[?!]?\.\s*[A-Z][A-Z0-9_]+\b"  # env.NAME, (env as any).NAME
    rb"|" + _ANY_ENV + rb"[?!]?\.?\["  # env[name]
)
_OF_ENV = re.compile(
    rb"\}\s*(?::[^=;(){}]{1,80})?=\s*[^;\n=]{0,60}" + _ANY_ENV + rb"\b"  # const { NAME } = c.env
    rb"|\}\s*:\s*\w*Env\b"  # ({ NAME }: Env) =>
)
_CAPITALS = re.compile(rb"\b[A-Z][A-Z0-9_]+\b")
_OUT_OF_ENV = re.compile(_ANY_ENV + rb"[?!]?\.(?:[A-Z][A-Z0-9_]+|\w*[kK][vV])\b")
_CARRIED = re.compile(rb"(?:\.set\(\s*[\"'][\w-]+[\"']\s*,|\.\w+\s*=(?!=))[^;=\n]*\Z")
"""What stands before it when it is put on something: `c.set("store", …`, `c.store = …`."""

_NAMED = re.compile(rb"\b_?(?:kv|KV)\b|_KV\b|[a-z]K[Vv]\b(?!\s*\()|\bkv[A-Z]|KV_")
_GLOBAL = re.compile(rb"[A-Z](?<![\w$.].)[A-Z0-9_]{2,}(?=\s*\??\.\s*(?:get|put|list|delete)\s*\()")
_WAITED = re.compile(rb"\bawait\s+([A-Za-z_$][\w$]*)\.put\(")
_ASKED = re.compile(rb"\bawait\s+\(?[\w$.?!]+\.(?:get|put|list|delete|getWithMetadata)\b")
_DECLARED = re.compile(rb"(?:const|let|var|import|class|enum|,|\{)(?=\s*([A-Za-z_$][\w$]*))")
_LOCALS = re.compile(rb"(?<![\w$])locals\b")
_SPEC = (
    re.compile(rb"from\s*[\"']([^\"'\n]+)[\"']"),
    re.compile(rb"import\s*\(?\s*[\"']([^\"'\n]+)[\"']"),
    re.compile(rb"require\s*\(\s*[\"']([^\"'\n]+)[\"']"),
)
_SURE = (b"KVNamespace", b"getWithMetadata", b"expirationTtl", b"list_complete")
_CALLS = (b"put", b"get", b"list", b"delete")
MARKER = b"kvferry:"
"""What comments begin with that are meant for us."""


class Bound:
    """Looks for uses of the bindings that are known.

    A name of one or two letters is in every file that was minified: it counts only behind an `env`, or
    as a member where a Worker's handler may stand.
    """

    def __init__(self, names: Iterable[bytes]) -> None:
        every = list(names)
        short = b"|".join(re.escape(name) for name in every if 0 < len(name) < 3)
        self._long = any_of(name for name in every if len(name) > 2)
        self._behind = re.compile(rb"env\)?[?!]?\.(?:" + short + rb")(?![\w$])") if short else None
        self._member = re.compile(rb"[.{,]\s*(?:" + short + rb")(?![\w$])") if short else None

    def used(self, source: bytes) -> bool:
        """May the source use one of them?"""
        if self._long is not None and self._long.search(source):
            return True
        if self._behind is None or self._member is None:
            return False
        if self._behind.search(source):
            return True
        handles = b"fetch" in source and (b"export default" in source or b"addEventListener" in source)
        return (handles or b"Env" in source) and self._member.search(source) is not None


def any_of(names: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """A pattern for any of the bindings that are known, None when there are none.

    It begins with a set of bytes, and looks behind only where one of them stands: so the search skips
    the rest of a file at the speed of a loop in C.
    """
    tails: dict[bytes, list[bytes]] = {}
    for name in names:
        if name:
            tails.setdefault(name[:1], []).append(re.escape(name[1:]))
    if not tails:
        return None
    firsts = b"".join(map(re.escape, tails))
    rests = (
        rb"(?<=" + re.escape(first) + rb")(?:" + b"|".join(rest) + rb")" for first, rest in tails.items()
    )
    return re.compile(rb"[" + firsts + rb"](?<![\w$].)(?:" + b"|".join(rests) + rb")(?![\w$])", re.DOTALL)


def rank(source: bytes, names: Bound) -> int:
    """How likely the file is to touch a namespace: 3 it says so, or uses one of `names`, the bindings
    that are known; 2 it has calls and takes something out of an `env`, or it has none and names one
    of `names`; 1 it has calls and an `env`, or only a name speaks for it; 0 it cannot."""
    if any(word in source for word in _SURE):
        return 3
    if b"env" in source and any(_carried(source, found.start()) for found in _OUT_OF_ENV.finditer(source)):
        return 3 if names.used(source) else 2
    if not any(word in source for word in _CALLS):
        return 2 if names.used(source) else 0  # it hands a namespace to somebody
    if names.used(source):
        return 3
    if b"addEventListener" in source and _scripted(source):
        return 2
    if b"locals" in source and _LOCALS.search(source) and _ASKED.search(source):
        return 1
    if (b"env" in source or b"Env" in source) and _METHOD.search(source) and _ENV.search(source):
        return 2 if _FROM_ENV.search(source) or _unpacked(source) else 1
    if (
        (b"KV" in source or b"kv" in source or b"Kv" in source)
        and _METHOD.search(source)
        and _NAMED.search(source)
    ):
        return 1
    return 1 if _undeclared(source, _GLOBAL.findall(source)) else 0


def _unpacked(source: bytes) -> bool:
    """Is a name in capitals taken out of an `env` by a pattern in braces? Looks back from its end, because
    a search for its beginning would try every brace, and a large table has one with much behind it."""
    for found in _OF_ENV.finditer(source):
        begin = source.rfind(b"{", source.rfind(b"}", 0, found.start()) + 1, found.start())
        if begin >= 0 and _CAPITALS.search(source, begin, found.start()):
            return True
    return False


def _carried(source: bytes, at: int) -> bool:
    return _CARRIED.search(source, max(0, at - 80), at) is not None


def _scripted(source: bytes) -> bool:
    """Is it a service worker's script with a global that is asked as a namespace is?"""
    return _undeclared(source, _WAITED.findall(source))


def _undeclared(source: bytes, names: Sequence[bytes]) -> bool:
    """Is one of the names used without being declared or imported in the file?"""
    return bool(names) and not set(names) <= set(_DECLARED.findall(source))


def specs(source: bytes) -> tuple[str, ...]:
    """The modules that a file imports, as written."""
    found: dict[str, None] = {}
    for word, pattern in zip((b"from", b"import", b"require"), _SPEC, strict=True):
        if word in source:
            for spec in pattern.findall(source):
                found[spec.decode("utf-8", "replace")] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Relevant:
    """`paths`: the files to read, sorted. `near`: those of them that stand so close to a file which
    certainly is about KV that they are worth any effort."""

    paths: list[str]
    near: frozenset[str]


def closure(
    ranks: Mapping[str, int],
    imports: Mapping[str, tuple[str, ...]],
    resolve: Callable[[str, str], str | None],
) -> Relevant:
    """The seeds, what imports the likely ones, and what all of these import."""
    targets = {
        path: [target for spec in written if (target := resolve(path, spec)) is not None]
        for path, written in imports.items()
    }
    into: dict[str, list[str]] = {}
    for path, found in targets.items():
        for target in found:
            into.setdefault(target, []).append(path)
    sure = {path for path, rank_ in ranks.items() if rank_ == 3}
    likely = {path for path, rank_ in ranks.items() if rank_ == 2}
    certain = _spread(_spread(sure, into, _EVERY), targets, _MANY)
    guessed = _spread(_spread(likely, into, _FEW), targets, _FEW) | _spread(set(ranks), targets, _ONE)
    near = _spread(sure, into, _MANY) | _spread(sure, targets, _FEW)
    return Relevant(sorted(certain | guessed), frozenset(near))


_EVERY, _MANY, _FEW, _ONE = 1_000, 4, 2, 1
"""How many imports away."""


def _spread(start: set[str], nexts: Mapping[str, list[str]], steps: int) -> set[str]:
    """The paths that are reached from `start` in so many steps."""
    found = set(start)
    level = found
    while level and steps > 0:
        level = {other for path in level for other in nexts.get(path, ())} - found
        found |= level
        steps -= 1
    return found
