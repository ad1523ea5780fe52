"""`kvferry config check`: what is wrong with the configuration, before a command meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate import addresses
from migrate.commands import configured
from migrate.errors import ConfigError, Exit, MigrateError

if TYPE_CHECKING:
    from migrate.config import Configuration


@click.command("check")
@configured.file_option
def command(path: Path | None) -> int:
    """Read the configuration as every command would: names, values, addresses, files. Opens no store.

    Exit code 2 says that a command would refuse it, and why, all at once.

    \b
      kvferry config check
      kvferry config check --config eu.toml
    """
    found = configured.there(path)
    wrong = dict.fromkeys(_wrong(found))
    if wrong:
        raise ConfigError("; ".join(wrong), "correct the file")
    values = [key for key in found.table if key not in _tables()]
    own = sum(len(table) for name in _tables() if isinstance(table := found.table.get(name), dict))
    click.echo(f"{found.where}: {len(values)} values for all commands, {own} for one; nothing against them")
    return Exit.CLEAN


def _tables() -> tuple[str, ...]:
    from migrate.config import COMMANDS

    return COMMANDS


def _wrong(found: Configuration) -> Iterator[str]:
    """What is wrong, with its place; the same once for each command."""
    ctx = click.get_current_context()
    for table, command in configured.commands(ctx):
        values = found.values(table)
        for key, option in configured.options_of(command).items():
            if key not in values:
                continue
            place = found.place(table, key)
            try:
                option.type_cast_value(ctx, values[key])
            except click.BadParameter:
                yield f"{place}: {key} must be {_meant(option)}"
            if (said := _refused(key, values[key])) is not None:
                yield f"{place}: {key}: {said}"
        if {"source", "target"} <= values.keys() and values["source"] == values["target"]:
            yield f"{found.place(table, 'target')}: target is the source"
    if (said := _refused("project", found.table.get("project"))) is not None:
        yield f"{found.where}: project: {said}"


def _meant(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return f"one of {', '.join(option.type.choices)}"
    return f"what {option.opts[0]} takes"


def _refused(key: str, value: object) -> str | None:
    """Why a command would refuse a value that keeps the schema."""
    from migrate.core.limiting import Budget, Rate
    from migrate.core.projecting import Projection

    try:
        match key, value:
            case "source" | "target", str():
                addresses.parse(value)
            case "rate", str():
                Rate.parse(value)
            case "budget", list():
                Budget.parse(value)
            case "project", list():
                Projection.parse(value)
            case "schema", str() if not Path(value).is_file():
                return "there is no such file"
    except MigrateError as error:
        return error.message
    return None
