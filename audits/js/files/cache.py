"""Keeps what was computed from a content under the hash of that content.

Whoever can write to the folder can make the program run their code (it holds pickles): it belongs to
the user who runs the audit. A folder that cannot be written, and a file that is spoilt, are no cache.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterable
from pathlib import Path

from audits.js.syntax.facts import VERSION


class Cache:
    """One folder. `kind` is part of every name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, kind: str, key: str) -> object | None:
        """What was kept, None when there is nothing that can be read."""
        try:
            with open(self._place(kind, key), "rb") as stream:
                found: object = pickle.load(stream)  # noqa: S301  # written by this program, below
        except (OSError, pickle.PickleError, EOFError, AttributeError, ValueError, IndexError, ImportError):
            return None
        except (MemoryError, TypeError, KeyError, UnicodeDecodeError, RecursionError):  # other spoilt bytes
            return None
        return found

    def put(self, kind: str, key: str, value: object) -> None:
        """Keep a value: written beside and then moved, so that nobody reads half of it."""
        place = self._place(kind, key)
        unfinished = place.with_name(f"{place.name}.{os.getpid()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(pickle.dumps(value, protocol=5))
            unfinished.replace(place)
        except (OSError, RecursionError):  # too deep to be written is read again each time
            return

    def _place(self, kind: str, key: str) -> Path:
        return self._folder / f"{kind}-{VERSION}" / key[:2] / key[2:]


def digest(source: bytes) -> str:
    """The hash of a content."""
    return hashlib.sha256(source).hexdigest()


def combined(parts: Iterable[str]) -> str:
    """The hash of many strings; where one ends counts."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(f"{len(part)}:".encode() + part.encode("utf-8", "surrogatepass"))
    return whole.hexdigest()
