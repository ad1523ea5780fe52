"""`kvferry bridge keys`: sign keys with the bridge's secret."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("keys")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--for",
    "scopes",
    default="import,verify",
    show_default=True,
    metavar="LIST",
    help="What the keys are for, separated by commas; each may verify as well.",
)
@click.option("--days", type=float, default=1.0, show_default=True, help="How long they live, at most 14.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to put them into, with mode 0600 (default: DIR/.kvferry-keys).",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
def command(folder: Path, scopes: str, days: float, to: Path | None) -> int:
    """Sign keys with the secret in DIR/.dev.vars, write them to a private file, and say how to name it.

    KVFERRY_BRIDGE_SECRET, or the file of KVFERRY_BRIDGE_SECRET_FILE, stands in for that of DIR.

    \b
      kvferry bridge keys ../sessions-bridge --days 3
      kvferry bridge keys ../sessions-bridge --for verify --to verify.key
    """
    import os
    import shlex

    from migrate.bridge_keys import VARIABLE, scopes_of
    from migrate.bridge_secret import find_secret, mint_all
    from migrate.bridging.secret_file import KEYS_FILE, SECRET_FILE, write_keys
    from migrate.clock import SystemClock

    wanted = scopes_of(scopes)
    secret = find_secret(os.environ, Path.cwd(), folder / SECRET_FILE)
    path = to or folder / KEYS_FILE
    write_keys(path, mint_all(secret, wanted, SystemClock().now(), days))
    click.echo(f"export {VARIABLE}_FILE={shlex.quote(str(path.resolve()))}")
    many = "one key" if len(wanted) == 1 else f"{len(wanted)} keys"
    click.echo(f"{many} for {days:g} d: {', '.join(wanted)}; none is shown", err=True)
    return 0
