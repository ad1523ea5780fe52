"""Files that kvferry writes into folders of other people: which are ours, which were edited, writing them.

Nothing of somebody else's is overwritten unasked. What tells a file of ours from one that was edited is
the caller's: a manifest, or a marker in the file.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import ConfigError

_SHOWN = 5


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


def fingerprint(text: str) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def survey(folder: Path, wanted: Mapping[str, str], ours: Mapping[str, str]) -> list[Step]:
    """What writing `wanted` would do to each file. Reads, and writes nothing.

    `ours`: the fingerprints with which kvferry wrote files that are there; what is none of a file's means
    that it was edited.
    """
    steps = [Step(path, _fate(folder, path, text, ours)) for path, text in wanted.items()]
    for path in sorted(ours.keys() - wanted.keys()):
        found = there(folder, path)
        if found is not None:
            steps.append(Step(path, Act.REMOVE if found == ours[path] else Act.EDITED))
    return steps


def paths_of(steps: Sequence[Step], *acts: Act) -> list[str]:
    """The files that one of these becomes of."""
    return [step.path for step in steps if step.act in acts]


def some(paths: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def carry_out(folder: Path, wanted: Mapping[str, str], steps: Sequence[Step]) -> None:
    """Create, replace and remove. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for step in steps:
        if step.act is Act.REMOVE:
            (folder / step.path).unlink()
        elif step.act in (Act.CREATE, Act.REPLACE):
            put(folder / step.path, wanted[step.path], replace=step.act is Act.REPLACE)


def not_written(folder: Path, error: OSError) -> ConfigError:
    """What is said when a folder cannot be written."""
    reason = (error.strerror or "error").lower()
    return ConfigError(f"{folder} cannot be written: {reason}", "choose another folder")


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


def there(folder: Path, path: str) -> str | None:
    """The fingerprint of a file, None when there is nothing; "" for what is no plain file of the folder.

    Line ends that git changed are no difference.
    """
    whole = folder / path
    if any(
        one.is_symlink() for one in (whole, *whole.parents) if one.is_relative_to(folder) and one != folder
    ):
        return ""
    try:
        text = whole.read_bytes().decode(errors="surrogateescape")
        return fingerprint(text.replace("\r\n", "\n"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError):
        return ""


def _fate(folder: Path, path: str, text: str, ours: Mapping[str, str]) -> Act:
    found = there(folder, path)
    if found is None:
        return Act.CREATE
    if found == fingerprint(text):
        return Act.KEEP
    if path not in ours:
        return Act.FOREIGN
    return Act.REPLACE if found == ours[path] else Act.EDITED
