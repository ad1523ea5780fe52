"""Command lines as they stand in pages and messages, held against the real commands without running them.

    page or message ──lines_of / mentions──▶ words ──flaw──▶ what click would say to them, or None

A word in capitals (`NAME`, `FILE`), with an ellipsis, or a variable of the shell stands for something that
the reader puts there.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import click

from migrate.addresses import parse
from migrate.errors import MigrateError
from migrate.main import cli

_TYPED = ("", "sh", "bash", "console")
_SHELL = re.compile(r"\|\|?|&&?|;|\d?>>?.*|<|\)")
_PLACEHOLDER = re.compile(r"\$.*|[A-Z][A-Z_/-]*|.*…|<[\w -]+>|.*\bNAME\b.*")
_ADDRESSES = ("--source", "--target")


def names_of(group: click.Group, before: str = "") -> Iterator[str]:
    """Every command as it is typed; those of a group behind the group."""
    for name in group.list_commands(click.Context(group)):
        yield before + name
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from names_of(command, f"{before}{name} ")


def command_of(name: str) -> click.Command:
    """The command of that name; raises LookupError."""
    command: click.Command = cli
    for word in name.split():
        found = (
            command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        )
        if found is None:
            raise LookupError(f"there is no command {name}")
        command = found
    return command


NAMES = tuple(names_of(cli))


def options_of(name: str) -> set[str]:
    """Its long options."""
    return {opt for param in command_of(name).params for opt in param.opts if opt.startswith("--")}


def lines_of(text: str) -> Iterator[tuple[list[str], bool]]:
    """The words behind `kvferry` of each command in the code of a page, and whether it is to be typed so:
    what stands in a sentence may leave out what is beside the point.

    In a block of output only lines that begin with the command count.
    """
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            if language in _TYPED:
                for found in re.finditer(r"(?:^|[\s(\"$&|;])kvferry (?=[a-z])", line.split(" #")[0]):
                    yield _words(line[found.end() :]), True
            elif language == "text" and line.strip().startswith("kvferry "):
                yield _words(line.strip().removeprefix("kvferry ")), True
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in re.findall(r"`kvferry ([^`]+)`", prose):
        yield _words(line.replace("\n", " ")), False


def mentions(text: str) -> Iterator[list[str]]:
    """The words behind each `kvferry` of a sentence, as far as they are certain to be typed: the command's
    name and the options that follow it, with their values."""
    for found in re.finditer(r"(?<![\w./'-])kvferry (?=[a-z])", text):
        words = text[found.end() :].split()
        name = _longest_name(words)
        if name is None:
            continue
        yield [*name.split(), *_options(command_of(name), words[len(name.split()) :])]


def flaw(words: Sequence[str], *, whole: bool = True) -> str | None:
    """Why it would be refused: no such command, option or value, or something that is missing.

    `whole`: what a command cannot do without must be there. Nothing is read, asked or run.
    """
    name, command, rest = "", cli, list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        if rest[0] not in command.list_commands(click.Context(command)):
            return f"there is no command {name}{rest[0]}"
        name += f"{rest[0]} "
        found = command.get_command(click.Context(command), rest.pop(0))
        assert found is not None
        command = found
    context = click.Context(command, info_name=name.strip())
    try:
        if not whole and rest and rest[-1] in _taking_values(command):
            rest.append("…")
        given, left, _ = command.make_parser(context).parse_args(args=rest)
    except click.UsageError as error:
        return error.format_message()
    if left:
        return f"nothing takes {' '.join(left)}"
    if given.get("help") or isinstance(command, click.Group):
        return None
    for param in command.params:
        wrong = _flaw_of(param, given.get(param.name or ""), context, whole=whole)
        if wrong:
            return f"{param.opts[0]}: {wrong}"
    return None


def _taking_values(command: click.Command) -> set[str]:
    return {opt for param in command.params for opt in param.opts if not getattr(param, "is_flag", False)}


def _flaw_of(param: click.Parameter, given: Any, context: click.Context, *, whole: bool) -> str | None:
    values = list(given) if isinstance(given, list | tuple) else [given]
    values = [value for value in values if isinstance(value, str)]
    if not values and given in (None, [], ()):
        return "it is missing" if whole and param.required else None
    for value in values:
        if _PLACEHOLDER.fullmatch(value):
            continue
        try:
            if isinstance(param.type, click.Choice):
                for one in value.split("|"):  # "this or that", in a sentence
                    param.type.convert(one, param, context)
            elif not isinstance(param.type, click.Path | click.File):
                param.type.convert(value, param, context)
            if param.opts[0] in _ADDRESSES:
                parse(value)
        except (click.UsageError, MigrateError) as error:
            return error.format_message() if isinstance(error, click.UsageError) else error.message
    return None


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # the quotes are those of the shell line around it
        words = line.split('"')[0].split(")")[0].split()
    end = next((at for at, word in enumerate(words) if _SHELL.fullmatch(word)), len(words))
    return [word.removesuffix(";").removesuffix(")") for word in words[:end]]


def _longest_name(words: Sequence[str]) -> str | None:
    """The command that a sentence names; a word that is none is prose, not a command."""
    for length in (2, 1):
        name = " ".join(words[:length])
        plain = re.sub(r"[^\w -]+$", "", name)
        if plain in NAMES:
            return plain
    return None


def _options(command: click.Command, words: Sequence[str]) -> Iterator[str]:
    values = _taking_values(command)
    rest = iter(words)
    for word in rest:
        option = re.sub(r"[^\w]+$", "", word)
        if not re.fullmatch(r"--?[a-z][a-z-]*", option):
            return
        yield option
        if word != option:
            return
        if option in values:
            value = next(rest, None)
            if value is None:
                return
            yield value.rstrip(",;.)'\"")
            if value[-1] in ",;.)'\"":
                return
