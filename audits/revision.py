"""Which commit was audited: asked of git, which is told to run nothing that the checkout configures."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Revision:
    """`commit` and `dirty` are None outside of git; `prefix` is the audited folder within the
    repository, with a slash at its end, "" when it is its top."""

    commit: str | None = None
    dirty: bool | None = None
    prefix: str = ""


def revision(root: Path) -> Revision:
    """The state of the checkout that a folder is in."""
    place = _git(root, "rev-parse", "--show-prefix")
    if place is None:
        return Revision()
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _git(root, "status", "--porcelain", "--no-renames", "--", ".")
    return Revision(commit or None, None if changes is None else bool(changes), place)


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  # fixed words about the folder that was asked for
            ("git", "--no-optional-locks", *_SAFE, "-C", str(root), *words),  # noqa: S607  # wherever it is
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return done.stdout.decode("utf-8", "replace").rstrip("\n")
