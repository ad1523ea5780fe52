"""A bridge's folder on disk: which of its files kvferry wrote, which were edited, and writing them.

Nothing of somebody else's is ever overwritten. A file is ours while it is as the manifest says; one
that was edited, or that the manifest does not know, stays, and then nothing at all is written.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from migrate.bridging.project import MANIFEST, fingerprint
from migrate.errors import ConfigError

_OTHER_CONFIGS = ("wrangler.jsonc", "wrangler.toml")


class Act(enum.StrEnum):
    """What becomes of a file."""

    CREATE = "create"
    REPLACE = "replace"
    REMOVE = "remove"
    KEEP = "keep"
    EDITED = "edited"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Step:
    """A file of the folder, as seen from it, and what becomes of it."""

    path: str
    act: Act


def package_sources() -> dict[str, str]:
    """What the package brings along: the sources, and the npm project without its own configuration."""
    edge = resources.files("migrate") / "edge"
    found = {name: _text(edge / name) for name in ("package.json", "package-lock.json", "tsconfig.json")}
    found |= {f"src/{path}": _text(edge / "src" / path) for path in _below(edge / "src")}
    return dict(sorted(found.items()))


def written_files(folder: Path) -> dict[str, str]:
    """The manifest's files and their fingerprints; {} when the folder has no bridge of ours.

    Raises ConfigError for a manifest that cannot be read.
    """
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["files"]
        assert all(isinstance(name, str) and isinstance(digest, str) for name, digest in found.items())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {(error.strerror or 'error').lower()}", "choose another folder"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError):
        raise ConfigError(f"{path} is not what kvferry wrote", "choose another folder") from None
    return dict(found)


def survey(folder: Path, wanted: Mapping[str, str]) -> list[Step]:
    """What writing `wanted` would do to each file, the manifest left out. Reads, and writes nothing."""
    ours = written_files(folder)
    steps = [Step(path, _fate(folder, path, text, ours)) for path, text in wanted.items() if path != MANIFEST]
    for path in sorted(ours.keys() - wanted.keys()):
        there = _there(folder, path)
        if there is not None:
            steps.append(Step(path, Act.REMOVE if there == ours[path] else Act.EDITED))
    foreign = [name for name in _OTHER_CONFIGS if os.path.lexists(folder / name)]
    return [*steps, *(Step(name, Act.FOREIGN) for name in foreign)]


def refuse(folder: Path, steps: list[Step], *, force: bool) -> None:
    """Raise ConfigError when these steps would touch what is not ours, or replace without `force`."""
    for act, why, hint in (
        (Act.FOREIGN, "not written by kvferry bridge init", "choose an empty folder, or move them away"),
        (
            Act.EDITED,
            "edited since kvferry wrote them",
            "move them away, run it again, and carry the edits over",
        ),
    ):
        if paths := [step.path for step in steps if step.act is act]:
            raise ConfigError(f"{folder} has files that were {why}: {', '.join(paths)}", hint)
    changed = [step.path for step in steps if step.act in (Act.REPLACE, Act.REMOVE)]
    if changed and not force:
        some = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise ConfigError(
            f"{folder} has a bridge that differs: {some}",
            "--force replaces what kvferry wrote there",
        )


def write(folder: Path, wanted: Mapping[str, str], steps: list[Step]) -> None:
    """Carry the steps out, and the manifest last. Raises ConfigError when a file cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for step in steps:
            if step.act is Act.REMOVE:
                (folder / step.path).unlink()
            elif step.act in (Act.CREATE, Act.REPLACE):
                put(folder / step.path, wanted[step.path], replace=step.act is Act.REPLACE)
        if _there(folder, MANIFEST) != fingerprint(wanted[MANIFEST]):
            put(folder / MANIFEST, wanted[MANIFEST], replace=True)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ConfigError(f"{folder} cannot be written: {reason}", "choose another folder") from None


def put(path: Path, text: str, *, replace: bool, mode: int = 0o644) -> None:
    """All of the text or nothing; without `replace`, FileExistsError for whatever is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".kvferry.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(path)
        else:
            os.link(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def _fate(folder: Path, path: str, text: str, ours: Mapping[str, str]) -> Act:
    there = _there(folder, path)
    if there is None:
        return Act.CREATE
    if there == fingerprint(text):
        return Act.KEEP
    if path not in ours:
        return Act.FOREIGN
    return Act.REPLACE if there == ours[path] else Act.EDITED


def _there(folder: Path, path: str) -> str | None:
    """The fingerprint of a file, None when there is nothing; "" for what is no plain file of the folder."""
    whole = folder / path
    if any(
        one.is_symlink() for one in (whole, *whole.parents) if one.is_relative_to(folder) and one != folder
    ):
        return ""
    try:
        return fingerprint(whole.read_bytes().decode(errors="surrogateescape"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError):
        return ""


def _below(folder: Traversable, at: str = "") -> list[str]:
    found: list[str] = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _below(one, f"{at}{one.name}/")
        elif one.name.endswith(".ts"):
            found.append(at + one.name)
    return found


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")
