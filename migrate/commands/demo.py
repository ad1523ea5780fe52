"""`kvferry demo`: show on a sample Worker and sample sessions what kvferry does."""

from __future__ import annotations

from pathlib import Path

import click

from migrate.clock import SystemClock
from migrate.commands import options


@click.command("demo")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FOLDER", help="Leave the files there.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
@options.config_option
def command(keep: Path | None) -> int:
    """Show what kvferry does: audit a sample Worker, copy sample sessions, verify them, tamper with one
    row, and verify again.

    Needs no account and no network, and leaves nothing behind.
    """
    from migrate import demo

    return int(demo.run(click.echo, SystemClock(), keep))
