"""Names that an operator leaves out of a copy and a comparison, as globs.

A class may keep more than sessions; `admin:*` says so. A name is what follows the run's prefix in a key.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

from migrate.core.partition import disjoint
from migrate.core.record import Key


class Names:
    """The globs of `--ignore-names`, held against keys under the run's prefixes.

    `*`, `?` and `[…]` as in a shell, except that they match every character, `/` too.
    """

    def __init__(self, globs: Sequence[str] = (), prefixes: Sequence[str] = ("",)) -> None:
        self.globs = tuple(dict.fromkeys(globs))
        self._prefixes = disjoint(prefixes)
        self._pattern = re.compile("|".join(fnmatch.translate(glob) for glob in self.globs) or r"(?!)")

    def match(self, key: Key) -> bool:
        """Is this key to be left out?"""
        if not self.globs:
            return False
        prefix = next((one for one in self._prefixes if key.startswith(one)), "")
        return self._pattern.match(key, len(prefix)) is not None


ALL = Names()
"""Leaves nothing out."""
