"""`kvferry cleanup`: delete from Workers KV what the target holds, or what is old under another prefix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.commands.lengths import LENGTH
from migrate.errors import ConfigError

if TYPE_CHECKING:
    from migrate.confirming import Confirmed
    from migrate.core.cleaning import Ageing

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("cleanup")
@options.cleaned_store_options
@click.option(
    "--older-than",
    type=LENGTH,
    metavar="LENGTH",
    help="Only keys last written longer ago, e.g. 7d, 12h. Needs --ttl or --age-field; of unknown age: kept.",
)
@click.option(
    "--ttl",
    type=LENGTH,
    metavar="LENGTH",
    help="How long every write of the prefix lives, e.g. 14d: an expiration then tells when it was written.",
)
@click.option(
    "--age-field",
    metavar="POINTER",
    help="Where metadata tell when it was written, e.g. /createdAt: Unix seconds or ms, or ISO 8601.",
)
@click.option(
    "--migrated",
    multiple=True,
    metavar="PREFIX",
    help="A prefix that a migration takes, besides those that ledger and configuration know. Repeatable.",
)
@click.option(
    "--dump",
    type=click.Path(path_type=Path),
    metavar="FILE.ndjson",
    help="Where the records go before they are deleted (default: a file beside the ledger).",
)
@click.option("--no-dump", is_flag=True, help="Delete without keeping the records: there is no way back.")
@click.option(
    "--settle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long to wait before the listing at the end (default: 120 for kv, 0 for kv+http).",
)
@click.option("--fresh", is_flag=True, help="Begin anew instead of going on with an unfinished one.")
@click.option(
    "--verdict", type=_FILE, metavar="FILE", help="The verdict of gate --for cleanup (default: the ledger's)."
)
@click.option(
    "--evidence",
    type=_FILE,
    metavar="FILE",
    help="What that verdict rests on, of kvferry evidence export (default: the ledger's).",
)
@options.destroying("delete keys from it")
@options.ledger_option
@options.report_options
@options.config_option
def command(
    older_than: int | None,
    ttl: int | None,
    age_field: str | None,
    migrated: tuple[str, ...],
    dump: Path | None,
    no_dump: bool,
    settle: float | None,
    fresh: bool,
    verdict: Path | None,
    evidence: Path | None,
    execute: bool,
    confirmed: Confirmed,
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **words: Any,
) -> int:
    """Delete keys from Workers KV in bulk. Without --execute, only say what would go, and what it costs.

    Keys of a migration go only with an open verdict on cleanup, and only those that the target holds,
    be it as a session, expired or not, or as a logout: what it lacks is kept and reported. Keys of other
    prefixes need no verdict and no --target; a prefix that overlaps with a migrated one is refused.
    While keys of a migration go, its bridge is asked whether anybody reads KV: then no more are deleted.

    Everything is dumped before it is deleted. Kill it at any moment and type the same command again.
    KV deletes whatever is there: what is written under a key while it is cleaned up may be lost.

    \b
      kvferry cleanup --source kv: --target do+https://bridge.example.com
      kvferry cleanup --source kv: --target do+https://bridge.example.com --execute --name NAMESPACE
      kvferry cleanup --source kv: --prefix cache:temp: --older-than 7d --ttl 14d
      kvferry cleanup --source kv: --prefix cache:temp: --older-than 7d --age-field /createdAt
    """
    from migrate.cleaning.run import cleanup
    from migrate.cleaning.wish import Cleanup
    from migrate.formats.figures import clean
    from migrate.gate.using import Refusal

    where = options.outputs_of("cleanup-report", fmt, outputs, as_json)
    ageing = _ageing(older_than, ttl, age_field)
    if dump is not None and no_dump:
        raise ConfigError("--dump and --no-dump exclude each other", "leave one out")
    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        typed = (("older_than", older_than), ("ttl", ttl), ("age_field", age_field))
        wish = Cleanup(
            words["source"],
            words["target"],
            words["prefixes"],
            settings,
            execute,
            confirmed,
            ageing,
            typed,
            migrated,
            options.migrated_prefixes(),
            dump,
            no_dump,
            settle,
            fresh,
            verdict,
            evidence,
            options.typed("target"),
        )
        ended = cleanup(wish, lambda line: click.echo(line, err=True), options.progress(clock, quiet=quiet))
        if isinstance(ended, Refusal):
            click.echo(f"FAILED  verdict  {clean(ended.said)}", err=True)
            click.echo(f"        → {clean(ended.todo)}", err=True)
            return int(ended.exit)
        return options.emit(where, ended)
    finally:
        clock.stop()


def _ageing(older_than: int | None, ttl: int | None, field: str | None) -> Ageing | None:
    """Raises ConfigError where an age is wanted and there is no way to know it, or two."""
    from migrate.core.cleaning import Ageing
    from migrate.core.projecting import steps

    if older_than is None:
        if ttl is not None or field is not None:
            raise ConfigError("--ttl and --age-field say how to know an age", "--older-than 7d says which")
        return None
    if (ttl is None) == (field is None):
        raise ConfigError(
            "--older-than needs one way to know when a key was written",
            "--ttl 14d where every write lives that long, or --age-field /createdAt where metadata tell it",
        )
    if ttl is not None and older_than >= ttl:
        raise ConfigError(
            "a key that is older than its TTL has expired already", "give a shorter --older-than"
        )
    return Ageing(float(older_than), ttl, None if field is None else steps(field, "--age-field"))
