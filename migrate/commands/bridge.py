"""`kvferry bridge`: the bridge Worker from its first file to its removal."""

from __future__ import annotations

import click

from migrate.commands.lazy import LazyGroup

COMMANDS = {
    "init": "Write a bridge that can be deployed, for the class of this project.",
    "keys": "Sign keys with the bridge's secret, into a private file.",
    "dev": "Run it with its application on Cloudflare's local runtime.",
    "check": "Ask a bridge for everything that a copy needs, and name each remedy.",
    "rotate": "Give the bridge a new secret, which ends all keys.",
    "destroy": "Delete the bridge's Worker, when it surely owns no class.",
}
"""Every command, in the order of a bridge's life; each lives in migrate/commands/bridge_NAME.py."""


@click.group("bridge", cls=LazyGroup, summaries=COMMANDS, modules="migrate.commands.bridge_")
def command() -> None:
    """Deploy, check and remove the bridge, the Worker through which do+https:// reaches Durable Objects.

    \b
      kvferry bridge init ../sessions-bridge
      kvferry bridge keys ../sessions-bridge
      kvferry bridge check https://bridge.example.com --dir ../sessions-bridge
    """
