"""The session store that `kvferry store init` puts into an application: which files are it, unedited.

    // kvferry session store VERSION PATH sha256:HEX

is their first line. PATH is the file's below the folder that the store is in; the hash is of version,
path and all lines that follow, whatever their ends, since git may change those. Pure.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_MARKER = re.compile(rb"// kvferry session store ([0-9][\w.+-]*) ([\w./-]+) sha256:([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Marker:
    """What a file's first line says: of which version it is, and which file of the store (`path`).

    `unedited`: does its hash hold?
    """

    version: str
    path: str
    unedited: bool


def stamped(text: str, version: str, path: str) -> str:
    """A file of the store with its marker."""
    digest = _digest(version.encode(), path.encode(), text.encode())
    return f"// kvferry session store {version} {path} sha256:{digest}\n{text}"


def marker(raw: bytes) -> Marker | None:
    """The marker of a file, None when it has none."""
    raw = raw.replace(b"\r\n", b"\n")
    match = _MARKER.match(raw)
    if match is None:
        return None
    version, path, said = match.groups()
    unedited = _digest(version, path, raw[match.end() :]) == said.decode()
    return Marker(version.decode(errors="replace"), path.decode(errors="replace"), unedited)


def is_migrations(path: str, raw: bytes) -> bool:
    """Is the file at `path` one of the store, as kvferry wrote it, and where it wrote it?"""
    found = marker(raw)
    return found is not None and found.unedited and f"/{path}".endswith(f"/{found.path}")


def _digest(version: bytes, path: bytes, text: bytes) -> str:
    return hashlib.sha256(b"\n".join((version, path, text))).hexdigest()
