"""Which files an application needs for the session store: what its modules import. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

ENTRIES = ("session-store.ts", "migration-stats.ts")
"""What an application imports: the store, and the class of its statistics."""

_FROM = re.compile(r'^(?:import|export|\})[^"\n]* from "(\.[^"]+)";$', re.MULTILINE)


def closure(sources: Mapping[str, str], *entries: str) -> dict[str, str]:
    """These files and all that they import, types included, by their paths; sorted.

    `sources`: the texts of all files there are. Raises KeyError for an import of another one.
    """
    found: dict[str, str] = {}
    ahead = list(entries)
    while ahead:
        path = ahead.pop()
        if path not in found:
            found[path] = sources[path]
            folder = posixpath.dirname(path)
            ahead += [posixpath.normpath(posixpath.join(folder, one)) for one in _FROM.findall(sources[path])]
    return dict(sorted(found.items()))
