"""A group whose commands are imported when they are used, so that a wrong option answers at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """`summaries`: each command with its help line; it lives in the module `modules` + its name."""

    def __init__(self, *args: Any, summaries: Mapping[str, str], modules: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self.summaries = summaries
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of their help lines."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command itself, imported now; None: there is none of that name."""
        if name not in self.summaries:
            return None
        command = importlib.import_module(self._modules + name).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help lines, without an import."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What completes a word that begins so: names with their help lines, without an import."""
        names = [
            CompletionItem(name, help=line)
            for name, line in self.summaries.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
