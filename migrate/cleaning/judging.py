"""What becomes of listed keys: asks the target what it holds, and the pure rules the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.core.cleaning import Ageing, Fate, own
from migrate.core.ports import Cursor, CursorRefused, Holder, Source
from migrate.core.record import Head, Key, Record
from migrate.errors import StoreBroken, StoreRefused, StoreUnavailable

_RESTARTS = 5


@dataclass(frozen=True, slots=True)
class Judge:
    """By these rules. `holder` None: the prefix is outside of the migration. `as_of`: Unix seconds by the
    source's clock; ages are those of one moment, however long the work takes."""

    holder: Holder | None
    ageing: Ageing | None
    as_of: float

    def fates(self, heads: Sequence[Head]) -> dict[Key, Fate]:
        """SELECTED, or why a key is kept. Raises StoreRefused where a session store has written outside."""
        rows = None if self.holder is None else self.holder.rows([head.key for head in heads])
        found: dict[Key, Fate] = {}
        for head in heads:
            if own(head):
                found[head.key] = Fate.OWN
            elif rows is not None and head.key not in rows:
                found[head.key] = Fate.FOREIGN
            else:
                found[head.key] = self.fate(head)
        return found

    def fate(self, one: Head | Record) -> Fate:
        """The same for a record that was read since, as far as the target need not be asked."""
        if self.holder is None and one.stamped is not None:
            raise StoreRefused(
                "an application's session store has written keys under this prefix: it is migrated",
                "name the target as well, and get its verdict: kvferry gate --for cleanup",
            )
        return Fate.SELECTED if self.ageing is None else self.ageing.fate(one, self.as_of)

    def held(self, keys: Sequence[Key]) -> set[Key]:
        """Those that the target holds, or all of them where none is asked."""
        return set(keys) if self.holder is None else set(self.holder.rows(keys))


@dataclass(frozen=True, slots=True)
class Walked:
    """A page without what lies before where the walk began. `records`: if the source gives them at once."""

    heads: Sequence[Head]
    records: Sequence[Record] | None
    following: Cursor | None


def walk(source: Source, prefix: str, cursor: Cursor | None, last: Key | None) -> Iterator[Walked]:
    """The pages behind `last`, from the cursor on; begins anew where that is refused.

    Raises StoreBroken for keys out of order, StoreUnavailable when cursors are refused again and again.
    """
    restarts = 0
    while True:
        try:
            page = source.scan(prefix, cursor)
        except CursorRefused:
            restarts += 1
            if restarts > _RESTARTS:
                raise StoreUnavailable(
                    "the source refused its own cursor again and again", "run it again"
                ) from None
            cursor = None
            continue
        skipped = sum(last is not None and head.key <= last for head in page.heads)
        heads = page.heads[skipped:]
        if any(last is not None and head.key <= last for head in heads):
            raise StoreBroken("the source's listing is out of order", "nothing more was deleted")
        if heads:
            last, restarts = heads[-1].key, 0
        yield Walked(heads, None if page.records is None else page.records[skipped:], page.next)
        if page.next is None:
            return
        cursor = page.next
