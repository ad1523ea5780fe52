"""`kvferry audit`: what is wrong in the code of a Workers project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.commands import audit_baseline, audit_config, audit_fixes, audit_options, options
from migrate.errors import Exit, MigrateError

if TYPE_CHECKING:
    from audits.auditing import Audit, Request
    from migrate.commands.audit_wanted import Wanted


@click.command("audit", cls=audit_config.Configured)
@click.argument("paths", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@audit_options.rule_options
@audit_options.known_options
@audit_options.code_options
@audit_options.fix_options
@audit_options.file_options
@audit_options.report_options
@audit_options.speed_options
@options.report_options
@audit_options.config_option
def command(paths: tuple[Path, ...], **words: Any) -> int:
    """Find in the code every session that touches KV, and every put without an expiration.

    Reads the JavaScript and TypeScript under PATHS (default: the current folder); needs no
    configuration, no Node.js, no network and no credentials, and changes nothing without --fix.

    \b
      kvferry audit
      kvferry audit src --select put-without-ttl
      kvferry audit --output sarif=audit.sarif --output markdown=summary.md
      kvferry audit --inventory --format csv
      kvferry audit --diff --ttl 604800
    """
    from migrate.commands import audit_ending as ending
    from migrate.commands.audit_request import request_of
    from migrate.commands.audit_wanted import Wanted
    from migrate.formats.figures import clean

    wanted = Wanted.parse(paths, words)
    for line in () if wanted.quiet else audit_config.used(click.get_current_context()):
        click.echo(clean(line), err=True)
    found = _audited(request_of(paths, words), wanted)
    if wanted.show_files:
        return ending.show_files(found)
    code = ending.exit_of(found, wanted.fail_on)
    if wanted.fixes.diff and code != Exit.UNFINISHED:
        audit_fixes.show(found, wanted.fixes, quiet=wanted.quiet)
    else:
        ending.tell(found, wanted, code)
    if code == Exit.UNFINISHED:
        raise MigrateError("there is no JavaScript or TypeScript to audit here", ending.why_nothing(found))
    return code


def _audited(request: Request, wanted: Wanted) -> Audit:
    """The audit, after what is to be changed has been."""
    from audits.auditing import audit
    from migrate.commands.audit_request import refusals

    with refusals():
        found = audit(request)
        if wanted.fixes.fix:
            audit_fixes.make(found, wanted.fixes, quiet=wanted.quiet)
            found = audit(request)
    if wanted.baseline is not None and found.collected:
        found = audit_baseline.write(found, wanted.baseline, quiet=wanted.quiet)
    return found
