"""What is asked of a cleanup, and the command that asks for it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.confirming import Confirmed
from migrate.core.cleaning import Ageing
from migrate.core.document import Document, command, naming
from migrate.opening import Settings


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What is asked for. `target` None: none was named; `insisted`: it was, not only by the configuration,
    so the keys are those of a migration. `ageing` None: keys of any age.

    `migrated`, `configured`: prefixes that belong to a migration, by the operator's word and by the
    configuration, besides those that the ledger has runs of. `typed`: the options behind `ageing`, as they
    were typed. `dump`: a file, None: one beside the ledger; `no_dump`: none at all. `settle`: seconds before
    the listing at the end; None: as long as the source's answers may be old. `verdict`, `evidence`: files,
    None: the ledger's.
    """

    source: str
    target: str | None
    prefixes: Sequence[str]
    settings: Settings
    execute: bool
    confirmed: Confirmed
    ageing: Ageing | None = None
    typed: tuple[tuple[str, object], ...] = ()
    migrated: Sequence[str] = ()
    configured: Sequence[str] = ()
    dump: Path | None = None
    no_dump: bool = False
    settle: float | None = None
    fresh: bool = False
    verdict: Path | None = None
    evidence: Path | None = None
    insisted: bool = False

    @property
    def stores(self) -> str:
        """The options that name both stores."""
        return naming(self.source, self.target, self.prefixes, self.settings.typed())

    @property
    def selection(self) -> Document:
        """What of the keys is meant, and how it is kept: a resumed cleanup must mean the same."""
        ageing = self.ageing
        return {
            "older_than": None if ageing is None else ageing.older_than,
            "ttl": None if ageing is None else ageing.ttl,
            "age_field": None if ageing is None or ageing.field is None else list(ageing.field),
            "dump": not self.no_dump,
        }

    def again(self, verb: str = "cleanup", **options: object) -> str:
        """The command for the same, with more options."""
        own: dict[str, object] = {}
        if verb == "cleanup":
            own = {
                **dict(self.typed),
                "migrated": list(self.migrated) or None,
                "dump": self.dump,
                "no_dump": self.no_dump,
                "settle": self.settle,
                "verdict": self.verdict,
                "evidence": self.evidence,
            }
        words = {**self.settings.typed(), **own, **options}
        return command(verb, self.source, self.target, self.prefixes, words)
