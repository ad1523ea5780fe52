"""The key list beside a bulk get: what it alone knows, expirations and metadata, looked up by name.

`wrangler kv key list` prints `[{"name", "expiration"?, "metadata"?}]`. No expiration there means
that the key never expires. The list is kept in a temporary SQLite file (mode 0600, unlinked as soon
as it is made), so that memory does not grow with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from migrate.errors import ConfigError
from migrate.stores.dump.item import ItemError, check_expiration, check_key, metadata_text, parse
from migrate.stores.dump.lines import no_room
from migrate.stores.dump.walk import Walker, WalkError

_MEMBERS = frozenset(("name", "expiration", "metadata"))


class Listed(NamedTuple):
    """What the list says of a key. `expiration` None: never."""

    expiration: int | None
    metadata: str | None


class KeyList:
    """A key list. `name` is its file's, for messages."""

    def __init__(self, name: str) -> None:
        """An empty one."""
        self.name = name
        self._db = sqlite3.connect("", isolation_level=None)
        for pragma in ("cache_size = -16000", "journal_mode = off", "synchronous = off"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(
            "CREATE TABLE names (name TEXT PRIMARY KEY, expiration INTEGER, metadata TEXT,"
            " line INTEGER, taken INTEGER DEFAULT 0)"
        )
        self._db.execute("BEGIN")

    def fill(self, stream: BinaryIO) -> None:
        """Read the list. Raises ConfigError with the line of what is wrong."""
        walker = Walker(stream)
        line = 1
        try:
            for raw, line in walker.elements():
                self._add(parse(raw), raw, line)
            if walker.rest():
                walker.fail("something follows the end of the list")
        except (ItemError, WalkError) as error:
            place = error.line if isinstance(error, WalkError) else line
            raise ConfigError(
                f"{self.name} line {place}: {error.reason}",
                "a key list is what `wrangler kv key list` prints",
            ) from None
        except sqlite3.OperationalError as error:
            raise no_room(error) from None

    def take(self, name: str) -> Listed | None:
        """What the list says of `name`, which is then taken; None when it has no such name."""
        found = self._db.execute(
            "UPDATE names SET taken = 1 WHERE name = ? RETURNING expiration, metadata", (name,)
        ).fetchall()
        return Listed(*found[0]) if found else None

    def left(self) -> Iterator[tuple[str, int | None, str | None]]:
        """Name, expiration and metadata of what was not taken, in key order."""
        return self._db.execute("SELECT name, expiration, metadata FROM names WHERE taken = 0 ORDER BY name")

    def close(self) -> None:
        """Remove it."""
        self._db.close()

    def _add(self, item: dict[str, object], raw: bytes, line: int) -> None:
        name = check_key(item.get("name"), "name")
        if not item.keys() <= _MEMBERS:
            raise ItemError("has a member that is none of name, expiration, metadata")
        expiration = item.get("expiration")
        check_expiration(expiration)
        metadata = metadata_text(item.get("metadata"), raw)
        try:
            self._db.execute(
                "INSERT INTO names (name, expiration, metadata, line) VALUES (?, ?, ?, ?)",
                (name, expiration, metadata, line),
            )
        except sqlite3.IntegrityError:
            first = self._db.execute("SELECT line FROM names WHERE name = ?", (name,)).fetchone()[0]
            raise ItemError(f"the same name as in line {first}") from None
