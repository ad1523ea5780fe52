"""How much room a copy takes on the target's disk, estimated from a listing."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.cost.survey import Survey

ASSUMED_VALUE = 1024
"""Bytes, where a listing does not tell how big the values are."""

_ROW = 110
_SLACK = 1.4
_LOG = 128 * 2**20
"""Of a SQLite store: bytes of a row besides its contents, unused room, the longest log beside it."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a copy takes on the target's disk; `assumed`: values were not seen, 1 KiB each."""

    bytes: int
    assumed: bool


def room(survey: Survey, *, dump: bool = False) -> Room:
    """The room for a SQLite store of these sessions, its log and a margin included.

    `dump`: it is written out as a dump in the end, and both are there for a moment.
    """
    unseen = survey.keys - survey.values
    contents = survey.value_bytes + unseen * ASSUMED_VALUE + survey.metadata_bytes + 2 * survey.key_bytes
    file = int((contents + survey.keys * _ROW) * _SLACK)
    beside = file if dump else min(file, _LOG)
    return Room(file + beside, assumed=unseen > 0)
