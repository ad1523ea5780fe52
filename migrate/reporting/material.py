"""What a report is made of: evidence, what else is remembered, and where both are from."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from migrate.core.document import naming
from migrate.gate.bundle import Bundle
from migrate.gate.history import History

CLOCKS = 300.0
"""Seconds that the clocks of two machines may differ by."""


class Place(enum.StrEnum):
    """Where the material is from."""

    LEDGER = "ledger"
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True)
class Material:
    """All that a report goes by; it looks at nothing else.

    `remembered`: False when a bundle says nothing of what its ledger remembered. `now`: when the report is
    made, Unix seconds. `bundled`: when the bundle was made, `sha256`: of its file; None for a ledger.
    `stores`: the options that name both stores, "": those of the bundle.
    """

    bundle: Bundle
    history: History
    place: Place
    now: float
    bundled: float | None = None
    sha256: str | None = None
    stores: str = ""
    remembered: bool = True

    @property
    def naming(self) -> str:
        """The options that name both stores, for commands to type next."""
        bundle = self.bundle
        return self.stores or naming(bundle.source, bundle.target, bundle.prefixes)
