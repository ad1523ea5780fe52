"""`kvferry status`: what the ledger remembers, which stages are at work, and what is next."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.errors import Exit

if TYPE_CHECKING:
    from migrate.core.document import Document
    from migrate.core.ports import Clock
    from migrate.ledger.ledger import Ledger


@click.command("status")
@click.option("--run", "only", metavar="ID", help="Only the run whose id begins so.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until interrupted.")
@click.option(
    "--target",
    metavar="ADDRESS",
    help="do+https://HOST: ask its bridge for the stages at work, counters, the journal's size, the canary.",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(
    only: str | None,
    watch: bool,
    target: str | None,
    ledger: Path,
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Show what the ledger remembers: runs, sweeps, verifies, differences, verdicts, and what is next.

    Of Durable Objects (--target, or the configuration's), also what their bridge knows of live traffic:
    which stages of the session store are at work, what it counted, writes that are half done, and how far
    the canary shows KV to lag behind.

    \b
      kvferry status
      kvferry status --run 3fa9 --json
      kvferry status --target do+https://bridge.example.com
    """
    from migrate.gate.milestones import milestones
    from migrate.ledger.status import status_document

    where = options.outputs_of("status", fmt, outputs, as_json)
    clock = SystemClock()
    typed = click.get_current_context().get_parameter_source("target") is not ParameterSource.DEFAULT_MAP
    required = typed and target is not None
    while True:
        with _opened(ledger, clock, or_empty=required) as opened:
            document = status_document(opened, only) | {"ledger": str(ledger)}
            document["migrations"] = milestones(opened, only)
            if target is not None:
                document |= _live(target, opened, clock, required=required)
        if watch and sys.stdout.isatty():
            click.clear()
        where.emit(document, sys.stdout)
        if not watch:
            return Exit.CLEAN
        time.sleep(2.0)


@contextmanager
def _opened(path: Path, clock: Clock, *, or_empty: bool) -> Iterator[Ledger]:
    """The ledger, to be read. `or_empty`: where there is none, an empty one, which is gone afterwards.

    A session store is at work before anything is exported.
    """
    from migrate.ledger.ledger import Ledger

    if path.exists() or not or_empty:
        with Ledger.open(path, clock=clock, read_only=True) as opened:
            yield opened
        return
    with (
        tempfile.TemporaryDirectory(prefix="kvferry-") as folder,
        Ledger.open(Path(folder, "ledger.db"), clock=clock) as empty,
    ):
        yield empty


def _live(target: str, ledger: Ledger, clock: Clock, *, required: bool) -> Document:
    """The member `live`. `required`: what keeps the bridge from answering is an error."""
    from migrate.live_status import live
    from migrate.opening import Opener, Settings

    opener = Opener(Settings(clock=clock), ledger, on_note=lambda line: click.echo(line, err=True))
    try:
        found = live(target, opener, clock.now(), required=required)
    finally:
        opener.close()
    return {} if found is None else {"live": found}
