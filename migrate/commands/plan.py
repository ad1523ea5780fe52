"""`kvferry plan`: look before the migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options


@click.command("plan")
@options.plan_store_options
@click.option(
    "--schema",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The JSON Schema that the export will be given: checked, and passed on.",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(fmt: str | None, outputs: tuple[str, ...], as_json: bool, quiet: bool, **words: Any) -> int:
    """Look before the migration; change neither store.

    Says what was found and where, counts the keys by listing them, checks what an export and a
    verify need (exit 1 when something is missing), says how long they take and what they cost,
    and prints the next commands. Its requests count against --rate and --budget. Before Durable
    Objects it asks their bridge as well, and reckons up both placements.

    Of a namespace at Cloudflare it lists every Worker, version URL and Pages project that is bound to it;
    each must be named in kvferry.toml ([[application]]), fenced off there with a reason, or ended (exit 1
    until then). A list that the token may not see leaves that unproven (exit 3).

    \b
      kvferry plan
      kvferry plan --source kv: --env production --target sqlite:sessions.db
      kvferry plan --source kv: --target do+https://bridge.example.com
      kvferry plan --source kv+http://127.0.0.1:8787 --binding SESSIONS --json
    """
    from migrate import planning

    where = options.outputs_of("plan", fmt, outputs, as_json)
    clock = SystemClock()
    settings, words = options.take_settings(clock, words)
    progress = options.progress(clock, quiet=quiet)
    try:
        named = options.applications()
        ended = planning.plan(settings=settings, progress=progress, applications=named, **words)
        return options.emit(where, ended)
    finally:
        clock.stop()
