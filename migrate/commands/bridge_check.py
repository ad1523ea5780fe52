"""`kvferry bridge check`: ask a bridge for everything that a copy needs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from migrate.clock import SystemClock
from migrate.commands import options


@click.command("check")
@click.argument("url", metavar="[URL]", required=False)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The bridge's folder: what it is held against, and whose secret is used when there is no key.",
)
@options.report_options
def command(
    url: str | None,
    folder: Path | None,
    fmt: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Ask a bridge for everything that a copy needs, and name each remedy. Writes nothing.

    Tries every key at hand, measures what one request may have, and asks Cloudflare, where a token
    and an account are at hand, whether the bridge owns a class. Without URL the host name in DIR's
    configuration is taken; DIR is the current folder when that is a bridge's.

    \b
      kvferry bridge check https://bridge.example.com --dir ../sessions-bridge
      kvferry bridge check do+https://bridge.example.com --json
    """
    from migrate.bridging.asking import Asked, check
    from migrate.bridging.project import MANIFEST

    if folder is None and Path(MANIFEST).is_file():
        folder = Path()

    where = options.outputs_of("bridge-check", fmt, outputs, as_json)
    clock = SystemClock()
    try:
        return options.emit(where, check(Asked(url, folder, os.environ, Path.cwd(), clock)))
    finally:
        clock.stop()
