"""`kvferry gate`: may the next step be taken, and if not, what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options
from migrate.errors import ConfigError

_SECONDS = click.FloatRange(0)


@click.command("gate")
@click.option(
    "--for",
    "door",
    required=True,
    type=click.Choice(["object-first", "object-only", "cleanup"]),
    help="The door that is to be opened.",
)
@options.plan_store_options
@click.option(
    "--audit",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Audit this checkout of the deployed commit, for the conditions about the code.",
)
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Judge a bundle of kvferry evidence export instead: no store is opened.",
)
@click.option(
    "--waive",
    multiple=True,
    metavar="NAME",
    help="Let a condition be; it stays in the verdict as what it is. Needs --reason. Repeatable.",
)
@click.option("--reason", metavar="TEXT", help="Why, for --waive: the verdict shows it for ever.")
@click.option("--max-age", type=_SECONDS, metavar="SECONDS", help="How old evidence may be (default: 86400).")
@click.option(
    "--steady",
    type=_SECONDS,
    metavar="SECONDS",
    help="How long a stage must have been everywhere (default: 900).",
)
@click.option(
    "--window",
    type=_SECONDS,
    metavar="SECONDS",
    help="For object-only: how long object-first must have been everywhere (default: as long as the longest "
    "session lives, at most 7 days).",
)
@click.option(
    "--isolate-cache",
    type=_SECONDS,
    metavar="SECONDS",
    help="The longest that an isolate keeps a session that it has read, where it keeps any; H covers it.",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(
    door: str,
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    audit: Path | None,
    evidence: Path | None,
    waive: tuple[str, ...],
    reason: str | None,
    max_age: float | None,
    steady: float | None,
    window: float | None,
    isolate_cache: float | None,
    **words: Any,
) -> int:
    """Say whether one door of a migration may be opened: open, shut, or unproven.

    Every condition is listed with its evidence, its age, and what to do when it does not hold. What
    nothing speaks for is unproven, never passed. The verdict is for these stores and this door, and it
    expires.

    \b
      kvferry gate --for object-first --target do+https://bridge.example.com --audit .
      kvferry gate --for object-only --target do+https://bridge.example.com --audit .
      kvferry gate --for cleanup --evidence evidence.json
    """
    from migrate.core.gate.verdict import Door
    from migrate.gate import verdicts

    where = options.outputs_of("verdict", fmt, outputs, as_json)
    if waive and not (reason or "").strip():
        raise ConfigError("--waive needs a --reason", "say why: the verdict shows it for ever")
    policy = verdicts.policy(max_age, steady, window, isolate_cache, dict.fromkeys(waive, reason or ""))
    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        if evidence is not None:
            return options.emit(where, verdicts.judge_bundle(Door(door), evidence, policy, clock.now()))
        from migrate.commands.gate_audit import audited

        if words["target"] is None:
            raise ConfigError("no target", "--target do+https://HOST, or --evidence FILE")
        progress = options.progress(clock, quiet=quiet)
        found = None if audit is None else audited(audit, words["prefixes"], clock.now())
        ended = verdicts.gate(
            Door(door),
            words["source"],
            words["target"],
            settings=settings,
            prefixes=words["prefixes"],
            policy=policy,
            audit=found,
            progress=progress,
        )
        return options.emit(where, ended)
    finally:
        clock.stop()
