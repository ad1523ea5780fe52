"""A large tree to audit: other people's sources from npm, and the cases as Workers among them."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.audits import cases_reader
from tests.runtime.install import install

PACKAGES = Path(__file__).parent / "tree"
_CODE = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
_TYPES = (".d.ts", ".d.mts", ".d.cts")
_SKIPPED = {"node_modules": "packages", "dist": "made", "build": "made2", "out": "made3"}
_BINDING = re.compile(r"\b(?:binding|name)\"?\s*[=:]\s*\"([A-Z][A-Z0-9_]*)\"")


@dataclass(frozen=True, slots=True)
class Tree:
    """`files`: how many of code, `using`: how many of them are the Workers', `size`: in MB (10^6 bytes)."""

    folder: Path
    files: int
    using: int
    size: float


def plant(folder: Path, *, others: int, using: int) -> Tree:
    """Fill an empty folder: `others` files from npm at most, and at least `using` of Workers.

    Folders that an audit skips (`node_modules`, `dist`) get other names, so that all of it is read.
    """
    modules = install(PACKAGES, "--omit=optional")
    copied, size = 0, 0
    for path in sorted(_sources(modules), key=lambda path: _shuffled(path.relative_to(modules)))[:others]:
        parts = [_SKIPPED.get(part, part) for part in path.relative_to(modules).parts]
        target = folder.joinpath("others", *parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        copied, size = copied + 1, size + path.stat().st_size
    written = 0
    cases = cases_reader.read()
    for number in itertools.count():
        if written >= using:
            break
        for path, text in _renamed(cases[number % len(cases)], number):
            target = folder / "workers" / f"w{number}" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            written += path.endswith(_CODE)
            size += len(text)
    return Tree(folder, copied + written, written, size / 1e6)


def _sources(modules: Path) -> Iterator[Path]:
    """Code of the packages in a fixed order, without types alone, minified files, and giants."""
    for at, folders, names in os.walk(modules):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            path = Path(at, name)
            own = name.endswith(_CODE) and ".min." not in name and not name.endswith(_TYPES)
            if own and path.stat().st_size < 1_000_000:
                yield path


def _shuffled(path: Path) -> bytes:
    """An order that has nothing to do with what a file says, and is the same everywhere."""
    return hashlib.sha256(path.as_posix().encode()).digest()


def _renamed(case: cases_reader.Case, number: int) -> Iterator[tuple[str, str]]:
    """The files of a case with its bindings under other names."""
    names = sorted({name for text in case.files.values() for name in _BINDING.findall(text)})
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, names)) + r")\b") if names else None
    for path, text in case.files.items():
        yield path, pattern.sub(lambda found: f"{found.group()}_{number}", text) if pattern else text
