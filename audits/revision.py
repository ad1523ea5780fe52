"""Which commit was audited, and whether the files are still those of that commit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audits import git
from audits.git import GitError


@dataclass(frozen=True, slots=True)
class Revision:
    """`commit` and `dirty` are None outside of git; `prefix` is the audited folder within the
    repository, with a slash at its end, "" when it is its top."""

    commit: str | None = None
    dirty: bool | None = None
    prefix: str = ""


def revision(root: Path) -> Revision:
    """The state of the checkout that a folder is in."""
    place = _line(root, "rev-parse", "--show-prefix")
    if place is None:
        return Revision()
    commit = _line(root, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _line(root, "status", "--porcelain", "--no-renames", "--", ".")
    return Revision(commit or None, None if changes is None else bool(changes), place)


def _line(root: Path, *words: str) -> str | None:
    try:
        return git.line(root, *words)
    except GitError:
        return None
