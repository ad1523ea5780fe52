"""Writes a page for every command into runbooks/reference, from what the command says of itself.

`pages.py` writes them; `test_reference.py` fails while one is stale, so that each option is on its command's
page, and nothing is that no command has.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from migrate.commands.lazy import LazyGroup
from migrate.main import cli
from tests.documents.command_line import NAMES, command_of

FOLDER = Path(__file__).parents[2] / "runbooks" / "reference"
INDEX = "README.md"
_MADE = "<!-- made from the command's own help by make pages: change it there -->"


def name(command: str) -> str:
    """`bridge-init.md` of `bridge init`."""
    return f"{command.replace(' ', '-')}.md"


def pages() -> dict[str, str]:
    """Every page's text by its name, the index among them. A group has none: its commands have."""
    commands = [one for one in NAMES if not isinstance(command_of(one), click.Group)]
    return {INDEX: _index(commands)} | {name(one): _page(one) for one in commands}


def summary(command: str) -> str:
    """The line that stands for it in the list of commands."""
    *groups, last = command.split()
    group = command_of(" ".join(groups)) if groups else cli
    assert isinstance(group, LazyGroup)
    return group.summaries[last]


def _index(commands: list[str]) -> str:
    rows = [f"| [`kvferry {one}`]({name(one)}) | {_cell(summary(one))} |" for one in commands]
    return "\n".join(
        [
            _MADE,
            "",
            "# Every command and every option",
            "",
            "What `--help` behind a command says, a page for each command. When to type which is told by the",
            "[runbooks](../README.md), and what is behind it by the [README](../../README.md).",
            "",
            "| command | what it does |",
            "|---|---|",
            *rows,
            "",
            "Exit codes are [the same for all of them](../errors.md#exit-codes).",
            "",
        ]
    )


def _page(command: str) -> str:
    its = command_of(command)
    arguments = [param for param in its.params if isinstance(param, click.Argument)]
    options = [param for param in its.params if isinstance(param, click.Option) and not param.hidden]
    usage = " ".join(["kvferry", command, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)])
    return "\n".join(
        [
            _MADE,
            "",
            f"# kvferry {command}",
            "",
            f"{summary(command)} [All commands]({INDEX})",
            "",
            "```text",
            f"usage: {usage}",
            "```",
            "",
            *_told(its),
            "| option | meaning | default |",
            "|---|---|---|",
            *map(_row, options),
            "",
        ]
    )


def _told(command: click.Command) -> Iterator[str]:
    """The help text: paragraphs, and examples as blocks."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        if paragraph.startswith("\b"):
            yield from ("```", inspect.cleandoc(paragraph.removeprefix("\b").strip("\n")), "```", "")
        else:
            yield from (_cell(paragraph), "")


def _argument(param: click.Argument) -> str:
    shown = (param.metavar or (param.name or "").upper()).strip("[]").removesuffix("...")
    return (
        f"{'' if param.required else '['}{shown}{'' if param.required else ']'}{'...' * (param.nargs == -1)}"
    )


def _row(param: click.Option) -> str:
    names = ", ".join(f"`{one}`" for one in [*param.opts, *param.secondary_opts])
    value = "" if param.is_flag or param.count else f" `{_value(param)}`"
    return f"| {names}{value.replace('|', chr(92) + '|')} | {_cell(param.help or '')} | {_default(param)} |"


def _value(param: click.Option) -> str:
    if param.metavar:
        return param.metavar
    if isinstance(param.type, click.Choice):
        return "|".join(param.type.choices)
    if isinstance(param.type, click.IntRange) and param.type.min is not None:
        return f"N, from {param.type.min}"
    if isinstance(param.type, click.Path):
        return "FILE" if param.type.file_okay else "FOLDER"
    return "N" if isinstance(param.type, click.types.IntParamType) else "TEXT"


def _default(param: click.Option) -> str:
    if param.required:
        return "needed"
    if not param.show_default or param.is_flag or param.default in (None, (), ""):
        return ""
    values = param.default if isinstance(param.default, list | tuple) else [param.default]
    return ", ".join(f"`{value}`" for value in values)


def _cell(text: str) -> str:
    """On one line; words with stars or uprights are what is typed, and no Markdown."""
    words = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"(?<!`)([<>|*\[\]])", r"\\\1", words)
