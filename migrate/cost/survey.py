"""What a listing alone tells of a store: counts, expirations and sizes, page by page, no key kept."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.core.ports import Page
from migrate.core.record import UNKNOWN, expired


@dataclass(frozen=True, slots=True)
class Survey:
    """Counts over some pages; surveys of different pages are added with `+`.

    keys = never + dated + expired + unknown, where `dated` ones expire in the future and
    `expired` ones had when they were listed. `soonest`, `latest`: Unix seconds of the dated.
    `with_metadata`: keys that have any. Sizes are bytes of UTF-8; `values` is how many values
    were seen (only some stores give them with the listing), `value_bytes` their sum.
    `bulk_reads`: how many reads of the source's width the pages' keys take.
    """

    keys: int = 0
    pages: int = 0
    empty_pages: int = 0
    bulk_reads: int = 0
    never: int = 0
    dated: int = 0
    expired: int = 0
    unknown: int = 0
    soonest: int | None = None
    latest: int | None = None
    with_metadata: int = 0
    metadata_bytes: int = 0
    key_bytes: int = 0
    longest_key: int = 0
    values: int = 0
    value_bytes: int = 0

    def __add__(self, other: Survey) -> Survey:
        times = [time for time in (self.soonest, other.soonest) if time is not None]
        ends = [time for time in (self.latest, other.latest) if time is not None]
        return Survey(
            keys=self.keys + other.keys,
            pages=self.pages + other.pages,
            empty_pages=self.empty_pages + other.empty_pages,
            bulk_reads=self.bulk_reads + other.bulk_reads,
            never=self.never + other.never,
            dated=self.dated + other.dated,
            expired=self.expired + other.expired,
            unknown=self.unknown + other.unknown,
            soonest=min(times, default=None),
            latest=max(ends, default=None),
            with_metadata=self.with_metadata + other.with_metadata,
            metadata_bytes=self.metadata_bytes + other.metadata_bytes,
            key_bytes=self.key_bytes + other.key_bytes,
            longest_key=max(self.longest_key, other.longest_key),
            values=self.values + other.values,
            value_bytes=self.value_bytes + other.value_bytes,
        )


def survey_page(page: Page, width: int, now: float) -> Survey:
    """One page. `width`: keys of one read; `now`: the source's clock, Unix seconds."""
    heads, records = page.heads, page.records or ()
    dated = [
        head.expiration
        for head in heads
        if isinstance(head.expiration, int) and not expired(head.expiration, now)
    ]
    gone = sum(expired(head.expiration, now) for head in heads)
    unknown = sum(head.expiration is UNKNOWN for head in heads)
    sizes = [_size(head.key) for head in heads]
    metadata = [_size(head.metadata) for head in heads if head.metadata is not None]
    return Survey(
        keys=len(heads),
        pages=1,
        empty_pages=int(not heads),
        bulk_reads=-(-len(heads) // width),
        never=len(heads) - len(dated) - gone - unknown,
        dated=len(dated),
        expired=gone,
        unknown=unknown,
        soonest=min(dated, default=None),
        latest=max(dated, default=None),
        with_metadata=len(metadata),
        metadata_bytes=sum(metadata),
        key_bytes=sum(sizes),
        longest_key=max(sizes, default=0),
        values=len(records),
        value_bytes=sum(len(record.value) for record in records),
    )


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
