"""`kvferry status`: what the ledger remembers, and what is next."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.errors import Exit


@click.command("status")
@click.option("--run", "only", metavar="ID", help="Only the run whose id begins so.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until interrupted.")
@options.ledger_option
@options.report_options
@options.config_option
def command(
    only: str | None,
    watch: bool,
    ledger: Path,
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Show what the ledger remembers: runs, sweeps, verifies, differences, and what is next.

    \b
      kvferry status
      kvferry status --run 3fa9 --json
    """
    from migrate.ledger.ledger import Ledger
    from migrate.ledger.status import status_document

    where = options.outputs_of("status", fmt, outputs, as_json)
    clock = SystemClock()
    while True:
        with Ledger.open(ledger, clock=clock, read_only=True) as opened:
            document = status_document(opened, only)
        if watch and sys.stdout.isatty():
            click.clear()
        where.emit(document, sys.stdout)
        if not watch:
            return Exit.CLEAN
        time.sleep(2.0)
