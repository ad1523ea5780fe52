"""Proving by listing: which keys of a fast verify are equal although their values were not read.

Where the application's session store keeps a digest of the value in KV metadata, a listing says what its
value should be. That is the writer's word about the source: a share of the values, chosen by a hash, is
read all the same. Of the target nobody's word is taken: its digests are computed from what it stores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migrate.core.ports import Cursor, Page
from migrate.core.record import Head, Key, Row, Unseen, digest, same_expiration, same_metadata

_READS = 16
"""Reads that one stretch has at most, and that can be made at once."""

_HEADS, _MOST_HEADS = 10_000, 50_000
"""Heads behind which a stretch ends with its next full read, and at the latest."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """One key in `one_in` is read although its listing proves it, by a hash of the key and of `salt`."""

    one_in: int
    salt: str

    def picks(self, key: Key) -> bool:
        """Is it one of the sample? The same for the same key and salt, whenever it is asked."""
        text = f"{self.salt}\0{key}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8]) % self.one_in == 0


def equal_by_listing(head: Head, row: Row | None) -> bool:
    """Do a listed key and the target's row agree, as far as the stamp in the listing can be believed?"""
    if row is None or row.value is None or head.stamped is None:
        return False
    held = row.value.digest if isinstance(row.value, Unseen) else digest(row.value)
    return (
        held == head.stamped
        and same_expiration(head.expiration, row.expiration)
        and same_metadata(head.metadata, row.metadata)
    )


def stretches(
    pages: Iterable[tuple[Cursor | None, Page]], after: Key | None, sampling: Sampling, width: int
) -> Iterator[Page]:
    """The heads behind `after`, cut so that as few reads as possible are less than `width` keys wide.

    `pages` come with the cursor that listed them. A stretch that ends within a page has that page's
    cursor as its `next`: whoever goes on there must leave out what it has had. The last one's is None.
    """
    heads: list[Head] = []
    wanted = 0
    for cursor, page in pages:
        for head in page.heads:
            if after is not None and head.key <= after:
                continue
            heads.append(head)
            wanted += head.stamped is None or sampling.picks(head.key)
            # The first page has no cursor to come back to.
            if cursor is not None and _ends(len(heads), wanted, width):
                yield Page(heads, cursor)
                heads, wanted = [], 0
    yield Page(heads, None)


def _ends(heads: int, wanted: int, width: int) -> bool:
    full = wanted > 0 and wanted % width == 0
    return heads >= _MOST_HEADS or (full and (heads >= _HEADS or wanted >= _READS * width))
