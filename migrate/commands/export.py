"""`kvferry export`: copy the sessions, sweep by sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.core.locations import LOCATION_HINTS


@click.command("export")
@options.store_options
@click.option(
    "--sweeps", type=click.IntRange(1), default=1, show_default=True, help="How many sweeps to make."
)
@click.option(
    "--settle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Between two readings of what differs (default: 120 for KV, 0 for sources that cannot be stale).",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How often what keeps changing is read again.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N keys: a trial, exit 3.")
@click.option("--dry-run", is_flag=True, help="Read and count everything, write nothing, exit 3.")
@click.option("--fresh", is_flag=True, help="Begin a new sweep instead of resuming; write a dump anew.")
@click.option("--retry-quarantined", is_flag=True, help="Read only the keys in quarantine again.")
@click.option(
    "--lift-fence",
    is_flag=True,
    help="Let sweeps replace rows again after a gate's verify (verify --fence): every verdict that rests on "
    "the fence is void then.",
)
@click.option(
    "--schema",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON Schema that every value must satisfy; the others are quarantined.",
)
@click.option(
    "--partitions",
    metavar="ALPHABET",
    help="Cut each prefix by its next character: hex, base32, base62, base64url.",
)
@options.names_option
@options.authority_option
@click.option(
    "--location-hint",
    type=click.Choice(LOCATION_HINTS),
    help="Where Durable Objects are made that nobody has asked for yet (default: as the bridge is set).",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(fmt: str | None, outputs: tuple[str, ...], as_json: bool, quiet: bool, **words: Any) -> int:
    """Copy the sessions from the source into the target.

    Nothing that is in the target already is overwritten. Kill it at any moment and type the same
    command again: it goes on where it was. Once it is complete, the same command begins the next
    sweep, which also mends what has changed since.

    Into Durable Objects it needs a key of their bridge for import, out of them one for values.

    \b
      kvferry export --source kv: --target sqlite:sessions.db
      kvferry export --source dump:sessions.ndjson --target sqlite:sessions.db --schema session.json
      kvferry export --source kv: --target dump:backup.ndjson.gz
    """
    from migrate import runner

    where = options.outputs_of("export-report", fmt, outputs, as_json)
    clock = SystemClock()
    settings, words = options.take_settings(clock, words)
    progress = options.progress(clock, quiet=quiet)
    try:
        return options.emit(where, runner.export(settings=settings, progress=progress, **words))
    finally:
        clock.stop()
