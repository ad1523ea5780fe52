"""Who may touch a namespace, and what the configuration says of each: part of the migration, or fenced off.

    what Cloudflare lists as bound ─┬─▶ named      deployed at the migration's stages, like the others
    [[application]] of kvferry.toml ┘   fenced     it cannot write sessions, says an operator, with a reason
                                        unnamed    nobody has said anything: it may undo the migration

A version URL and a preview run whatever code they were made of, so no stage can be rolled out to them: they
can only be ended, or fenced off.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class What(enum.StrEnum):
    """The kinds of places from which a namespace is bound, by the keys of the configuration."""

    SCRIPT = "script"
    VERSIONS = "versions"
    PAGES = "pages"
    PREVIEWS = "previews"


@dataclass(frozen=True, slots=True)
class Place:
    """A script, the version URLs of a script, a Pages project, or the other deployments of one; by name."""

    what: What
    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """What the configuration says of a place. `reason` "": it is part of the migration; else fenced off."""

    place: Place
    reason: str = ""

    @property
    def fenced(self) -> bool:
        """Is it said to write no sessions?"""
        return bool(self.reason)


Entry = Mapping[str, object]
"""As the configuration has it (`schemas/config.v1.json`): a place, and perhaps fenced and reason."""


def named(entries: Sequence[Entry]) -> tuple[Named, ...]:
    """What the list says, one for each place; of two entries for one place the later one counts."""
    found: dict[Place, Named] = {}
    for entry in entries:
        what = next(what for what in What if what.value in entry)
        place = Place(what, str(entry[what.value]))
        found[place] = Named(place, str(entry.get("reason", "")))
    return tuple(found.values())
