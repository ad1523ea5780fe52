"""Reads files, scans their bytes, and turns the relevant ones into facts, in processes when many.

Facts are cached one file each, named by the hash of the content, the grammar and the version.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from audits.js.files import candidates, collect
from audits.js.files.cache import Cache, combined, digest
from audits.js.files.folder import Folder
from audits.js.syntax import grammar
from audits.js.syntax.facts import Facts

_RUNTIME_TYPES = b"// Begin runtime types"
_STACK = 8_000
"""How deeply the walk through a syntax tree may go: less than the evaluation of what it found."""
_SLICE, _WORTH = 100, 2_000
"""Files that one process turns into facts at a time, and how many it takes before processes pay:
facts come back through a pipe, which costs about as much as half of the parse."""
_START = "fork" if sys.platform == "linux" else "spawn"
Part = TypeVar("Part")
Look = tuple[str, int, tuple[str, ...], bool]
"""Why a file is not read or "", how likely it is to touch a namespace, what it imports, whether it
holds the word with which our comments begin."""


@dataclass(slots=True)
class Scanned:
    """`seeds`: how likely a file is to touch a namespace, if at all; `imports`: what each file
    imports; `unfit`: files that are not read, with the reason; `marked`: files that may hold
    comments of ours."""

    seeds: dict[str, int] = field(default_factory=dict)
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    marked: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Loaded:
    """Facts by path, and the paths for which there are none."""

    facts: dict[str, Facts] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


class Loader:
    """Everything that opens files of code. `jobs`: processes at most."""

    def __init__(self, folder: Folder, cache: Path | None, jobs: int) -> None:
        self.folder = folder
        self.cache = Cache(cache) if cache is not None else None
        self.jobs = max(1, jobs)

    def reader(self, path: str) -> Callable[[], bytes]:
        """How to get the bytes of a file as they are parsed, when they are asked for."""
        return partial(source_of, self.folder, path)

    def digests(self, paths: Sequence[str]) -> dict[str, str]:
        """The hash of each file's content, "" for one that cannot be read."""
        return {path: _digest(self.folder, path) for path in paths}

    def scan(self, paths: Sequence[str], names: Sequence[bytes], digests: Mapping[str, str]) -> Scanned:
        """Look at the bytes of every file; what is in the cache under its digest is not read."""
        total = Scanned()
        kind, key = "scan", combined(name.decode() for name in names)
        kept = self.cache.get(kind, key, dict[str, Look]) if self.cache is not None else None
        known = kept or {}
        unknown = [path for path in paths if digests.get(path, "") not in known]
        looks = {path: known[digests[path]] for path in paths if digests.get(path, "") in known}
        for part in self._spread(partial(_scan, self.folder, tuple(names)), unknown, 400, 400):
            looks.update(part)
        if self.cache is not None and unknown:
            held = {digests[path]: look for path, look in looks.items() if digests.get(path)}
            self.cache.put(kind, key, held, dict[str, Look])
        for path in paths:
            reason, rank, written, marked = looks[path]
            if reason:
                total.unfit[path] = reason
                continue
            if written:
                total.imports[path] = written
            if rank:
                total.seeds[path] = rank
            if marked:
                total.marked.append(path)
        return total

    def facts(self, paths: Sequence[str]) -> Loaded:
        """The facts of these files, from the cache or by parsing."""
        total = Loaded()
        for part in self._spread(partial(_facts, self.folder, self.cache), paths, _SLICE, _WORTH):
            total.facts.update(part.facts)
            total.failed += part.failed
        return total

    def _spread(
        self, work: Callable[[Sequence[str]], Part], paths: Sequence[str], size: int, worth: int
    ) -> list[Part]:
        """The work on slices of the paths, in processes when there are more of them than `worth`."""
        if self.jobs == 1 or len(paths) <= worth:
            return [work(paths)] if paths else []
        from concurrent.futures import ProcessPoolExecutor  # most audits need none of it
        from multiprocessing import get_context

        slices = [paths[at : at + size] for at in range(0, len(paths), size)]
        with ProcessPoolExecutor(min(self.jobs, len(slices)), get_context(_START)) as pool:
            return list(pool.map(work, slices))


def source_of(folder: Folder, path: str) -> bytes:
    """A file's bytes as they are parsed: scripts only, generated runtime types left out."""
    source = folder.read(path)
    at = source.find(_RUNTIME_TYPES)
    if at >= 0:
        source = source[:at]
    return grammar.script(source, grammar.suffix(path))


def _digest(folder: Folder, path: str) -> str:
    try:
        return digest(folder.read(path))
    except OSError:
        return ""


def _scan(folder: Folder, names: Sequence[bytes], paths: Sequence[str]) -> dict[str, Look]:
    known = candidates.Bound(names)
    return {path: _look(folder, path, known) for path in paths}


def _look(folder: Folder, path: str, known: candidates.Bound) -> Look:
    try:
        source = source_of(folder, path)
    except OSError:
        return "unreadable", 0, (), False
    reason = collect.unfit(source)
    if reason:
        return reason, 0, (), False
    return "", candidates.rank(source, known), candidates.specs(source), candidates.MARKER in source


def _facts(folder: Folder, cache: Cache | None, paths: Sequence[str]) -> Loaded:
    found = Loaded()
    collecting = gc.isenabled()
    gc.disable()  # facts hold no cycles, and a collection walks through all of them
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_STACK)
    try:
        for path in paths:
            try:
                found.facts[path] = _one(folder, cache, path)
            except (RecursionError, OSError):
                found.failed.append(path)
    finally:
        sys.setrecursionlimit(before)
        if collecting:
            gc.enable()
    return found


def _one(folder: Folder, cache: Cache | None, path: str) -> Facts:
    source, ending = source_of(folder, path), grammar.suffix(path)
    if cache is None:
        return _parsed(source, ending)
    key = digest(ending.encode() + b" " + source)
    kept = cache.get("facts", key, Facts)
    if kept is not None:
        return kept
    made = _parsed(source, ending)
    cache.put("facts", key, made, Facts)
    return made


def _parsed(source: bytes, ending: str) -> Facts:
    from audits.js.syntax import reading  # the parser need not be loaded for a warm cache

    return reading.collect(source, grammar.parse(source, ending))
