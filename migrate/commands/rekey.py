"""`kvferry rekey`: live sessions in Workers KV that need another prefix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.clock import SystemClock
from migrate.commands import options

if TYPE_CHECKING:
    from migrate.confirming import Confirmed


@click.command("rekey")
@click.argument("old")
@click.argument("new")
@options.renamed_store_options
@click.option(
    "--delete-old",
    is_flag=True,
    help="The code uses the new names everywhere: delete the old ones whose twins are the same or newer.",
)
@click.option(
    "--settle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long between two looks (default: 120 for kv, 0 for kv+http).",
)
@click.option(
    "--dump",
    type=click.Path(path_type=Path),
    metavar="FILE.ndjson",
    help="Where old records go before they are deleted (default: a file beside the ledger).",
)
@click.option("--no-dump", is_flag=True, help="Delete without keeping the records: there is no way back.")
@click.option("--fresh", is_flag=True, help="With --delete-old: look at all old names anew.")
@options.destroying("write to it")
@options.ledger_option
@options.report_options
@options.config_option
def command(
    old: str,
    new: str,
    delete_old: bool,
    settle: float | None,
    dump: Path | None,
    no_dump: bool,
    fresh: bool,
    execute: bool,
    confirmed: Confirmed,
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **words: Any,
) -> int:
    """Give live sessions in Workers KV another prefix: copy, look again, switch the code, delete old names.

    Value, metadata and expiration are copied as they are. KV cannot insert only what is absent, so kvferry
    copies only while the application uses OLD alone: it refuses once new names are written that it did not
    write. Until the switch the same command copies what has changed, and deletes the copies of sessions
    that were logged out. It ends with 3: switch the code, then go on with --delete-old.

    An old name is deleted only if its twin was the same, or newer, in two looks apart; one without a twin is
    the only copy, and is kept. Without --execute nothing is written. Kill it at any moment and type the
    same command again.

    \b
      kvferry rekey session: spotify_session: --source kv:
      kvferry rekey session: spotify_session: --source kv: --execute --name NAMESPACE
      kvferry rekey session: spotify_session: --source kv: --delete-old --execute --name NAMESPACE
    """
    from migrate.core.rekeying import Names
    from migrate.errors import ConfigError
    from migrate.rekeying.run import rekey
    from migrate.rekeying.wish import Rekey

    where = options.outputs_of("rekey-report", fmt, outputs, as_json)
    if dump is not None and no_dump:
        raise ConfigError("--dump and --no-dump exclude each other", "leave one out")
    if fresh and not delete_old:
        raise ConfigError(
            "what was copied is not forgotten: it tells whose the new names are", "leave --fresh out"
        )
    names = Names(old, new)
    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        wish = Rekey(
            words["source"],
            names,
            settings,
            execute,
            confirmed,
            delete_old,
            settle,
            dump,
            no_dump,
            fresh,
        )
        said = options.progress(clock, quiet=quiet)
        return options.emit(where, rekey(wish, lambda line: click.echo(line, err=True), said))
    finally:
        clock.stop()
