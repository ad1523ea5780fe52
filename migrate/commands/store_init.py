"""`kvferry store init`: the session store as source in the application, checked and kept up to date."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from migrate.commands import options
from migrate.errors import ConfigError, Exit


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say which files are older, missing or edited; exit with 1.")
@click.option("--update", is_flag=True, help="Replace what an earlier kvferry wrote; never what was edited.")
@click.option("--force", is_flag=True, help="With --update: replace also what was edited.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--env", metavar="NAME", help="Environment in wrangler's configuration.")
@click.option(
    "--placement",
    default="per-session",
    show_default=True,
    metavar="PLACEMENT",
    help="One object per session, or shards:N, as the bridge's.",
)
@click.option(
    "--prefix",
    default="spotify_session:",
    show_default=True,
    help="What keys in KV begin with, and ids of sessions do not.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
@options.bridge_config_option
def command(
    folder: Path,
    check: bool,
    update: bool,
    force: bool,
    dry_run: bool,
    env: str | None,
    placement: str,
    prefix: str,
) -> int:
    """Write the session store into DIR as source, and say what to set for it in wrangler's configuration.

    Every file begins with a line that says which kvferry wrote it, with a hash, so that edits are
    noticed. The configuration is only read.

    \b
      kvferry store init src/kvferry
      kvferry store init src/kvferry --check
      kvferry store init src/kvferry --update
    """
    from migrate.vendoring import folder as folders

    if check and (update or force or dry_run):
        raise ConfigError("--check only looks", "leave out --update, --force and --dry-run")
    if force and not update:
        raise ConfigError("--force is for --update", "leave it out, or add --update")
    if check:
        found = folders.look(folder)
        said = folders.wrong(found)
        for line in said or [f"{folder} is the session store of this kvferry, unedited"]:
            click.echo(line)
        if said:
            click.echo(f"next: {folders.mended(found)}")
        return Exit.AGAINST if said else Exit.CLEAN
    options.one_prefix()
    after = list(_settings(folder, env or os.environ.get("CLOUDFLARE_ENV"), prefix, placement))
    done = folders.bring_up(folders.look(folder), update=update, force=force, dry_run=dry_run)
    for line in (*folders.told(done, dry_run=dry_run), "", *after):
        click.echo(line)
    if dry_run:
        click.echo("nothing was written; leave out --dry-run to write it")
    return Exit.CLEAN


def _settings(folder: Path, env: str | None, prefix: str, placement: str) -> Iterator[str]:
    """What is to be set, and how the code gets at the store."""
    from migrate.bridging.project import check_placement
    from migrate.vendoring import settings
    from migrate.wrangler_project import find_project

    check_placement(placement)
    cwd = Path.cwd()
    whole = folder.resolve()
    start = next(one for one in (whole, *whole.parents) if one.is_dir())
    project = find_project(start, cwd, env, "go to the Worker's folder")
    if project is None:
        raise ConfigError(f"no wrangler configuration in {cwd} or above", "go to the Worker's folder")
    pages = project.config.pages is not None
    lacking = settings.lacking(project.chosen, prefix, placement, pages=pages)
    main = project.path.parent / (project.chosen.main or "src/index.ts")
    way = Path(os.path.relpath(folder.resolve(), main.parent.resolve())).as_posix()
    way = way if way.startswith(".") else f"./{way}"
    text = settings.written(lacking, project.chosen.name, toml=project.path.suffix == ".toml")
    if lacking.own or lacking.shared:
        yield f"add to {project.place}:"
        yield ""
        yield from (f"  {line}".rstrip() for line in text.splitlines())
        yield ""
    else:
        yield f"{project.place} has all that it needs"
    yield from lacking.notes
    if not any("export MigrationStats" in note for note in lacking.notes):
        yield "in the Worker's main module:"
        yield f'  export {{ MigrationStats }} from "{way}/migration-stats.ts";'
    yield "where sessions are used:"
    yield f'  import {{ sessionStore }} from "{way}/session-store.ts";'
    yield "in tsconfig.json, if you have one: allowImportingTsExtensions, and es2024 or later in lib"
    yield "next: kvferry rewrite --to store"
