"""`kvferry config`: the file that describes a migration, from its first line to what it means."""

from __future__ import annotations

import click

from migrate.commands.lazy import LazyGroup

COMMANDS = {
    "init": "Write a kvferry.toml to begin with.",
    "check": "Read the configuration as every command would, and say what is wrong with it.",
    "show": "Show the value of each option of each command, and where it comes from.",
    "schema": "Print the JSON Schema of the file, for editors.",
}
"""Every command, in the order of a file's life; each lives in migrate/commands/config_NAME.py."""


@click.group("config", cls=LazyGroup, summaries=COMMANDS, modules="migrate.commands.config_")
def command() -> None:
    """Describe a migration once, in kvferry.toml, which is reviewed like code.

    \b
      kvferry config init --target do+https://bridge.example.com
      kvferry config check
      kvferry config show export
    """
