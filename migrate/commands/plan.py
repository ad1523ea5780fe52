"""`kvferry plan`: look before the migration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.clock import SystemClock
from migrate.commands import options

if TYPE_CHECKING:
    from migrate.formats.plan_facts import Code


@click.command("plan")
@options.plan_store_options
@click.option(
    "--schema",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The JSON Schema that the export will be given: checked, and passed on.",
)
@click.option(
    "--audit",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Audit this checkout of the application, for code that uses both stores already.",
)
@options.authority_option
@click.option(
    "--writes-per-day",
    type=click.IntRange(1),
    metavar="N",
    help="How often the application writes KV on one day (the dashboard shows it): what dual-write costs.",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    audit: Path | None,
    authority: str | None,
    writes_per_day: int | None,
    **words: Any,
) -> int:
    """Look before the migration; change neither store.

    Says what was found and where, counts the keys by listing them, checks what an export and a
    verify need (exit 1 when something is missing), says how long they take and what they cost,
    and prints the next commands. Its requests count against --rate and --budget. Before Durable
    Objects it asks their bridge as well, and reckons up both placements.

    It proposes one of three ways, with every command: copy; drain, where all sessions end within a day; or
    adopt, where the application writes both stores already (--audit FOLDER looks at its code).

    Of a namespace at Cloudflare it lists every Worker, version URL and Pages project that is bound to it;
    each must be named in kvferry.toml ([[application]]), fenced off there with a reason, or ended (exit 1
    until then). A list that the token may not see leaves that unproven (exit 3).

    \b
      kvferry plan
      kvferry plan --source kv: --env production --target sqlite:sessions.db
      kvferry plan --source kv: --target do+https://bridge.example.com --audit .
      kvferry plan --source kv+http://127.0.0.1:8787 --binding SESSIONS --json
    """
    from migrate import planning

    where = options.outputs_of("plan", fmt, outputs, as_json)
    clock = SystemClock()
    settings, words = options.take_settings(clock, words)
    progress = options.progress(clock, quiet=quiet)
    try:
        code = None if audit is None else _audited(audit, words["prefixes"])
        wish = planning.Wish(authority, None if audit is None else str(audit), code, writes_per_day)
        named = options.applications()
        ended = planning.plan(settings=settings, progress=progress, applications=named, wish=wish, **words)
        return options.emit(where, ended)
    finally:
        clock.stop()


def _audited(folder: Path, prefixes: tuple[str, ...]) -> Code:
    from migrate.commands.plan_audit import audited

    return audited(folder, prefixes)
