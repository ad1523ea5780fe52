"""A KV that several processes share: one file for each key, replaced as a whole. The last write wins."""

from __future__ import annotations

import json
import os
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from migrate.core.record import NEVER, Expiration, Key, Record


class FolderKv:
    """Implements `KvNamespace`."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def get(self, key: Key) -> Record | None:
        try:
            value, metadata, until = json.loads(self._file(key).read_text())
        except FileNotFoundError:
            return None
        expiration: Expiration = NEVER if until is None else until
        return Record(key, bytes.fromhex(value), metadata, expiration)

    def put(self, record: Record, ttl: int | None) -> None:
        until = int(time.time()) + ttl if ttl is not None else record.expiration
        fields = [record.value.hex(), record.metadata, until if isinstance(until, int) else None]
        handle, name = tempfile.mkstemp(dir=self._folder)
        with open(handle, "w") as file:
            json.dump(fields, file)
        os.replace(name, self._file(record.key))

    def delete(self, key: Key) -> None:
        self._file(key).unlink(missing_ok=True)

    def _file(self, key: Key) -> Path:
        return self._folder / sha256(key.encode()).hexdigest()
