"""Which prefixes belong to a migration: only its verdict lets them be deleted, and others need none."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.core.partition import disjoint, overlap
from migrate.errors import ConfigError
from migrate.formats.figures import clean
from migrate.ledger.ledger import Ledger


def known(ledger: Ledger, told: Sequence[str]) -> tuple[str, ...]:
    """The prefixes of every run that the ledger has, of whatever store, and those that were told."""
    found = {prefix for run in ledger.runs() for prefix in run.prefixes}
    return disjoint([*found, *told])


def outside(wanted: Sequence[str], migrated: Sequence[str], ask: str) -> bool:
    """Are all of them outside of the migration, by both ways of overlapping? False: all are within.

    `ask`: the command that would be right for those within. Raises ConfigError when it is not known which
    prefixes are migrated, or some are within and some are not.
    """
    if not migrated:
        raise ConfigError(
            "it is not known which prefixes a migration takes: the ledger has no run, and none was named",
            "name them with --migrated PREFIX; keys under them are deleted only by a verdict",
        )
    within = [prefix for prefix in wanted if any(overlap(prefix, other) for other in migrated)]
    if not within:
        return True
    if len(within) < len(wanted):
        raise ConfigError(
            f"{_shown(within)} belongs to a migration, other prefixes do not",
            f"clean them up one by one; for this one: {ask}",
        )
    return False


def refused(wanted: Sequence[str], migrated: Sequence[str], ask: str) -> ConfigError:
    """Why keys of a migration are not deleted without its target and its verdict."""
    others = [prefix for prefix in migrated if any(overlap(prefix, one) for one in wanted)]
    return ConfigError(
        f"{_shown(wanted)} overlaps with {_shown(others)}, which is migrated: a verdict on cleanup is needed",
        f"name the target as well: {ask}",
    )


def _shown(prefixes: Sequence[str]) -> str:
    return ", ".join(f'"{clean(prefix)}"' for prefix in prefixes)
