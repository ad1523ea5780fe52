"""`kvferry rollback`: bring back into KV what only the target knows, before going back to dual-write."""

from __future__ import annotations

from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options


@click.command("rollback")
@options.store_options
@click.option(
    "--settle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Between two readings of KV (default, and the least: what the source and a gate call for).",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="How often a session that keeps changing settles anew.",
)
@click.option(
    "--stage",
    type=click.Choice(["kv", "dual-write", "shadow-read", "object-first", "object-only"]),
    help="For a target that cannot tell who is at work: the application's stage, by your word.",
)
@click.option("--fresh", is_flag=True, help="Begin anew instead of resuming one that was broken off.")
@options.destroying("go back")
@options.ledger_option
@options.report_options
@options.config_option
def command(
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **words: Any,
) -> int:
    """Only before going back from shadow-read to dual-write: bring into KV what only the target knows.

    Going back from object-only to object-first, and from there to shadow-read, needs nothing: do that first.
    Without --execute, only say what would be done, and what it costs.

    Every row of the application's is written to KV, with its expiration and metadata, and KV is emptied of
    deleted sessions. Once KV was seen to show that, twice and --settle seconds apart, with the row
    unchanged, KV is right about the row again. It begins when shadow-read has been everywhere for so long,
    object-first is gone, and no export is under way; afterwards no verdict counts any more. What KV has that
    the target has never had is reported, and left. Kill it at any moment and type the same command again.

    With Durable Objects it writes through their bridge, which must have the KV namespace, and needs keys for
    verify, import, values and kv.

    \b
      kvferry rollback --source kv: --target do+https://bridge.example.com
      kvferry rollback --source kv: --target do+https://bridge.example.com --execute --name NAMESPACE
      kvferry rollback --source kv: --target sqlite:sessions.db --stage shadow-read
    """
    from migrate.rollback.rolling import rollback
    from migrate.rollback.wish import Wish

    where = options.outputs_of("rollback-report", fmt, outputs, as_json)
    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        del words["project"]  # what is written into KV is the row as it is
        wish = Wish(settings=settings, **words)
        return options.emit(where, rollback(wish, options.progress(clock, quiet=quiet)))
    finally:
        clock.stop()
