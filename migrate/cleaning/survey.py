"""The look before a cleanup: how many keys would go, and when they would be gone by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from migrate.cleaning.judging import Judge, walk
from migrate.core.cleaning import Fate, tally_of
from migrate.core.ports import LISTED, Source, Tally
from migrate.core.record import Key

FOREIGN_SHOWN = 20


@dataclass(slots=True)
class Survey:
    """What a listing shows. `latest`: the last expiration of the keys that would go, Unix seconds (None: none
    of them expires); `never`: how many of them never do. `foreign`: the first keys that the target lacks."""

    tally: Tally = field(default_factory=Counter)
    latest: int | None = None
    never: int = 0
    pages: int = 0
    foreign: list[Key] = field(default_factory=list)

    @property
    def selected(self) -> int:
        """How many keys would go."""
        return self.tally[Fate.SELECTED]


def survey(source: Source, prefixes: Sequence[str], judge: Judge, looked: Callable[[int], object]) -> Survey:
    """List everything once. `looked` hears after each page how many keys were seen. Raises as `walk` does."""
    found = Survey()
    for prefix in prefixes:
        for page in walk(source, prefix, None, None):
            fates = judge.fates(page.heads)
            found.tally += tally_of(fates)
            found.pages += 1
            for head in page.heads:
                if fates[head.key] is Fate.FOREIGN and len(found.foreign) < FOREIGN_SHOWN:
                    found.foreign.append(head.key)
                if fates[head.key] is not Fate.SELECTED:
                    continue
                if isinstance(head.expiration, int):
                    found.latest = max(found.latest or 0, head.expiration)
                else:
                    found.never += 1
            looked(found.tally[LISTED])
    return found
