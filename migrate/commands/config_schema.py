"""`kvferry config schema`: the JSON Schema of the configuration."""

from __future__ import annotations

import json

import click

from migrate.errors import Exit


@click.command("schema")
def command() -> int:
    """Print the JSON Schema of kvferry.toml, which editors complete and check by.

    The first line of the file names it: #:schema ./kvferry.schema.json

    \b
      kvferry config schema > kvferry.schema.json
    """
    from migrate.config import schema

    click.echo(json.dumps(schema(), indent=2))
    return Exit.CLEAN
