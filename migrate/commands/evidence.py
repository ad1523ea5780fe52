"""`kvferry evidence`: what a verdict rests on, in one file."""

from __future__ import annotations

import click

from migrate.commands.lazy import LazyGroup

COMMANDS = {"export": "Write the bundle that gate accepts elsewhere, such as in CI."}


@click.group("evidence", cls=LazyGroup, summaries=COMMANDS, modules="migrate.commands.evidence_")
def command() -> None:
    """Bundle what a verdict rests on, without keys and values, for CI and reviewers."""
