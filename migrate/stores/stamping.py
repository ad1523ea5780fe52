"""Puts the session store's member `_kvferry` into KV metadata, out of which `stamp` takes it again."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from migrate.core.record import Expiration, Metadata
from migrate.stores import exact
from migrate.stores.stamp import MEMBER

LONGEST = 1024
"""Bytes of JSON, KV's limit."""


class Holds(enum.Enum):
    """How much of the stamp the metadata hold: what is left out is counted."""

    ALL = "all"
    EXPIRATION = "expiration"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Stamp:
    """`expiration`: the session's (never unknown), because KV takes none that is less than a minute off.
    `digest`: the value's, as text. `version`: the row's, None where the object did not tell. `stage`: stage
    and namespace of the objects, so that a foreign writer is known; None with `digest`: left out."""

    expiration: Expiration
    digest: str | None = None
    version: int | None = None
    stage: str | None = None


def stamped(metadata: Metadata, stamp: Stamp | None) -> tuple[Metadata, Holds]:
    """Metadata as they are put. `metadata`: the application's; `stamp` None: there is none."""
    if stamp is None:
        return metadata, Holds.ALL
    own = {} if metadata is None else exact.precise(metadata.encode("utf-8", "surrogatepass"))
    if not isinstance(own, dict):
        return metadata, Holds.NOTHING
    others = {name: value for name, value in own.items() if name != MEMBER}
    until = {"e": stamp.expiration if isinstance(stamp.expiration, int) else None}
    for members, holds in ((_members(stamp) | until, Holds.ALL), (until, Holds.EXPIRATION)):
        text = exact.dumps({**others, MEMBER: members})
        if len(text.encode("utf-8", "surrogatepass")) <= LONGEST:
            return text, holds
    return exact.dumps(others) if others else None, Holds.NOTHING


def _members(stamp: Stamp) -> dict[str, Any]:
    given = {"d": stamp.digest, "v": stamp.version, "s": stamp.stage}
    return {name: value for name, value in given.items() if value is not None}
