"""What a command takes from the configuration: its defaults, and the line that says which it used.

kvferry.toml: source kv:, prefix spotify_session:, rate 900/300 (--target from the command line)
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from migrate import addresses
from migrate.core.configuration import UsedFile
from migrate.errors import ConfigError

if TYPE_CHECKING:
    from migrate.config import Configuration

F = TypeVar("F", bound=Callable[..., Any])

LISTS = ("project", "application")
"""What no option says, because it is to be reviewed."""


def table_of(ctx: click.Context) -> str:
    """The table of the configuration that is for a command: that of its group, for one of a group."""
    while ctx.parent is not None and ctx.parent.parent is not None:
        ctx = ctx.parent
    return ctx.info_name or ""


def commands(ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Each table of the configuration with the commands that go by it; not audit, which has ways of its own
    with what is said in general."""
    from migrate.config import COMMANDS

    root = ctx.find_root().command
    assert isinstance(root, click.Group)
    for table in COMMANDS:
        if table == "audit":
            continue
        found = root.get_command(ctx, table)
        if isinstance(found, click.Group):
            inner = [found.get_command(ctx, name) for name in found.list_commands(ctx)]
            yield from ((table, one) for one in inner if one is not None)
        elif found is not None:
            yield table, found


def there(path: Path | None) -> Configuration:
    """The configuration that a command would use; `path` is --config. Raises ConfigError: there is none."""
    from migrate.config import find

    found = find(path, Path.cwd())
    if found is None:
        raise ConfigError(
            "there is no kvferry.toml here, and no [tool.kvferry] in pyproject.toml",
            "kvferry config init --target ADDRESS, or go to the folder that has one",
        )
    return found


def file_option(command: F) -> F:
    """`--config` of a command that is about the file itself."""
    return click.option(
        "--config",
        "path",
        type=click.Path(path_type=Path),
        help="Configuration file (default: kvferry.toml, or [tool.kvferry] in pyproject.toml).",
    )(command)


def options_of(command: click.Command) -> dict[str, click.Option]:
    """A command's options, by the words that they are typed as, without the dashes."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    return {word.removeprefix("--"): one for one in options for word in one.opts if word.startswith("--")}


def defaults(command: click.Command, values: Mapping[str, object]) -> dict[str, object]:
    """click's `default_map`: what the configuration says, for the options that the command has."""
    known = options_of(command)
    return {known[key].name or "": value for key, value in values.items() if key in known}


def used(ctx: click.Context, configuration: Configuration, table: str | None = None) -> UsedFile:
    """What a command takes from the configuration, and which of its values the command line overrode.
    `table`: None: the command's own."""
    values = configuration.values(table or table_of(ctx))
    taken: dict[str, str] = {}
    overridden = []
    for key, option in options_of(ctx.command).items():
        if key not in values:
            continue
        source = ctx.get_parameter_source(option.name or "")
        if source is ParameterSource.DEFAULT_MAP:
            taken[key] = shown(key, values[key])
        elif source is ParameterSource.COMMANDLINE:
            overridden.append(key)
    if "source" in options_of(ctx.command):
        taken |= {f"[[{key}]]": entries(values[key]) for key in LISTS if key in values}
    return UsedFile(configuration.where, taken, overridden)


def used_by_name(ctx: click.Context, where: str, said: Mapping[str, object]) -> UsedFile:
    """The same for a command that takes things in its own way; `said`: values by their parameter's name."""
    words = {option.name or "": word for word, option in options_of(ctx.command).items()}
    sources = {name: ctx.get_parameter_source(name) for name in said if name in words}
    taken = {
        words[name]: written(list(value) if isinstance(value := said[name], tuple) else value)
        for name, source in sources.items()
        if source is ParameterSource.DEFAULT_MAP and said[name] not in ((), [])
    }
    typed = [words[name] for name, source in sources.items() if source is ParameterSource.COMMANDLINE]
    return UsedFile(where, taken, typed)


def shown(key: str, value: object) -> str:
    """A value as it is typed. What should be an address and is none may hold a secret: that is left out."""
    if key in ("source", "target"):
        try:
            addresses.parse(str(value))
        except ConfigError:
            return "(no address)"
    return written(value)


def written(value: object) -> str:
    """A value as it is typed; several ones behind each other."""
    if isinstance(value, list):
        return " ".join(written(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else shlex.quote(str(value))


def entries(value: object) -> str:
    """How many entries a list has that is only in the configuration."""
    return str(len(value) if isinstance(value, list) else 0)
