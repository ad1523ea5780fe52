"""`kvferry bridge destroy`: delete the bridge's Worker, when it surely owns no class."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from migrate.clock import SystemClock


@click.command("destroy")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--execute", is_flag=True, help="Do it; without it, only say what would be done.")
@click.option("--name", metavar="NAME", help="The bridge's name, as a confirmation (else it is asked for).")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
def command(folder: Path, execute: bool, name: str | None) -> int:
    """Delete the bridge's Worker and its secret, after its configuration and Cloudflare have said that it
    owns no class. Without --execute, only say what would be done.

    Deleting a Worker that owns a class deletes every session in it, so there is no force.

    \b
      kvferry bridge destroy ../sessions-bridge
      kvferry bridge destroy ../sessions-bridge --execute --name shop-kvferry-bridge
    """
    from migrate.bridging.destroying import Destruction, destroy

    def confirmed(wanted: str) -> str | None:
        if name is not None or not sys.stdin.isatty():
            return name
        return str(
            click.prompt(f"type the bridge's name, {wanted}, to delete it", default="", show_default=False)
        )

    clock = SystemClock()
    wish = Destruction(folder, os.environ, Path.cwd(), clock, execute=execute, confirmed=confirmed)
    try:
        return int(destroy(wish, click.echo))
    finally:
        clock.stop()
