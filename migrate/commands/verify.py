"""`kvferry verify`: read both stores afresh and say whether they agree."""

from __future__ import annotations

from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options


@click.command("verify")
@options.store_options
@click.option(
    "--settle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Between two readings of a difference (default: 120 for KV, 0 for sources that cannot be stale); "
    "less is a rehearsal.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How often what keeps changing is read again.",
)
@click.option(
    "--sample", type=click.IntRange(1), metavar="N", help="Only the first N keys: never a clean verdict."
)
@click.option(
    "--recheck", is_flag=True, help="Only the differences of the last verify: never a clean verdict."
)
@click.option(
    "--fast",
    is_flag=True,
    help="Read no value whose digest the listing brings (the session store keeps it in KV metadata) and the "
    "target confirms, but those of a sample. It does not open the last gate.",
)
@click.option(
    "--sample-values",
    type=click.IntRange(1),
    metavar="N",
    help="With --fast: read the values of one key in N all the same (default: 100).",
)
@click.option(
    "--fence",
    is_flag=True,
    help="A gate's verify: first put up the target's fence, behind which no sweep replaces a row; it stays "
    "up until `kvferry export --lift-fence`.",
)
@click.option("--fresh", is_flag=True, help="Begin anew instead of resuming an unfinished verify.")
@click.option("--exact", is_flag=True, help="Bytes count, even where the JSON is equal.")
@click.option(
    "--ignore",
    multiple=True,
    type=click.Choice(["metadata", "unnamed"]),
    help="What not to compare; unnamed: objects that are no session's are no doubt.",
)
@options.names_option
@options.authority_option
@click.option(
    "--stage",
    type=click.Choice(["kv", "dual-write", "shadow-read", "object-first", "object-only"]),
    default="kv",
    show_default=True,
    help="The application's stage: at shadow-read sessions may be in motion; later the target is right.",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(fmt: str | None, outputs: tuple[str, ...], as_json: bool, quiet: bool, **words: Any) -> int:
    """Read both stores afresh, in both directions, and say whether they agree.

    A difference is believed only when it is still there after --settle seconds. Kill it at any
    moment and type the same command again: it goes on where it was.

    Durable Objects are compared by the digests that they compute of what they hold: a key of their
    bridge for verify is enough. With one for values as well, JSON is compared where bytes differ;
    --fence needs one for import.

    \b
      kvferry verify --source kv: --target sqlite:sessions.db
      kvferry verify --source kv: --target sqlite:sessions.db --output junit=verify.xml
      kvferry verify --source kv: --target sqlite:sessions.db --recheck
      kvferry verify --source kv: --target sqlite:sessions.db --fence
      kvferry verify --source kv: --target do+https://bridge.example.com --fast
      kvferry verify --source kv: --target do+https://bridge.example.com
    """
    from migrate import runner

    where = options.outputs_of("verify-report", fmt, outputs, as_json)
    clock = SystemClock()
    settings, words = options.take_settings(clock, words)
    progress = options.progress(clock, quiet=quiet)
    try:
        return options.emit(where, runner.verify(settings=settings, progress=progress, **words))
    finally:
        clock.stop()
