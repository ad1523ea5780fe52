"""`kvferry rewrite`: session calls of Worker code onto the session store, and at the end off KV."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.commands import configured
from migrate.errors import ConfigError, Exit, MigrateError

if TYPE_CHECKING:
    from audits.request import Request
    from audits.rewriting.plan import Rewriting
    from audits.rewriting.sessions import Sessions


_SAID = "kvferry.rewrite.said"
"""In the context: the configuration's name, and what it says."""


def _load_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """What the configuration says for audits of bindings and files, and the prefix if it is one."""
    from migrate.config import find, parameters

    configuration = find(path, Path.cwd())
    said = {} if configuration is None else parameters(configuration.values("audit"))
    found: dict[str, object] = {name: said[name] for name in ("include", "exclude") if name in said}
    found["binding"] = said.get("bindings", [said["binding"]] if "binding" in said else ())
    prefixes = said.get("prefix")
    if isinstance(prefixes, list) and len(prefixes) == 1:
        found["prefix"] = prefixes[0]
    if configuration is not None:
        ctx.meta[_SAID] = configuration.where, found
    ctx.default_map = {**(ctx.default_map or {}), **found}
    return path


@click.command("rewrite")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--to",
    "goal",
    type=click.Choice(("store",)),
    help="Make session calls on KV calls of the session store, with unchanged behaviour.",
)
@click.option(
    "--remove-fallback",
    is_flag=True,
    help="Take out what is left of KV beside a strongly consistent store.",
)
@click.option("--diff", is_flag=True, help="Show what would change, as a diff; this is the default.")
@click.option("--check", is_flag=True, help="Name the files that would change; exit with 1 if there are any.")
@click.option("--write", is_flag=True, help="Change the files.")
@click.option(
    "--allow-dirty", is_flag=True, help="With --write: although git could not bring the files back."
)
@click.option("--prefix", metavar="PREFIX", help="What the store's keys begin with (default: the only one).")
@click.option(
    "--store-module",
    metavar="MODULE",
    help="Where sessionStore(env) is imported from: a path from the source root, or a package "
    "(default: where kvferry store init put it, else ./session-store).",
)
@click.option(
    "--binding", multiple=True, metavar="NAME", help="A KV binding that no configuration shows. Repeatable."
)
@click.option("--include", multiple=True, metavar="GLOB", help="Only these files. Repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files or folders. Repeatable.")
@click.option("--quiet", is_flag=True, help="No account on standard error.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=_load_config,
    expose_value=False,
    help="Configuration file (default: kvferry.toml, or [tool.kvferry] in pyproject.toml).",
)
def command(
    paths: tuple[Path, ...],
    goal: str | None,
    remove_fallback: bool,
    diff: bool,
    check: bool,
    write: bool,
    allow_dirty: bool,
    prefix: str | None,
    store_module: str | None,
    binding: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    quiet: bool,
) -> int:
    """Rewrite session calls under PATHS (default: the current folder), and list what is left to you.

    Only what is certain to behave as before is rewritten; formatting and comments stay. Prints a diff
    unless --write is given, which needs a clean git tree.

    \b
      kvferry rewrite --to store
      kvferry rewrite --to store --write
      kvferry rewrite --to store --check
      kvferry rewrite --remove-fallback

    Exit codes: 0 nothing to do, or done; 1 with --diff or --check, something would change; 2 usage, or a
    tree that is not clean; 3 what is left is yours to decide.
    """
    from audits.formats import rewriting as shown
    from audits.project_root import way_to
    from migrate.formats.figures import clean

    if (goal is None) == (not remove_fallback):
        raise ConfigError(
            "rewrite to what? there are two moments, and each is its own command",
            "kvferry rewrite --to store, and at the end kvferry rewrite --remove-fallback",
        )
    if diff + check + write > 1:
        raise ConfigError("--diff, --check and --write exclude each other", "leave all but one out")
    if allow_dirty and not write:
        raise ConfigError("--allow-dirty is for --write", "leave it out")
    ctx = click.get_current_context()
    if _SAID in ctx.meta and not quiet and (line := configured.used_by_name(ctx, *ctx.meta[_SAID]).line()):
        click.echo(clean(line), err=True)
    request = _request(paths, binding, include, exclude, prefix)
    found = _found(request)
    made = (
        _without_fallback(request, found)
        if remove_fallback
        else _to_store(request, found, prefix, store_module)
    )
    if write:
        _write(request.root, made, allow_dirty=allow_dirty)
    folder = way_to(request.root, Path.cwd())
    click.echo((shown.files if check or write else shown.diff)(made, folder), nl=False)
    for line in shown.account(made, written=write):
        if not quiet:
            click.echo(line, err=True)
    if made.changed and not write:
        return Exit.AGAINST
    return Exit.UNFINISHED if made.left else Exit.CLEAN


def _request(
    paths: tuple[Path, ...],
    binding: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    prefix: str | None,
) -> Request:
    from audits.project_root import area
    from audits.request import Request
    from audits.rules.rule import Settings
    from migrate.commands.audit_request import cache_folder

    meant = area(paths, Path.cwd())
    return Request(
        meant.root,
        meant.paths,
        select=("session-kv-call",),
        settings=Settings(prefixes=tuple(filter(None, (*Settings().prefixes, prefix)))),
        bindings=binding,
        include=include,
        exclude=exclude,
        jobs=os.cpu_count() or 1,
        cache=cache_folder(),
    )


def _found(request: Request) -> Sessions:
    from audits.rewriting import sessions
    from migrate.commands.audit_request import refusals

    with refusals():
        found = sessions.of(request)
    if not found.collected:
        raise MigrateError("there is no code to rewrite here", "name the project's folder")
    return found


def _without_fallback(request: Request, found: Sessions) -> Rewriting:
    from audits.rewriting import remove_fallback

    return remove_fallback.rewrite(found.operations, found.branches, request.folder.read, request.covers)


def _to_store(request: Request, found: Sessions, prefix: str | None, module: str | None) -> Rewriting:
    from audits.rewriting import to_store

    if prefix is None:
        prefixes = to_store.prefixes(found.operations)
        if len(prefixes) > 1:
            names = ", ".join(map(repr, prefixes))
            raise ConfigError(
                f"the keys of sessions have {len(prefixes)} prefixes, and a store has one: {names}",
                f"kvferry rewrite --to store --prefix '{prefixes[0]}'",
            )
        prefix = prefixes[0] if prefixes else ""
    return to_store.rewrite(
        found.operations,
        to_store.Wanted(prefix, module or _module(request, found)),
        request.folder.read,
        lambda path: (request.root / path).exists(),
        request.covers,
    )


def _module(request: Request, found: Sessions) -> str:
    from audits.rewriting import store_import

    modules = store_import.vendored_modules(
        found.collected, request.folder.read, lambda path: (request.root / path).exists()
    )
    if len(modules) > 1:
        raise ConfigError(
            f"there are {len(modules)} session stores here: {', '.join(modules)}",
            f"kvferry rewrite --to store --store-module {modules[0]}",
        )
    return modules[0] if modules else store_import.DEFAULT


def _write(root: Path, made: Rewriting, *, allow_dirty: bool) -> None:
    from audits.replacing import Replaced, replace
    from audits.revision import revision

    dirty = revision(root).dirty if made.changed and not allow_dirty else False
    if dirty is None:
        raise ConfigError(
            "git cannot bring the files here back as they are", "commit them first, or add --allow-dirty"
        )
    if dirty:
        raise ConfigError(
            "the git tree is not clean, so the rewriting could not be told from your changes",
            "commit or stash them first, or add --allow-dirty",
        )
    try:
        replace(root, made.changed)
    except Replaced as error:
        raise MigrateError(
            f"{error.path} was not rewritten: {error.reason}",
            "run the same command again; the rest may be written",
        ) from error
