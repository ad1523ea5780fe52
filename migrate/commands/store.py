"""`kvferry store`: the session store as source in an application."""

from __future__ import annotations

import click

from migrate.commands.lazy import LazyGroup

COMMANDS = {
    "init": "Write the session store into the application, check it, or bring it up to date.",
}
"""Every command; each lives in migrate/commands/store_NAME.py."""


@click.group("store", cls=LazyGroup, summaries=COMMANDS, modules="migrate.commands.store_")
def command() -> None:
    """Give an application the session store: sessions in KV, in objects, or in both, as a stage says.

    \b
      kvferry store init src/kvferry
      kvferry rewrite --to store
    """
