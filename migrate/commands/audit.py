"""`kvferry audit`: what is wrong in the code of a Workers project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from migrate import __version__
from migrate.commands import audit_baseline, audit_config, audit_fixes, audit_options, options
from migrate.errors import ConfigError, Exit, MigrateError


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
def command(
    paths: tuple[Path, ...],
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    inventory: bool,
    statistics: bool,
    show_files: bool,
    quiet: bool,
    fail_on: str,
    exit_zero: bool,
    diff: bool,
    fix: bool,
    unsafe_fixes: bool,
    **words: Any,
) -> int:
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
    from audits import formats
    from audits.auditing import audit
    from audits.report import Report
    from migrate.commands import audit_ending as ending
    from migrate.commands.audit_request import refusals, request_of
    from migrate.formats.outputs import Outputs

    if as_json and fmt not in (None, "json"):
        raise ConfigError(f"--json and --format {fmt} exclude each other", "leave one out")
    wanted = audit_fixes.Wanted(diff, fix, unsafe_fixes, words["ttl"])
    another = as_json or bool(outputs) or fmt not in (None, "text")
    wanted.check(listing=inventory or show_files, report=another)
    if show_files and (inventory or another):
        raise ConfigError("--show-files lists files as text, and nothing else", "leave the other options out")
    written: Path | None = words["write_baseline"]
    if fix and Path("-") in paths:
        raise ConfigError("--fix cannot write to standard input", "--diff shows what it would change")
    others = {"--inventory": inventory, "--show-files": show_files, "--diff": diff, "--fix": fix}
    others |= {"--since": words["since"] is not None, "-": Path("-") in paths}
    audit_baseline.check(written, partial=next((name for name, given in others.items() if given), ""))
    known = tuple(formats.INVENTORY if inventory else formats.FORMATS)
    where = Outputs.among(known, "json" if as_json else fmt, outputs)
    request = request_of(paths, words)
    with refusals():
        found = audit(request)
        if fix:
            audit_fixes.make(found, wanted, quiet=quiet)
            found = audit(request)
    if show_files:
        return ending.show_files(found)
    if written is not None and found.collected:
        found = audit_baseline.write(found, written, quiet=quiet)
    code = ending.exit_of(found, "never" if exit_zero or inventory else fail_on)
    if diff and code != Exit.UNFINISHED:
        audit_fixes.show(found, wanted, quiet=quiet)
        return code
    report = Report(found, ending.revision_for(request.root, where), __version__, code, statistics)
    where.write(lambda name: formats.render(report, name, inventory=inventory), sys.stdout)
    if not quiet and where.format != "text":
        ending.tell_account(report, inventory=inventory)
    if code == Exit.UNFINISHED:
        raise MigrateError("there is no JavaScript or TypeScript to audit here", ending.why_nothing(found))
    return code
