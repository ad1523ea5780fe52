"""`kvferry report`: everything that is known of a migration, for whoever decides about the fallback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.errors import ConfigError

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("report")
@options.plan_store_options
@click.option(
    "--evidence",
    type=_FILE,
    metavar="FILE",
    help="Make it of a bundle of kvferry evidence export instead: no ledger and no store is opened.",
)
@click.option(
    "--verdict",
    "verdicts",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="Show this verdict too, checked against the evidence. Repeatable.",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    evidence: Path | None,
    verdicts: tuple[Path, ...],
    **words: Any,
) -> int:
    """Write the report for whoever decides whether the fallback may be deleted.

    Verdicts, conditions with their evidence, waivers, what happened when, accounts, differences, live
    traffic, and cost: as one HTML file that needs no network and no script, as Markdown for a pull request,
    or as JSON. It names no session and holds no value, asks nothing afresh, and says what it cannot see.

    It ends with 1 when an account does not hold, or a verdict does not check out against its evidence.

    \b
      kvferry report --target do+https://bridge.example.com --output html=report.html
      kvferry report --evidence evidence.json --output html=report.html --output markdown=report.md
    """
    from migrate.reporting import making

    where = options.outputs_of("report", fmt, outputs, as_json)
    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        if evidence is not None:
            return options.emit(where, making.of_bundle(evidence, clock.now(), verdicts))
        if words["target"] is None:
            raise ConfigError("no target", "--target do+https://HOST, or --evidence FILE")
        ended = making.of_stores(
            words["source"],
            words["target"],
            settings=settings,
            prefixes=words["prefixes"],
            verdicts=verdicts,
        )
        return options.emit(where, ended)
    finally:
        clock.stop()
