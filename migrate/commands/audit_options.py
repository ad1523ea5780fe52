"""The options of `kvferry audit`, by what they are about: the rules, the code, the files, the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

SEVERITIES = ("error", "warning", "note")
CONFIDENCES = ("high", "medium", "low")


def rule_options(command: F) -> F:
    """Which rules speak, what of it is shown, and what of it fails."""
    return _all(
        command,
        click.option(
            "--select", multiple=True, metavar="RULE", help="Only this rule, by name or code. Repeatable."
        ),
        click.option(
            "--ignore", multiple=True, metavar="RULE", help="Not this rule, by name or code. Repeatable."
        ),
        click.option(
            "--severity",
            type=click.Choice(SEVERITIES),
            default="note",
            show_default=True,
            help="The least that is shown.",
        ),
        click.option(
            "--confidence",
            type=click.Choice(CONFIDENCES),
            default="low",
            show_default=True,
            help="How certain a finding must be.",
        ),
        click.option(
            "--fail-on",
            type=click.Choice((*SEVERITIES, "never")),
            default="warning",
            show_default=True,
            help="Exit with 1 when a finding is at least so bad.",
        ),
        click.option("--exit-zero", is_flag=True, help="The same as --fail-on never."),
        click.option("--pedantic", is_flag=True, help="Also the rules for purists."),
    )


def known_options(command: F) -> F:
    """Which findings are known already."""
    return _all(
        command,
        click.option(
            "--baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Show only findings that are not in this baseline.",
        ),
        click.option(
            "--write-baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write what is found now into a baseline, to be committed; drop what is gone from it.",
        ),
        click.option(
            "--since",
            metavar="REF",
            help="Show only findings that the change since the merge base with a branch, tag or commit of "
            "git brings; what is not committed counts.",
        ),
    )


def code_options(command: F) -> F:
    """What is true of the code and cannot be read in it."""
    return _all(
        command,
        click.option(
            "--session-prefix",
            multiple=True,
            metavar="PREFIX",
            help="What keys of sessions begin with, besides spotify_session:. Repeatable.",
        ),
        click.option(
            "--binding",
            multiple=True,
            metavar="NAME",
            help="A KV binding that no configuration shows. Repeatable.",
        ),
        click.option(
            "--forever",
            multiple=True,
            metavar="GLOB",
            help="Keys that are meant to live for ever, e.g. 'config:*'. Repeatable.",
        ),
    )


def fix_options(command: F) -> F:
    """What may be done about the findings."""
    return _all(
        command,
        click.option("--diff", is_flag=True, help="Show what --fix would change, as a diff; change nothing."),
        click.option("--fix", is_flag=True, help="Mend what can be mended safely, then audit again."),
        click.option(
            "--unsafe-fixes", is_flag=True, help="With --diff or --fix: also what may change behaviour."
        ),
        click.option(
            "--ttl",
            type=click.IntRange(60),
            metavar="SECONDS",
            help="With --diff or --fix: give this expirationTtl to puts that have no expiration.",
        ),
    )


def file_options(command: F) -> F:
    """Which files are read, and how."""
    return _all(
        command,
        click.option("--include", multiple=True, metavar="GLOB", help="Only these files. Repeatable."),
        click.option(
            "--exclude", multiple=True, metavar="GLOB", help="Not these files or folders. Repeatable."
        ),
        click.option("--tests", is_flag=True, help="Also report on test files."),
        click.option(
            "--stdin-filename",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="With - for PATHS: standard input stands in for this file, and only it is reported on.",
        ),
    )


def report_options(command: F) -> F:
    """What is told besides the findings, or instead of them."""
    return _all(
        command,
        click.option("--inventory", is_flag=True, help="List every KV operation instead: text, json or csv."),
        click.option("--statistics", is_flag=True, help="End the text with how often each rule spoke."),
        click.option(
            "--show-files", is_flag=True, help="List the files that are read, and why others are not."
        ),
    )


def speed_options(command: F) -> F:
    """How much of the machine, and what is remembered."""
    return _all(
        command,
        click.option(
            "--jobs",
            type=click.IntRange(1),
            metavar="N",
            help="Processes at most (default: one per processor).",
        ),
        click.option(
            "--cache-dir",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Where parsed files are remembered (default: kvferry in the user's cache folder).",
        ),
        click.option("--no-cache", is_flag=True, help="Remember nothing, and read everything anew."),
    )


def config_option(command: F) -> F:
    """`--config`: what it says is looked at before every option, in audit_config."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="Configuration file (default: kvferry.toml, or [tool.kvferry] in pyproject.toml, of the "
        "current folder, of the audited one, and kvferry.toml of folders in it).",
    )(command)


def _all(command: F, *options: Callable[[F], F]) -> F:
    """The options in the order in which help shows them."""
    for option in reversed(options):
        command = option(command)
    return command
