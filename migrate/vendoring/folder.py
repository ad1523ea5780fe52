"""The folder of an application that the session store is in: what is there, what is to be, and writing it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from audits import vendored
from migrate import __version__, written_files
from migrate.bridging.folder import package_sources
from migrate.errors import ConfigError
from migrate.vendoring.sources import ENTRIES, closure
from migrate.written_files import Act, Step, paths_of, some

_EDITED = "edited"
"""No file's fingerprint: what is expected of one whose marker does not hold."""

_MOST = 1_000_000
"""Bytes: no file of the store has as many."""


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """`steps`: what an update does to each file; `versions`: of files, by their paths."""

    folder: Path
    wanted: dict[str, str]
    steps: list[Step]
    versions: dict[str, str]


def store_files(version: str = __version__) -> dict[str, str]:
    """Every file of the store with its marker, by its path in the store's folder."""
    sources = {path.removeprefix("src/"): text for path, text in package_sources().items()}
    return {path: vendored.stamped(text, version, path) for path, text in closure(sources, *ENTRIES).items()}


def look(folder: Path) -> StoreFolder:
    """Read the folder, and write nothing. Raises ConfigError when it is none."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise ConfigError(f"{folder} is no folder", "name one for the session store, as src/kvferry")
    ours: dict[str, str] = {}
    versions: dict[str, str] = {}
    for path, found in _marked(folder):
        versions[path] = found.version
        ours[path] = (written_files.there(folder, path) or _EDITED) if found.unedited else _EDITED
    wanted = store_files()
    return StoreFolder(folder, wanted, written_files.survey(folder, wanted, ours), versions)


def bring_up(found: StoreFolder, *, update: bool, force: bool, dry_run: bool) -> StoreFolder:
    """Write the store: all of it or, when something is in the way, nothing. Returns what was done.

    `update`: replace what an earlier kvferry wrote; `force`: also what was edited since.
    Raises ConfigError.
    """
    if foreign := paths_of(found.steps, Act.FOREIGN):
        raise ConfigError(
            f"{found.folder} has files that were not written by kvferry store init: {some(foreign)}",
            "choose an empty folder, or move them away",
        )
    edited = paths_of(found.steps, Act.EDITED)
    if edited and not force:
        raise ConfigError(
            f"{found.folder} has files that were edited since kvferry wrote them: {', '.join(edited)}",
            mended(found),
        )
    changed = paths_of(found.steps, Act.REPLACE, Act.REMOVE)
    if changed and not update:
        raise ConfigError(
            f"{found.folder} has a session store that differs: {some(changed)}",
            "--update replaces what kvferry wrote there",
        )
    done = replace(found, steps=[_forced(step, found.wanted) for step in found.steps])
    if not dry_run:
        try:
            written_files.carry_out(found.folder, found.wanted, done.steps)
        except OSError as error:
            raise written_files.not_written(found.folder, error) from None
    return done


def told(done: StoreFolder, *, dry_run: bool) -> Iterator[str]:
    """What became of the files."""
    yield f"the session store {__version__} in {done.folder}"
    would = "would " if dry_run else ""
    for act in (Act.CREATE, Act.REPLACE, Act.REMOVE, Act.KEEP):
        paths = paths_of(done.steps, act)
        if paths:
            yield f"  {would}{act}  {some(paths)}"


_WRONG = {
    Act.CREATE: "missing",
    Act.REPLACE: "of kvferry {version}, this is {ours}",
    Act.REMOVE: "not part of the store any more",
    Act.EDITED: "edited",
    Act.FOREIGN: "not written by kvferry, or without its first line",
}


def wrong(found: StoreFolder) -> list[str]:
    """What is not as this kvferry would write it, a line each. Raises ConfigError when no store is there."""
    if not found.versions and not paths_of(found.steps, Act.FOREIGN):
        raise ConfigError(f"{found.folder} has no session store", f"kvferry store init {found.folder}")
    return [
        f"{found.folder / step.path}: "
        + _WRONG[step.act].format(version=found.versions.get(step.path), ours=__version__)
        for step in found.steps
        if step.act is not Act.KEEP
    ]


def mended(found: StoreFolder) -> str:
    """The command after which nothing is wrong any more, and what comes before it."""
    update = f"kvferry store init {shlex.quote(str(found.folder))} --update"
    if paths_of(found.steps, Act.EDITED):
        update = f"keep the edits elsewhere, then {update} --force"
    foreign = paths_of(found.steps, Act.FOREIGN)
    return f"move away {some(foreign)}; {update}" if foreign else update


def _forced(step: Step, wanted: dict[str, str]) -> Step:
    if step.act is not Act.EDITED:
        return step
    return Step(step.path, Act.REPLACE if step.path in wanted else Act.REMOVE)


def _marked(folder: Path) -> Iterator[tuple[str, vendored.Marker]]:
    """The files below the folder that say that they are the store's, where they are in its folder."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one != "node_modules" and not one.startswith("."))
        for name in sorted(names):
            whole = Path(at, name)
            path = whole.relative_to(folder).as_posix()
            if not name.endswith(".ts") or whole.is_symlink():
                continue
            try:
                found = vendored.marker(whole.read_bytes()) if whole.stat().st_size <= _MOST else None
            except OSError:
                continue
            if found is not None and found.path == path:
                yield path, found
