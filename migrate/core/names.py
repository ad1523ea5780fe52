"""Names that are left out of a copy and a comparison: those that an operator says, as globs, and the canary.

A class may keep more than sessions; `admin:*` says so. A name is what follows the run's prefix in a key.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

from migrate.core.partition import disjoint
from migrate.core.ports import Page
from migrate.core.record import Key

CANARY = Key("kvferry:canary")
"""A key of KV that is no session's: the session store's own (`CANARY_KEY` of migrate/edge)."""


class Names:
    """The globs of `--ignore-names`, held against keys under the run's prefixes.

    `*`, `?` and `[…]` as in a shell, except that they match every character, `/` too. The canary is left
    out whatever they say.
    """

    def __init__(self, globs: Sequence[str] = (), prefixes: Sequence[str] = ("",)) -> None:
        self.globs = tuple(dict.fromkeys(globs))
        self._prefixes = disjoint(prefixes)
        self._pattern = re.compile("|".join(fnmatch.translate(glob) for glob in self.globs) or r"(?!)")

    def match(self, key: Key) -> bool:
        """Is this key to be left out?"""
        if key == CANARY:
            return True
        if not self.globs:
            return False
        prefix = next((one for one in self._prefixes if key.startswith(one)), "")
        return self._pattern.match(key, len(prefix)) is not None

    @property
    def left_out(self) -> tuple[str, ...]:
        """What reports name: the globs, and the canary's key where a prefix covers it."""
        canary = any(CANARY.startswith(prefix) for prefix in self._prefixes)
        return (*self.globs, CANARY) if canary else self.globs


def sessions(page: Page) -> Page:
    """The page without the canary."""
    if all(head.key != CANARY for head in page.heads):
        return page
    heads = [head for head in page.heads if head.key != CANARY]
    records = None if page.records is None else [one for one in page.records if one.key != CANARY]
    return Page(heads, page.next, records)


ALL = Names()
"""Leaves nothing out but the canary."""
