"""Which files can matter, judged by their bytes alone: a parse costs a hundred times as much.

A file is a *seed* when it may touch a namespace. Besides the seeds, the files that import likely ones
(wrappers' callers) and the files that all of these import (constants, helpers) are candidates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

_METHOD = re.compile(
    rb"\b(?:get|put|delete|list|getWithMetadata)\b[\"']?\]?\)?!?\s*(?:\?\.)?[(<,;})]|\b(?:get|put|delete|list)\s*\?\."
)
_ENV = re.compile(rb"(?<!process\.)(?<!meta\.)(?<![-\w$@/\"'])env(?![-\w$\"'/])|\bEnv\b")
_NAMED = re.compile(rb"\b(?:kv|KV)\b|_KV\b|[a-z]K[Vv]\b(?!\s*\()|\bkv[A-Z]|KV_")
_GLOBAL = re.compile(rb"(?<![\w$.])([A-Z][A-Z0-9_]{2,})\s*\??\.\s*(?:get|put|list|delete)\s*\(")
_SPEC = (
    re.compile(rb"from\s*[\"']([^\"'\n]+)[\"']"),
    re.compile(rb"import\s*\(?\s*[\"']([^\"'\n]+)[\"']"),
    re.compile(rb"require\s*\(\s*[\"']([^\"'\n]+)[\"']"),
)
_SURE = (b"KVNamespace", b"getWithMetadata", b"expirationTtl", b"list_complete")
_CALLS = (b"put", b"get", b"list", b"delete")


def any_of(names: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """A pattern for any of the bindings that are known, None when there are none."""
    words = [re.escape(name) for name in names]
    return re.compile(rb"(?<![\w$])(?:" + b"|".join(words) + rb")(?![\w$])") if words else None


def rank(source: bytes, names: re.Pattern[bytes] | None) -> int:
    """2: the file is likely to touch a namespace; 1: it may; 0: it cannot. `names`: known bindings."""
    if any(word in source for word in _SURE):
        return 2
    if not any(word in source for word in _CALLS):
        return 0
    if names is not None and names.search(source):
        return 2
    if (b"env" in source or b"Env" in source) and _METHOD.search(source) and _ENV.search(source):
        return 2
    if (
        (b"KV" in source or b"kv" in source or b"Kv" in source)
        and _METHOD.search(source)
        and _NAMED.search(source)
    ):
        return 1
    return 1 if any(_undeclared(source, name) for name in set(_GLOBAL.findall(source))) else 0


def _undeclared(source: bytes, name: bytes) -> bool:
    """Is a name in capitals used without being declared or imported in the file?"""
    return re.search(rb"(?:const|let|var|import|class|enum|,|\{)\s*" + name + rb"\b", source) is None


def specs(source: bytes) -> tuple[str, ...]:
    """The modules that a file imports, as written."""
    found: dict[str, None] = {}
    for word, pattern in zip((b"from", b"import", b"require"), _SPEC, strict=True):
        if word in source:
            for spec in pattern.findall(source):
                found[spec.decode("utf-8", "replace")] = None
    return tuple(found)


def closure(
    ranks: Mapping[str, int],
    imports: Mapping[str, tuple[str, ...]],
    resolve: Callable[[str, str], str | None],
) -> list[str]:
    """The seeds, whatever imports the likely ones however indirectly, and what all of these import;
    sorted."""
    targets = {
        path: [target for spec in written if (target := resolve(path, spec)) is not None]
        for path, written in imports.items()
    }
    into: dict[str, list[str]] = {}
    for path, found in targets.items():
        for target in found:
            into.setdefault(target, []).append(path)
    likely = {path for path, rank_ in ranks.items() if rank_ > 1}
    _spread(likely, lambda path: into.get(path, ()))
    relevant = likely | set(ranks)
    _spread(relevant, lambda path: targets.get(path, ()))
    return sorted(relevant)


def _spread(found: set[str], nexts: Callable[[str], Iterable[str]]) -> None:
    pending = sorted(found)
    while pending:
        for path in nexts(pending.pop()):
            if path not in found:
                found.add(path)
                pending.append(path)
