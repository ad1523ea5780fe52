"""`kvferry config init`: a kvferry.toml to begin with."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import click

from migrate import addresses
from migrate.errors import ConfigError, Exit

_FILE = "kvferry.toml"

_HEAD = """\
#:schema ./kvferry.schema.json
# One migration, described once. A flag goes before what stands here; a command's own table, such as
# [export], before the rest. For your editor: kvferry config schema > kvferry.schema.json
"""

_TAIL = """
# How old the evidence for a door may be, in seconds; more: kvferry gate --help
[gate]
max-age = 86400
"""


@click.command("init")
@click.option("--source", default="kv:", show_default=True, metavar="ADDRESS", help="Where from.")
@click.option("--target", metavar="ADDRESS", help="Where to; without it the line is left to be filled in.")
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    default=("spotify_session:",),
    show_default=True,
    help="Keys to take; repeatable.",
)
@click.option("--binding", metavar="NAME", help="KV binding in wrangler's configuration.")
@click.option("--env", metavar="NAME", help="Environment in wrangler's configuration.")
def command(
    source: str, target: str | None, prefixes: tuple[str, ...], binding: str | None, env: str | None
) -> int:
    """Write kvferry.toml in the current folder, with what is said here. One that is there stays as it is.

    \b
      kvferry config init --target do+https://bridge.example.com --env production
    """
    from migrate.config import checked, find

    text = _text(source, target, prefixes, {"binding": binding, "env": env})
    for address in (source, target):
        if address is not None:
            addresses.parse(address)
    checked(_FILE, tomllib.loads(text))
    if (there := find(None, Path.cwd())) is not None:
        raise ConfigError(
            f"{there.where} is there already", "change it; kvferry config check says if it is well"
        )
    Path(_FILE).write_text(text, encoding="utf-8")
    click.echo(f"{_FILE} is written: review it, and have it reviewed. Next: kvferry config check")
    return Exit.CLEAN


def _text(source: str, target: str | None, prefixes: tuple[str, ...], more: dict[str, str | None]) -> str:
    lines = [f"source = {_quoted(source)}"]
    if target is None:
        lines.append('# target = "do+https://bridge.example.com"')
    else:
        lines.append(f"target = {_quoted(target)}")
    lines.append(f"prefix = [{', '.join(map(_quoted, prefixes))}]")
    lines += [f"{name} = {_quoted(value)}" for name, value in more.items() if value is not None]
    return _HEAD + "\n" + "\n".join(lines) + "\n" + _TAIL


def _quoted(text: str) -> str:
    """A string of TOML: JSON's, but that DEL is escaped too."""
    return json.dumps(text).replace("\x7f", "\\u007f")
