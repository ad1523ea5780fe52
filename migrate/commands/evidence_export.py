"""`kvferry evidence export`: everything that the ledger knows about two stores, without keys and values."""

from __future__ import annotations

import sys
from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.errors import Exit


@click.command("export")
@options.store_options
@options.ledger_option
@options.report_options
@options.config_option
def command(fmt: str | None, outputs: tuple[str, ...], as_json: bool, quiet: bool, **words: Any) -> int:
    """Write the evidence about two stores as one document: reports, what gates gathered, and their verdicts.

    It names no session and holds no value. kvferry gate --evidence FILE judges it where there is neither
    a ledger nor a credential; whoever changes a document in it is found out.

    \b
      kvferry evidence export --source kv: --target do+https://bridge.example.com --output json=evidence.json
      kvferry gate --for object-first --evidence evidence.json
      kvferry report --evidence evidence.json --output html=report.html
    """
    from migrate.gate.bundling import bundled

    where = options.outputs_of("evidence", fmt, outputs, as_json)
    clock = SystemClock()
    settings, words = options.take_settings(clock, words)
    found = bundled(words["source"], words["target"], settings=settings, prefixes=words["prefixes"])
    where.emit(found, sys.stdout)
    return Exit.CLEAN
