"""Takes what an application's session store keeps in KV metadata out of them: the member `_kvferry`.

Digest, version and stage in it are the store's own (migrate/edge/src/store/stamp.ts). `e` is the session's
expiration, which counts where KV's field cannot be right: KV takes none that is less than a minute off.
"""

from __future__ import annotations

from typing import Any

from migrate.core.record import NEVER, Expiration, Metadata
from migrate.stores import exact

MEMBER = "_kvferry"

_CLAMPED = 70
"""Seconds by which KV's field may be later than the expiration that the store was given: 60, and some for
the way. A field that is later still was written by other code, which only carried the stamp along."""


def unstamped(metadata: Metadata, expiration: Expiration) -> tuple[Metadata, Expiration]:
    """The application's own metadata and the session's expiration, from a record as KV has it.

    Metadata that were empty but for the stamp are none. Other numbers keep their spelling.
    """
    if metadata is None or MEMBER not in metadata:
        return metadata, expiration
    try:
        members = exact.precise(metadata.encode("utf-8", "surrogatepass"))
    except ValueError:
        return metadata, expiration
    if not isinstance(members, dict) or MEMBER not in members:
        return metadata, expiration
    stamp = members.pop(MEMBER)
    own = exact.dumps(members) if members else None
    return own, _true(stamp.get("e") if isinstance(stamp, dict) else None, expiration)


def _true(stamped: Any, field: Expiration) -> Expiration:
    if type(stamped) is not int or field is NEVER or not isinstance(field, int):
        return field
    return stamped if stamped <= field <= stamped + _CLAMPED else field
