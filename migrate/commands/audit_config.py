"""Which configurations an audit goes by, and what of them it takes: the nearest says it, key by key.

    the command line ─▶ kvferry.toml of a folder of the project ─▶ of the project ─▶ of the current folder

A file that is named with --config stands alone. In a folder of the project, what is about the code
counts; how the audit runs and what fails is said where it begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.commands import configured

if TYPE_CHECKING:
    from audits.auditing import Request
    from migrate.config import Configuration

_OF_CODE = (
    *("select", "ignore", "severity", "confidence", "pedantic", "session_prefix", "binding", "forever"),
    *("include", "exclude", "tests"),
)
_FILES = ("baseline", "cache_dir")

_SAID = "kvferry.audit.said"
"""In the context: the configurations that the audit begins with and what each says, the nearest first."""

_Said = list[tuple[str, dict[str, Any]]]


class Configured(click.Command):
    """A command whose defaults depend on its paths: these are looked at before all else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse twice: first to see which project is meant, then with what it configures."""
        helping = self.get_help_option(ctx)
        try:
            typed, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        except click.UsageError:
            return super().parse_args(ctx, args)  # it says so once more
        if helping is None or not typed.get(helping.name or ""):
            ctx.default_map = {**(ctx.default_map or {}), **_defaults(ctx, typed)}
        return super().parse_args(ctx, args)


def for_folders(
    words: Mapping[str, Any], take: Callable[[Request, dict[str, Any]], Request]
) -> Callable[[Request, str], Request] | None:
    """How a kvferry.toml within the project changes the request for its folder; None when a file was
    named with --config. `take` puts words into a request."""
    ctx = click.get_current_context()
    if words["config"] is not None:
        return None
    typed = {name for name in words if _is_typed(ctx, name)}

    def configure(request: Request, path: str) -> Request:
        said = _meant(_load(Path(path), request.root))
        here = {name: said[name] for name in _OF_CODE if name in said and name not in typed}
        return take(request, here)

    return configure


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def used(ctx: click.Context) -> Iterator[str]:
    """What the audit takes from which file, a line each, the nearest first; not what folders within the
    project say of their own code."""
    told: set[str] = set()
    said: _Said = ctx.meta.get(_SAID, [])
    for where, values in said:
        mine = {name: value for name, value in values.items() if name not in told}
        told |= mine.keys()
        if line := configured.used_by_name(ctx, where, mine).line():
            yield line


def _defaults(ctx: click.Context, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of all options, for what was typed."""
    from audits.project_root import area

    cwd = Path.cwd()
    said: _Said = []
    ctx.meta[_SAID] = said
    named = typed.get("config")
    if isinstance(named, str):
        return _noted(said, _find(Path(named), cwd))
    found = _noted(said, _find(None, cwd))
    paths = [Path(word) for word in _words(typed.get("paths")) if word != "-"]
    paths += [Path(word) for word in _words(typed.get("stdin_filename"))]
    root = area(paths, cwd).root
    if root != cwd:
        own = root / "kvferry.toml"
        label = Path(os.path.relpath(own, cwd)) if own.is_file() else None
        nearer = _noted(said, _find(label, cwd if label is not None else root))
        nearer |= {name: str(root / nearer[name]) for name in _FILES if name in nearer}
        found |= nearer
    return {"session_prefix": (), "binding": ()} | found


def _noted(said: _Said, found: Configuration | None) -> dict[str, Any]:
    """What a configuration says for an audit, noted with its name."""
    if found is None:
        return {}
    from migrate.config import parameters

    meant = _meant(parameters(found.values("audit")))
    said.insert(0, (found.where, dict(meant)))
    return meant


def _find(path: Path | None, folder: Path) -> Configuration | None:
    from migrate.config import find

    return find(path, folder)


def _words(typed: object) -> tuple[str, ...]:
    if isinstance(typed, str):
        return (typed,)
    return tuple(word for word in typed if isinstance(word, str)) if isinstance(typed, list | tuple) else ()


def _load(path: Path | None, folder: Path) -> dict[str, object]:
    from migrate.config import parameters

    found = _find(path, folder)
    return {} if found is None else parameters(found.values("audit"))


def _meant(said: dict[str, object]) -> dict[str, Any]:
    """What a file says of keys and bindings in general is meant here too, unless it says otherwise."""
    general = {"session_prefix": said.pop("prefix", None), "binding": said.pop("binding", None)}
    if general["binding"] is not None:
        general["binding"] = [general["binding"]]
    if "bindings" in said:
        general["binding"] = said.pop("bindings")
    return {**{name: value for name, value in general.items() if value is not None}, **said}
