"""`kvferry finish`: end the migration; only now may a target forget what has expired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.clock import SystemClock
from migrate.commands import options

if TYPE_CHECKING:
    from migrate.confirming import Confirmed

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("finish")
@options.store_options
@click.option(
    "--verdict", type=_FILE, metavar="FILE", help="The verdict of gate --for cleanup (default: the ledger's)."
)
@click.option(
    "--evidence",
    type=_FILE,
    metavar="FILE",
    help="What that verdict rests on, of kvferry evidence export (default: the ledger's).",
)
@options.destroying("finish")
@options.ledger_option
@options.config_option
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
def command(
    verdict: Path | None,
    evidence: Path | None,
    execute: bool,
    confirmed: Confirmed,
    quiet: bool,
    **words: Any,
) -> int:
    """End the migration, with an open verdict on cleanup. Without --execute, only say what would be done.

    From then on nothing is copied into the target any more, and there is no way back. Only then may it
    forget sessions that have expired and logouts that need not be remembered.

    The verdict is checked again: that it is for cleanup of these stores and has not expired, that what it
    rests on is there as it was, and that nothing found since speaks against it. A bridge is asked
    whether anybody reads KV again: then it ends with 1, and where the bridge does not answer, with 3.

    \b
      kvferry gate --for cleanup --source kv: --target do+https://bridge.example.com --audit .
      kvferry finish --source kv: --target do+https://bridge.example.com
      kvferry finish --source kv: --target do+https://bridge.example.com --execute --name NAMESPACE
    """
    from migrate.gate.finish import Finish, finish

    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        wish = Finish(
            words["source"],
            words["target"],
            words["prefixes"],
            settings,
            execute,
            confirmed,
            verdict,
            evidence,
        )
        return int(finish(wish, click.echo, options.progress(clock, quiet=quiet)))
    finally:
        clock.stop()
