"""The project's folder as it is read: its files, some of which a text stands in for that is not saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folder:
    """`replaced`: bytes to be read instead of a file, by its path relative to `root` with `/`; the
    file need not exist."""

    root: Path
    replaced: Mapping[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """The bytes of a file; OSError when it cannot be read."""
        given = self.replaced.get(path)
        if given is not None:
            return given
        with open(f"{self.root}/{path}", "rb") as stream:
            return stream.read()
