"""Puts changed files in their places: each whole or not at all, with the mode that it had.

The only file of the package that writes into a project.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from audits.editing import Changed


class Replaced(Exception):
    """A file is not what it was when the change was planned, or cannot be written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def replace(root: Path, changed: Iterable[Changed]) -> None:
    """Write the files, after all of them were found to be as they were planned on; raises Replaced."""
    wanted = [one for one in changed if one.before != one.after]
    for one in wanted:
        place = root / one.path
        try:
            same = place.read_bytes() == one.before
        except OSError as error:
            raise Replaced(one.path, (error.strerror or "cannot be read").lower()) from error
        if not same:
            raise Replaced(one.path, "it has changed since it was read")
    for one in wanted:
        _put(root / one.path, one)


def _put(place: Path, one: Changed) -> None:
    """Written beside, then moved: nobody sees half of it, and a full disk loses nothing."""
    place = place.resolve()
    try:
        mode = place.stat().st_mode
        if not os.access(place, os.W_OK):
            raise PermissionError(13, "permission denied")
        handle, name = tempfile.mkstemp(prefix=f".{place.name[:100]}.", suffix=".part", dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(one.after)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, mode & 0o7777)
            os.replace(name, place)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        raise Replaced(one.path, (error.strerror or "cannot be written").lower()) from error
