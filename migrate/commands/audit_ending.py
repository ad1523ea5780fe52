"""How `kvferry audit` ends: its report, its exit code, and what it says on standard error."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate import __version__
from migrate.errors import Exit

if TYPE_CHECKING:
    from audits.auditing import Audit
    from audits.revision import Revision
    from migrate.commands.audit_wanted import Wanted
    from migrate.formats.outputs import Outputs

_WITHOUT_REVISION = {"text", "concise", "jsonl", "csv", "junit", "markdown"}


def exit_of(found: Audit, fail_on: str) -> Exit:
    """The same whatever the format. `fail_on`: a severity, or `never`."""
    from audits.finding import Severity

    if not found.collected:
        return Exit.UNFINISHED
    if fail_on == "never":
        return Exit.CLEAN
    least = Severity[fail_on.upper()]
    return Exit.AGAINST if any(one.finding.severity >= least for one in found.findings) else Exit.CLEAN


def tell(found: Audit, wanted: Wanted, code: Exit) -> None:
    """Write the report everywhere; what text ends with goes to standard error for the other formats."""
    from audits import formats
    from audits.formats.wording import account, verdict
    from audits.report import Report

    where, inventory = wanted.where, wanted.inventory
    revision = _revision(found.request.root, where)
    report = Report(found, revision, __version__, code, wanted.statistics, _folder(found))
    where.write(lambda name: formats.render(report, name, inventory=inventory), sys.stdout)
    if not wanted.quiet and where.format != "text":
        for line in [*account(report), *([] if inventory else [verdict(report)])]:
            click.echo(line, err=True)
    if not wanted.quiet and not found.request.replaced:
        _point_above(found.request.root)


def _point_above(root: Path) -> None:
    """What is above was not read, and may bind a namespace, or call what was."""
    from audits.formats.wording import one_line
    from audits.project_root import whole

    project = whole(root)
    if project is not None:
        way = one_line(os.path.relpath(project))
        click.echo(
            f"this is a part of the project in {way}, which was not read: kvferry audit {way}", err=True
        )


def _folder(found: Audit) -> str:
    from audits.project_root import way_to

    return way_to(found.request.root, Path.cwd())


def _revision(root: Path, where: Outputs) -> Revision:
    """Asked for only by formats that say it: git takes its time."""
    from audits.revision import Revision, revision

    names = {where.format, *(one.format for one in where.files)}
    return revision(root) if names - _WITHOUT_REVISION else Revision()


def show_files(found: Audit) -> Exit:
    """List what was read, and why the rest was not."""
    from audits.formats.wording import one_line

    for path in found.collected:
        click.echo(one_line(_folder(found) + path))
    for reason, paths in found.analysis.skipped.items():
        for path in paths:
            click.echo(f"skipped: {one_line(reason)}: {one_line(_folder(found) + path)}", err=True)
    return Exit.CLEAN if found.collected else Exit.UNFINISHED


def why_nothing(found: Audit) -> str:
    """What to do when there was nothing to audit."""
    skipped = sum(map(len, found.analysis.skipped.values()))
    return (
        "see what is skipped and why: kvferry audit --show-files" if skipped else "name the project's folder"
    )
