"""The configuration of a run: a digest of the rules, and what of it stood in which file.

The digest is a short name for everything that changes what a comparison means.

Two reports with one digest went by the same rules: the same prefixes, the same schema, the same fields
and stages, the same project list. It does not say which stores they looked at, nor how patiently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.document import Document
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


@dataclass(frozen=True, slots=True)
class UsedFile:
    """The configuration file that a command used. `where`: its name, and the place in it. `values`: what it
    took, as it is typed, by option. `overridden`: options whose value there the command line replaced."""

    where: str
    values: Mapping[str, str] = field(default_factory=dict)
    overridden: Sequence[str] = ()

    def line(self) -> str:
        """In one line, for people; "" when nothing in it is for the command."""
        if not self.values and not self.overridden:
            return ""
        taken = ", ".join(f"{key} {value}" for key, value in self.values.items())
        typed = ", ".join(f"--{key}" for key in self.overridden)
        return f"{self.where}: {taken or 'nothing'}" + (f" ({typed} from the command line)" if typed else "")

    def document(self) -> Document:
        """The member `config_file` of reports."""
        return {"name": self.where, "used": dict(self.values), "overridden": list(self.overridden)}
