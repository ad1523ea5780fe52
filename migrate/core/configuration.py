"""The configuration digest: a short name for everything that changes what a comparison means.

Two reports with one digest went by the same rules: the same prefixes, the same schema, the same fields
and stages, the same project list. It does not say which stores they looked at, nor how patiently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from migrate.core.partition import disjoint
from migrate.core.projecting import Projection

LENGTH = 12
"""Hexadecimal digits of the digest: 48 bits."""


def configuration_digest(prefixes: Sequence[str], projection: Projection, **rules: object) -> str:
    """12 hexadecimal digits of SHA-256, the same in every process and on every machine.

    `rules`: by the option's name, text, numbers, True, or lists of text. One that is None, False or
    empty is left out, so an option that is new changes no digest of those who do not use it. The
    order of lists does not matter, nor do the reasons in a project list.
    """
    given = {
        name: sorted(value) if isinstance(value, list | tuple) else value
        for name, value in rules.items()
        if value
    }
    if projection:
        given["project"] = projection.words()
    words = json.dumps([list(disjoint(prefixes)), given], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:LENGTH]
