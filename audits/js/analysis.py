"""The analyser's front door: a folder in, every KV operation out.

collect ─▶ seeds and their neighbours ─▶ facts (cached by content) ─▶ evaluation ─▶ operations
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from audits.js import operations
from audits.js.evaluation import bindings as bound
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.modules import Resolver
from audits.js.evaluation.project import File, Project
from audits.js.files import candidates, collect
from audits.js.files.cache import combined
from audits.js.files.collect import Collected
from audits.js.files.folder import Folder
from audits.js.files.loading import Loader
from audits.js.kv import unread
from audits.js.relations import missing_bindings
from audits.operation import Branch, Operation, Unread

_STACK = 12_000


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found. `operations` are sorted by place. `files`: how many were collected, how many
    could matter, how many of those are tests. `skipped`: reason → paths. `unparsed`: files with
    syntax errors, which were read as far as they make sense. `marked`: files that may hold comments of
    ours. `branches`: code for namespaces that are not bound, sorted. `unread`: calls on namespaces that
    cannot be judged, sorted by place."""

    operations: tuple[Operation, ...]
    files: Mapping[str, int]
    skipped: Mapping[str, tuple[str, ...]]
    unparsed: tuple[str, ...] = ()
    collected: tuple[str, ...] = field(default=(), repr=False)
    marked: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    unread: tuple[Unread, ...] = ()


def analyse(
    root: Path,
    *,
    paths: Sequence[str] = (),
    jobs: int = 1,
    cache: Path | None = None,
    bindings: Iterable[str] = (),
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    replaced: Mapping[str, bytes] | None = None,
    found: Collected | None = None,
    local: Mapping[str, Sequence[str]] | None = None,
) -> Analysis:
    """Find the operations of the project in folder `root`.

    `paths`: report only what is in these files or folders (the others are read all the same, they
    decide what a wrapper is called with). `bindings`: names that are namespaces. `cache`: a folder
    for facts. `replaced`: texts that stand in for files. `found`: what was collected already, by other
    patterns than `include` and `exclude`. `local`: names that are namespaces in one folder, by its path
    with a slash at its end. The result is the same for any `jobs`, cache, and order of files.
    """
    folder, local = Folder(root, replaced or {}), local or {}
    found = found if found is not None else collect.collect(folder, include, exclude)
    loader = Loader(folder, cache, jobs)
    digests = loader.digests(list(found.files)) if cache is not None else {}
    configuration = [*found.configurations, *found.packages, *found.tsconfigs]
    texts = loader.digests(configuration) if cache is not None else {}
    key = combined(
        [
            *(text for pair in digests.items() for text in pair),
            *(text for pair in texts.items() for text in pair),
            *(text for reason, held in found.skipped.items() for text in (reason, *held)),
            "bindings",
            *sorted(bindings),
            *(text for folder_, names in sorted(local.items()) for text in ("in", folder_, *sorted(names))),
        ]
    )
    kept = loader.cache.get("analysis", key, Analysis) if loader.cache is not None else None
    whole = kept or _analysed(root, found, loader, digests, frozenset(bindings), local)
    if loader.cache is not None and kept is None:
        loader.cache.put("analysis", key, whole, Analysis)
    return replace(
        whole,
        operations=tuple(one for one in whole.operations if _wanted(one.place.path, paths)),
        branches=tuple(one for one in whole.branches if _wanted(one.place.path, paths)),
        unread=tuple(one for one in whole.unread if _wanted(one.place.path, paths)),
    )


def _analysed(
    root: Path,
    found: Collected,
    loader: Loader,
    digests: Mapping[str, str],
    given: frozenset[str],
    local: Mapping[str, Sequence[str]],
) -> Analysis:
    known = bound.read(root, found.configurations, found.packages, given, local)
    for path, message in sorted(known.broken.items()):
        found.skip(f"configuration: {message}", path)
    sources = loader.scan(list(found.files), sorted(name.encode() for name in known.namespaces), digests)
    for path, reason in sorted(sources.unfit.items()):
        found.skip(reason, path)
    usable = frozenset(path for path in found.files if path not in sources.unfit)
    resolver = Resolver(
        usable,
        tuple(found.packages),
        frozenset(found.tsconfigs),
        lambda path: (root / path).read_text(encoding="utf-8", errors="replace"),
    )
    relevant = candidates.closure(sources.seeds, sources.imports, resolver.resolve)
    with _room():
        loaded = loader.facts(relevant.paths)
        for path in loaded.failed:
            found.skip("nested too deeply", path)
        readable = sorted(loaded.facts)
        for path in readable:
            if loaded.facts[path].deep:
                found.skip("nested too deeply in a part", path)
        files = [File(i, path, loaded.facts[path], loader.reader(path)) for i, path in enumerate(readable)]
        engine = Engine(Project(files, resolver, known), relevant.near)
        every = sorted(operations.find(engine), key=lambda operation: (operation.place, operation.method))
        branches = tuple(missing_bindings.find(engine, every))
        dark = sorted(set(unread.find(engine, every)))
    counts = {
        "collected": len(found.files),
        "read": len(files),
        "tests": sum(collect.is_test(path) for path in found.files),
        "skipped": sum(map(len, found.skipped.values())),
    }
    return Analysis(
        tuple(every),
        counts,
        {reason: tuple(sorted(held)) for reason, held in sorted(found.skipped.items())},
        tuple(path for path in readable if loaded.facts[path].broken),
        tuple(sorted(usable)),
        tuple(sources.marked),
        branches,
        tuple(dark),
    )


def _wanted(path: str, paths: Sequence[str]) -> bool:
    if not paths:
        return True
    asked = (p.removeprefix("./").rstrip("/") for p in paths)
    return any(p in ("", ".", path) or path.startswith(p + "/") for p in asked)


@contextmanager
def _room() -> Iterator[None]:
    """Long chains of `else if` and `+` nest deeply in a syntax tree; and the collector of garbage
    would walk through facts and answers again and again, of which none is garbage before the end.

    At the end all that is new counts as old (what is frozen and thawed does), so that enabling the
    collector does not make it walk through everything at once."""
    before, collecting = sys.getrecursionlimit(), gc.isenabled()
    sys.setrecursionlimit(max(before, _STACK))
    gc.disable()
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
        if collecting:
            gc.freeze()
            gc.unfreeze()
            gc.enable()
