"""Keeps what was computed from a content under the hash of that content.

The cache is never a reason to fail, nor to find anything else: what was made by other classes goes by
another name, and a file that was spoilt, or cannot be read or written, is no cache. It holds pickles, of
which only the classes of what is asked for are made; still, whoever can write to the folder decides what
an audit finds, so it belongs to the user who runs it.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar, get_origin

from audits.js.files import shape
from audits.js.files.shape import Shape
from audits.js.syntax.facts import VERSION

_SUM = hashlib.sha256().digest_size
T = TypeVar("T")


class Cache:
    """One folder. `kind` is part of every name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, kind: str, key: str, wanted: type[T]) -> T | None:
        """What was kept and is a `wanted`, None when there is nothing that can be used."""
        made_of = shape.of(wanted)
        try:
            kept = self._place(kind, key, made_of).read_bytes()
            if hashlib.sha256(memoryview(kept)[_SUM:]).digest() != kept[:_SUM]:
                return None
            found = _Unpickler(kept, made_of).load()
        except Exception:  # bytes that somebody else wrote can make the unpickler raise anything
            return None
        return found if isinstance(found, get_origin(wanted) or wanted) else None

    def put(self, kind: str, key: str, value: T, wanted: type[T]) -> None:
        """Keep a value: written beside and then moved, so that nobody reads half of it."""
        place = self._place(kind, key, shape.of(wanted))
        unfinished = place.with_name(f"{place.name}.{os.getpid()}")
        try:
            content = pickle.dumps(value, protocol=5)
            place.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(hashlib.sha256(content).digest() + content)
            unfinished.replace(place)
        except (OSError, RecursionError, MemoryError):  # too deep to be written is read again each time
            return

    def _place(self, kind: str, key: str, made_of: Shape) -> Path:
        return self._folder / f"{kind}-{VERSION}-{made_of.name}" / key[:2] / key[2:]


class _Unpickler(pickle.Unpickler):
    """Makes objects of the classes of one shape, and of no others."""

    def __init__(self, kept: bytes, made_of: Shape) -> None:
        stream = io.BytesIO(kept)
        stream.seek(_SUM)
        super().__init__(stream)
        self._classes = made_of.classes

    def find_class(self, module: str, name: str, /) -> type:
        """The class; KeyError for any other."""
        return self._classes[module, name]


def digest(source: bytes) -> str:
    """The hash of a content."""
    return hashlib.sha256(source).hexdigest()


def combined(parts: Iterable[str]) -> str:
    """The hash of many strings; where one ends counts."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(f"{len(part)}:".encode() + part.encode("utf-8", "surrogatepass"))
    return whole.hexdigest()
