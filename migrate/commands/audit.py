"""`kvferry audit`: what is wrong in the code of a Workers project."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate import __version__
from migrate.commands import options
from migrate.errors import ConfigError, Exit, MigrateError

if TYPE_CHECKING:
    from audits.auditing import Audit, Request
    from audits.report import Report
    from audits.revision import Revision
    from migrate.formats.outputs import Outputs

_SEVERITIES = ("error", "warning", "note")
_CONFIDENCES = ("high", "medium", "low")


def _load_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Defaults from the configuration; what it says of keys and bindings in general is meant here too."""
    from migrate.config import load

    found = load(path, Path.cwd()).get("audit", {})
    found["session_prefix"] = found.get("session_prefix", found.get("prefix", ()))
    found["binding"] = found.get("bindings", [found["binding"]] if "binding" in found else ())
    ctx.default_map = {**(ctx.default_map or {}), **found}
    return path


@click.command("audit")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--select", multiple=True, metavar="RULE", help="Only this rule, by name or code. Repeatable.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not this rule, by name or code. Repeatable.")
@click.option(
    "--severity",
    type=click.Choice(_SEVERITIES),
    default="note",
    show_default=True,
    help="The least that is shown.",
)
@click.option(
    "--confidence",
    type=click.Choice(_CONFIDENCES),
    default="low",
    show_default=True,
    help="How certain a finding must be.",
)
@click.option(
    "--fail-on",
    type=click.Choice((*_SEVERITIES, "never")),
    default="warning",
    show_default=True,
    help="Exit with 1 when a finding is at least so bad.",
)
@click.option("--exit-zero", is_flag=True, help="The same as --fail-on never.")
@click.option(
    "--session-prefix",
    multiple=True,
    metavar="PREFIX",
    help="What keys of sessions begin with, besides spotify_session:. Repeatable.",
)
@click.option(
    "--binding", multiple=True, metavar="NAME", help="A KV binding that no configuration shows. Repeatable."
)
@click.option(
    "--forever",
    multiple=True,
    metavar="GLOB",
    help="Keys that are meant to live for ever, e.g. 'config:*'. Repeatable.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Only these files. Repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files or folders. Repeatable.")
@click.option("--tests", is_flag=True, help="Also report on test files.")
@click.option("--inventory", is_flag=True, help="List every KV operation instead: text, json or csv.")
@click.option("--statistics", is_flag=True, help="End the text with how often each rule spoke.")
@click.option("--show-files", is_flag=True, help="List the files that are read, and why others are not.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes at most (default: one per processor)."
)
@click.option(
    "--cache-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where parsed files are remembered (default: kvferry in the user's cache folder).",
)
@click.option("--no-cache", is_flag=True, help="Remember nothing, and read everything anew.")
@options.report_options
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=_load_config,
    expose_value=False,
    help="Configuration file (default: kvferry.toml, or [tool.kvferry] in pyproject.toml).",
)
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
    **words: Any,
) -> int:
    """Find in the code every session that touches KV, and every put without an expiration.

    Reads the JavaScript and TypeScript under PATHS (default: the current folder); needs no
    configuration, no Node.js, no network and no credentials, and changes nothing.

    \b
      kvferry audit
      kvferry audit src --select put-without-ttl
      kvferry audit --output sarif=audit.sarif --output markdown=summary.md
      kvferry audit --inventory --format csv
    """
    from audits import formats
    from audits.auditing import audit
    from audits.report import Report

    if as_json and fmt not in (None, "json"):
        raise ConfigError(f"--json and --format {fmt} exclude each other", "leave one out")
    if show_files and (inventory or as_json or outputs or fmt not in (None, "text")):
        raise ConfigError("--show-files lists files as text, and nothing else", "leave the other options out")
    where = _outputs(tuple(formats.INVENTORY if inventory else formats.FORMATS), fmt, outputs, as_json)
    request = _request(paths, words)
    found = audit(request)
    if show_files:
        return _show_files(found)
    code = _exit(found, "never" if exit_zero or inventory else fail_on)
    report = Report(found, _revision(request.root, where), __version__, code, statistics)
    where.write(lambda name: formats.render(report, name, inventory=inventory), sys.stdout)
    if not quiet and (where.format != "text"):
        _account(report, inventory)
    if code == Exit.UNFINISHED:
        raise MigrateError("there is no JavaScript or TypeScript to audit here", _why_nothing(found))
    return code


def _outputs(known: tuple[str, ...], fmt: str | None, outputs: tuple[str, ...], as_json: bool) -> Outputs:
    from migrate.formats.outputs import Outputs

    return Outputs.among(known, "json" if as_json else fmt, outputs)


def _request(paths: tuple[Path, ...], words: dict[str, Any]) -> Request:
    from audits.auditing import Request
    from audits.finding import Severity
    from audits.operation import Confidence
    from audits.project_root import area
    from audits.rules.rule import Settings

    meant = area(paths, Path.cwd())
    prefixes = (*Settings().prefixes, *(prefix for prefix in words["session_prefix"] if prefix))
    return Request(
        meant.root,
        meant.paths,
        select=_rules(words["select"]),
        ignore=_rules(words["ignore"]),
        severity=Severity[words["severity"].upper()],
        confidence=Confidence[words["confidence"].upper()],
        settings=Settings(
            prefixes=tuple(dict.fromkeys(prefixes)), forever=tuple(words["forever"]), now=time.time()
        ),
        bindings=tuple(words["binding"]),
        include=tuple(words["include"]),
        exclude=tuple(words["exclude"]),
        tests=words["tests"],
        jobs=words["jobs"] or os.cpu_count() or 1,
        cache=None if words["no_cache"] else words["cache_dir"] or _cache(),
    )


def _rules(names: Iterable[str]) -> tuple[str, ...]:
    """Names of rules for names or codes, which may be separated by commas."""
    from audits.rules import lookup

    found: list[str] = []
    for name in (part for word in names for part in word.split(",") if part.strip()):
        rule = lookup(name)
        if rule is None:
            raise ConfigError(f"there is no rule {name.strip()!r}", "kvferry rules lists them")
        found.append(rule.name)
    return tuple(dict.fromkeys(found))


def _cache() -> Path | None:
    """The user's cache folder, None when there is no home to have one."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "kvferry" / "audit"


def _exit(found: Audit, fail_on: str) -> Exit:
    from audits.finding import Severity

    if not found.collected:
        return Exit.UNFINISHED
    if fail_on == "never":
        return Exit.CLEAN
    least = Severity[fail_on.upper()]
    return Exit.AGAINST if any(one.finding.severity >= least for one in found.findings) else Exit.CLEAN


def _revision(root: Path, where: Outputs) -> Revision:
    """Asked for only by formats that say it: git takes its time."""
    from audits.revision import Revision, revision

    names = {where.format, *(one.format for one in where.files)}
    return revision(root) if names - {"text", "concise", "jsonl", "csv", "junit", "markdown"} else Revision()


def _account(report: Report, inventory: bool) -> None:
    from audits.formats.wording import account, verdict

    for line in account(report):
        click.echo(line, err=True)
    if not inventory:
        click.echo(verdict(report), err=True)


def _show_files(found: Audit) -> int:
    from audits.formats.wording import one_line

    for path in found.collected:
        click.echo(one_line(path))
    for reason, paths in found.analysis.skipped.items():
        for path in paths:
            click.echo(f"skipped: {one_line(reason)}: {one_line(path)}", err=True)
    return Exit.CLEAN if found.collected else Exit.UNFINISHED


def _why_nothing(found: Audit) -> str:
    skipped = sum(map(len, found.analysis.skipped.values()))
    return (
        "see what is skipped and why: kvferry audit --show-files" if skipped else "name the project's folder"
    )
