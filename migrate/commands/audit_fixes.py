"""`kvferry audit --diff` and `--fix`: what is mended, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.errors import ConfigError, MigrateError

if TYPE_CHECKING:
    from audits.auditing import Audit
    from audits.fixing import Plan


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options that are about fixes, as typed."""

    diff: bool
    fix: bool
    unsafe: bool
    ttl: int | None

    def check(self, *, listing: bool, report: bool) -> None:
        """Raises ConfigError for words that contradict each other. `listing`: something else than
        findings was asked for; `report`: they were, but not as text on standard output."""
        if self.diff and self.fix:
            raise ConfigError("--diff and --fix exclude each other", "--diff shows what --fix would write")
        if self.diff and (listing or report):
            raise ConfigError("--diff prints a diff, and nothing else", "leave the other options out")
        if self.fix and listing:
            raise ConfigError("--fix is about findings, and they are not asked for", "leave one option out")
        if (self.unsafe or self.ttl is not None) and not (self.diff or self.fix):
            name = "--unsafe-fixes" if self.unsafe else "--ttl"
            raise ConfigError(f"{name} is for --diff and --fix", f"kvferry audit --diff {name}")


def show(found: Audit, wanted: Wanted, *, quiet: bool) -> None:
    """Print what the fixes would change."""
    from audits.formats import fixes
    from audits.project_root import way_to

    plan = _planned(found, wanted)
    click.echo(fixes.diff(plan, way_to(found.request.root, Path.cwd())), nl=False)
    _tell(plan, found, wanted, quiet=quiet)


def make(found: Audit, wanted: Wanted, *, quiet: bool) -> None:
    """Write what the fixes change; raises MigrateError when a file cannot be."""
    from audits.replacing import Replaced, replace

    plan = _planned(found, wanted)
    try:
        replace(found.request.root, plan.changed)
    except Replaced as error:
        raise MigrateError(
            f"{error.path} was not fixed: {error.reason}",
            "run the same command again; the rest may be written",
        ) from error
    _tell(plan, found, wanted, quiet=quiet)


def _planned(found: Audit, wanted: Wanted) -> Plan:
    from audits import fixing

    return fixing.plan(
        (one.finding for one in found.findings), found.request.folder.read, unsafe=wanted.unsafe
    )


def _tell(plan: Plan, found: Audit, wanted: Wanted, *, quiet: bool) -> None:
    from audits.fixing import without_end
    from audits.formats import fixes

    endless = without_end((one.finding for one in found.findings), found.operations)
    for line in fixes.account(plan, written=wanted.fix, without_end=endless):
        if not quiet:
            click.echo(line, err=True)
