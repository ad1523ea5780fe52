"""`kvferry config show`: the value of each option, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.commands import configured
from migrate.config import COMMANDS
from migrate.errors import Exit

if TYPE_CHECKING:
    from migrate.config import Configuration


@click.command("show")
@click.argument("names", metavar="[COMMAND]...", nargs=-1, type=click.Choice(COMMANDS))
@configured.file_option
def command(path: Path | None, names: tuple[str, ...]) -> int:
    """Show what every command would go by, or only these: each value with the place that says it.

    What neither the file says nor a default is left out; so is what only one invocation is to do.

    \b
      kvferry config show
      kvferry config show export verify
    """
    from migrate.formats.figures import clean

    found = configured.there(path)
    click.echo(found.where)
    ctx = click.get_current_context()
    shown = [(table, list(_rows(found, table, one))) for table, one in configured.commands(ctx)]
    shown.append(("audit", list(_own(found, "audit"))))
    for table, rows in shown:
        if not rows or (names and table not in names):
            continue
        wide = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
        click.echo(f"\n{table}")
        for key, value, place in rows:
            click.echo(clean(f"  {key:{wide[0]}}  {value:{wide[1]}}  {place}".rstrip()))
    return Exit.CLEAN


def _own(found: Configuration, table: str) -> Iterator[tuple[str, str, str]]:
    """What stands in a command's own table."""
    own = found.table.get(table)
    for key, value in own.items() if isinstance(own, dict) else ():
        yield key, configured.shown(key, value), found.place(table, key)


def _rows(found: Configuration, table: str, command: click.Command) -> Iterator[tuple[str, str, str]]:
    """Option, value and place."""
    from migrate.config import keys

    values = found.values(table)
    for key, option in configured.options_of(command).items():
        if key in values:
            yield key, configured.shown(key, values[key]), found.place(table, key)
        elif key in keys(table) and option.show_default and option.default is not None:
            default = option.default
            many = list(default) if isinstance(default, tuple) else default
            yield key, configured.written(many), "default"
    if "source" in configured.options_of(command):
        for key in configured.LISTS:
            if key in values:
                yield f"[[{key}]]", configured.entries(values[key]), found.where
