"""`kvferry repair`: mend what a verify has found and no sweep mends, and look at just that again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.core.locations import LOCATION_HINTS
from migrate.errors import ConfigError


def _time(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """Unix seconds of a time as it is typed."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--gone-since {text!r} is no time", "for example 2026-11-20T06:41:00Z, or Unix seconds"
        ) from None
    return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).timestamp()


@click.command("repair")
@options.store_options
@click.option(
    "--tombstone-deleted",
    is_flag=True,
    help="Make tombstones of rows whose session was deleted in KV only, once nobody writes KV alone.",
)
@click.option(
    "--refresh-kv",
    is_flag=True,
    help="Make KV show what the target is right about: sessions of the application's own since object-first, "
    "and logouts.",
)
@click.option(
    "--gone-since",
    metavar="TIME",
    callback=_time,
    help="With --tombstone-deleted: by your word, since when nobody at kv or dual-write is at work, where "
    "heartbeats and deployments do not tell (ISO 8601, or Unix seconds).",
)
@click.option(
    "--most",
    is_flag=True,
    help="With --tombstone-deleted: bury even where KV lacks most of the rows, which else looks like another "
    "namespace, and is refused.",
)
@click.option(
    "--settle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Between two readings (default: 120 for KV, 0 for sources that cannot be stale).",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How often what keeps changing is read again.",
)
@click.option(
    "--stage",
    type=click.Choice(["kv", "dual-write", "shadow-read", "object-first", "object-only"]),
    help="The application's stage (default: the last verify's).",
)
@options.authority_option
@click.option(
    "--schema",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON Schema that every value must satisfy that is copied; the others are quarantined.",
)
@click.option(
    "--location-hint",
    type=click.Choice(LOCATION_HINTS),
    help="Where Durable Objects are made that nobody has asked for yet (default: as the bridge is set).",
)
@click.option("--fresh", is_flag=True, help="Begin anew instead of resuming one that was broken off.")
@options.destroying("repair")
@options.ledger_option
@options.report_options
@options.config_option
def command(
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    tombstone_deleted: bool,
    refresh_kv: bool,
    **words: Any,
) -> int:
    """Mend what the last verify found, and verify just these keys. Without --execute, only say what would be
    done.

    By itself it copies the sessions that the verify reported missing, as far as the target still lacks them.
    With --tombstone-deleted it buries rows that KV lacks: it reads them and KV, and KV again --settle seconds
    later, both at least as long after the last version at kv or dual-write is gone. With --refresh-kv it
    writes the application's own rows into KV, and deletes from it what was logged out. Whatever differs
    otherwise is listed with who can decide about it. Kill it at any moment and type the same command again.

    Into Durable Objects it needs a key of their bridge for import, with --tombstone-deleted one for delete
    as well, with --refresh-kv those for values and kv.

    \b
      kvferry repair --source kv: --target do+https://bridge.example.com
      kvferry repair --source kv: --target do+https://bridge.example.com --execute --name NAMESPACE
      kvferry repair --source kv: --target do+https://bridge.example.com --tombstone-deleted
      kvferry repair --source kv: --target do+https://bridge.example.com --refresh-kv
    """
    from migrate.repair.repairing import repair
    from migrate.repair.wish import Mode, Wish

    where = options.outputs_of("repair-report", fmt, outputs, as_json)
    if words["gone_since"] is not None and not tombstone_deleted:
        raise ConfigError("--gone-since is for --tombstone-deleted only", "leave it out")
    if words["most"] and not tombstone_deleted:
        raise ConfigError("--most is for --tombstone-deleted only", "leave it out")
    if tombstone_deleted and refresh_kv:
        raise ConfigError("--tombstone-deleted and --refresh-kv exclude each other", "leave one out")
    mode = Mode.TOMBSTONES if tombstone_deleted else Mode.KV if refresh_kv else Mode.MISSING
    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        wish = Wish(mode=mode, settings=settings, **words)
        return options.emit(where, repair(wish, options.progress(clock, quiet=quiet)))
    finally:
        clock.stop()
