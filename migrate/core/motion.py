"""Motion: whether KV shows what a row was a moment ago, so that the row has merely gone on since.

A session that is written on every request is never seen at rest: by the time that its row is read it is
not what KV showed, and a difference that changes at every reading never settles. But each write of the
session store leaves the version that the row got by it in KV's metadata, and the objects remember the last
few versions of a row and when each began. So it can be told that KV shows this very row as it was, and
that it was so until at most H ago: KV, or KV's half of the last write, may take that long.

What proves a key in motion (see `rereading`) is a later reading, H or more after the first one, that finds
it so, and KV with something else than before. The row was then still what KV shows when the verify had read
the key already: both stores agreed at that moment, as surely as if the row had been read then. A first
reading proves nothing: a late half of a write that KV has had for long may be the row's last change, from
when an application was at work that writes KV without the object. And a KV whose half was lost stays
where it is: it has not moved, and H after the row's last change it shows nothing any more that the row was
within the last H.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate.core.ports import Answer, Remembering
from migrate.core.record import Change, Key, Origin, Record, Row, Written


def behind(record: Record, row: Row, namespace: str) -> Written | None:
    """The earlier version of this row that KV shows, by the stamp; None: it shows none.

    `namespace`: of the objects, whose versions count. The value must be the one that was stamped, or
    somebody else wrote it and carried the stamp along. Only `dual` rows have versions that KV may carry
    and that KV is still right about.
    """
    written = record.written
    if written is None or written.namespace != namespace or written.version >= row.version:
        return None
    return written if row.origin is Origin.DUAL and not row.deleted and record.marked else None


def held_since(written: Written, past: Iterable[Change], since: float) -> bool:
    """Did the row still hold this version after `since`? Both by one clock, Unix seconds.

    It ended when the next version began, and no change up to that one was later. Where the memory of the row
    does not reach back so far the answer is no.
    """
    return any(change.version <= written.version + 1 and change.at > since for change in past)


def moving(pairs: Iterable[tuple[Answer, Row | None]], target: object, since: float) -> set[Key]:
    """Of which keys KV shows an earlier version of the row, which the row still held after `since`.

    `since`: by our own clock, Unix seconds. None of a target that does not remember, or does not tell its
    namespace. Raises what `Remembering.past` raises.
    """
    if not isinstance(target, Remembering) or (namespace := target.namespace) is None:
        return set()
    shown = {
        answer.key: written
        for answer, row in pairs
        if isinstance(answer, Record) and row is not None and (written := behind(answer, row, namespace))
    }
    past = target.past(list(shown)) if shown else {}
    return {key for key, written in shown.items() if held_since(written, past.get(key, ()), since)}
