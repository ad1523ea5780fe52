"""`kvferry demo`: show on a sample Worker and sample sessions what kvferry does."""

from __future__ import annotations

from pathlib import Path

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.errors import ConfigError


@click.command("demo")
@click.option("--edge", is_flag=True, help="From Workers KV into Durable Objects, on the local runtime.")
@click.option("--live", is_flag=True, help="The same under load, through all stages of the session store.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FOLDER", help="Leave the files there.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
@options.config_option
def command(edge: bool, live: bool, keep: Path | None) -> int:
    """Show what kvferry does: audit a sample Worker, copy sample sessions, verify them, tamper with one
    row, and verify again.

    Needs no account and no network, and leaves nothing behind. With --edge the sessions go from real
    Workers KV into real Durable Objects on this machine; that needs Node.js 22 (pip install
    'kvferry[edge]' brings it), and npm's registry at the first time. So it does with --live, which takes
    an application under load from KV to objects, through every stage of the session store, while export,
    sweep and verify run; it ends with exit code 1 when a verify is not clean or a user saw what is wrong.
    """
    from migrate.commands.waiting import tidied

    if edge and live:
        raise ConfigError("--edge and --live are two demonstrations", "leave one out")

    with tidied():
        if live:
            from migrate.demo.live import story as live_story

            return int(live_story.run(SystemClock(), keep))
        if edge:
            from migrate.demo import edge as edge_story

            return int(edge_story.run(click.echo, SystemClock(), keep))
        from migrate.demo import story

        return int(story.run(click.echo, SystemClock(), keep))
