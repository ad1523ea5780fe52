"""A store that shows digests instead of values, as one does that is reached with a key for less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from migrate.core.ports import Holder
from migrate.core.record import Key, Row, Unseen, digest
from migrate.errors import ConfigError

_Store = TypeVar("_Store", bound=Holder)


class Veiled:
    """A store whose `rows` and `rows_between` have digests; see `veiled`. `revealed`: what `shown` gave."""

    def __init__(self, store: Holder, concealed: str | None) -> None:
        self._store = store
        self.concealed = concealed
        self.revealed: list[Sequence[Key]] = []

    def __getattr__(self, name: str) -> Any:
        """Everything else is the store's."""
        return getattr(self._store, name)

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The store's rows without their values."""
        return {key: _veil(row) for key, row in self._store.rows(keys).items()}

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """The store's rows without their values."""
        return map(_veil, self._store.rows_between(prefix, after, upto))

    def shown(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The store's rows, unless they are concealed."""
        if self.concealed is not None:
            raise ConfigError("values are concealed", self.concealed)
        self.revealed.append(list(keys))
        return self._store.shown(keys)


def veiled(store: _Store, concealed: str | None = None) -> _Store:
    """The store, showing values only where `shown` is asked, and not even there while `concealed`."""
    return cast("_Store", Veiled(store, concealed))


def _veil(row: Row) -> Row:
    if not isinstance(row.value, bytes):
        return row
    return row._replace(value=Unseen(digest(row.value), len(row.value)))
