"""Takes what an application's session store keeps in KV metadata out of them: the member `_kvferry`.

Digest, version and stage in it are the store's own (migrate/edge/src/store/stamp.ts). `e` is the session's
expiration, which counts where KV's field cannot be right: KV takes none that is less than a minute off.

`d` is the value's digest, by which a fast verify knows the value without reading it. `v` is the version of
the row that the same write made, and `s` the stage and, behind an @, the namespace of the row's object: by
them a verify knows how far KV is behind.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

from migrate.core.record import NEVER, Digest, Expiration, Metadata, Written
from migrate.stores import exact

MEMBER = "_kvferry"

_CLAMPED = 70
"""Seconds by which KV's field may be later than the expiration that the store was given: 60, and some for
the way. A field that is later still was written by other code, which only carried the stamp along."""


class Listed(NamedTuple):
    """The application's own metadata, the session's expiration, the value's digest by the stamp (None: it has
    none that can be believed), and which write it was (None: as little, or the object did not tell)."""

    metadata: Metadata
    expiration: Expiration
    stamped: Digest | None = None
    written: Written | None = None


def unstamped(metadata: Metadata, expiration: Expiration) -> tuple[Metadata, Expiration]:
    """The application's own metadata and the session's expiration, from a record as KV has it.

    Metadata that were empty but for the stamp are none. Other numbers keep their spelling.
    """
    found = listed(metadata, expiration)
    return found.metadata, found.expiration


def listed(metadata: Metadata, expiration: Expiration) -> Listed:
    """As `unstamped`, and what the stamp says of the value.

    It is believed only if the stamp's expiration is the one in KV's own field: code that carries a stamp
    along with another value mostly gives it another expiration. A session near its end, for which KV's
    field is later, has none either: there are few of them.
    """
    if metadata is None or MEMBER not in metadata:
        return Listed(metadata, expiration)
    try:
        members = exact.precise(metadata.encode("utf-8", "surrogatepass"))
    except ValueError:
        return Listed(metadata, expiration)
    if not isinstance(members, dict) or MEMBER not in members:
        return Listed(metadata, expiration)
    stamp = members.pop(MEMBER)
    own = exact.dumps(members) if members else None
    if not isinstance(stamp, dict):
        return Listed(own, expiration)
    digest = _digest(stamp, expiration)
    written = None if digest is None else _written(stamp)
    return Listed(own, _true(stamp.get("e"), expiration), digest, written)


def _digest(stamp: dict[str, Any], field: Expiration) -> Digest | None:
    text, until = stamp.get("d"), stamp.get("e", "none was given")
    same = until is None if field is NEVER else type(until) is int and until == field
    if not same or type(text) is not str or len(text) != 22:
        return None
    try:
        return Digest(base64.b64decode(text + "==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None


def _written(stamp: dict[str, Any]) -> Written | None:
    version, where = stamp.get("v"), stamp.get("s")
    if type(version) is not int or version < 1 or type(where) is not str:
        return None
    namespace = where.partition("@")[2]
    return Written(version, namespace) if namespace else None


def _true(stamped: Any, field: Expiration) -> Expiration:
    if type(stamped) is not int or field is NEVER or not isinstance(field, int):
        return field
    return stamped if stamped <= field <= stamped + _CLAMPED else field
