"""`kvferry smoke`: log in once through the real application, and see where the session lands."""

from __future__ import annotations

from typing import Any

import click

from migrate.clock import SystemClock
from migrate.commands import options


@click.command("smoke")
@options.store_options
@click.option(
    "--login",
    required=True,
    metavar="COMMAND",
    help="Logs in and prints the session's id, or the answer's headers (--cookie); run without a shell.",
)
@click.option(
    "--logout",
    metavar="COMMAND",
    help="Logs that session out; its id is on the command's standard input.",
)
@click.option(
    "--cookie", metavar="NAME", help="The session's id is this cookie's value, in a Set-Cookie header."
)
@click.option(
    "--stage",
    type=click.Choice(["kv", "dual-write", "shadow-read", "object-first", "object-only"]),
    help="The application's stage (default: what the target's heartbeats say).",
)
@click.option(
    "--settle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long both stores may take (default: 120 for KV, 0 for sources that cannot be stale).",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each command may take.",
)
@click.option(
    "--show-output",
    is_flag=True,
    help="Show on standard error what the commands print: the session's id is replaced, the rest is not.",
)
@options.ledger_option
@options.report_options
@options.config_option
def command(
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    login: str,
    logout: str | None,
    cookie: str | None,
    stage: str | None,
    settle: float | None,
    timeout: float,
    show_output: bool,
    **words: Any,
) -> int:
    """Log in once through the real application, and say in which store the session has landed.

    Exit code 0 when it is where the stage says, 1 when it is not, 3 when that could not be seen. The
    session's id is shown as a fingerprint only; without --logout it stays logged in.

    \b
      kvferry smoke --source kv: --target do+https://bridge.example.com --login ./login.sh
      kvferry smoke --source kv: --target do+https://bridge.example.com --cookie sid --login \\
        "curl -si -d @user.txt https://shop.example.com/login" --logout ./logout.sh
      kvferry smoke --source kv: --target sqlite:sessions.db --stage dual-write --login ./login.sh
    """
    from migrate.core.protocol.stages import Stage
    from migrate.smoke import Wish, smoke
    from migrate.smoke.typed import words_of

    where = options.outputs_of("smoke", fmt, outputs, as_json)
    clock = SystemClock()
    try:
        settings, words = options.take_settings(clock, words)
        wish = Wish(
            words["source"],
            words["target"],
            words["prefixes"],
            settings,
            words_of("--login", login),
            () if logout is None else words_of("--logout", logout),
            cookie,
            None if stage is None else Stage(stage),
            settle,
            timeout,
            (lambda line: click.echo(line, err=True)) if show_output else None,
        )
        return options.emit(where, smoke(wish, options.progress(clock, quiet=quiet)))
    finally:
        clock.stop()
