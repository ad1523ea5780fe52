"""Writing a bridge's folder, and the words that go with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate import __version__
from migrate.bridging import folder as folders
from migrate.bridging import secret_file
from migrate.bridging.deployment import Deployment, read_deployment
from migrate.bridging.project import KV_BINDING, BridgeProject, check_placement, files
from migrate.errors import ConfigError
from migrate.written_files import Act, Step

_FOR_EVER = {
    False: (
        "placement per-session, for ever: each session has an object of its own, idFromName(sessionId).",
        "An object stays near whoever asked for it first, and a copy asks for all of them from where the",
        "bridge runs: every later request of a session goes there. --location-hint says where that is.",
    ),
    True: (
        "placement {placement}, for ever: the application must find each session in the same shard",
        "(objectOf of kvferry-edge/placement), and the number of shards cannot change. A shard stays near",
        "whoever asked for it first: every request of its sessions goes there. --location-hint says where.",
    ),
}


@dataclass(frozen=True, slots=True)
class Created:
    """What was done, or with `dry_run` would be. `secret`: was one made, because there was none?

    `before`: what the folder deployed until now, None when it was no bridge's.
    """

    folder: Path
    project: BridgeProject
    steps: list[Step]
    secret: bool
    dry_run: bool
    before: Deployment | None = None


def create(folder: Path, project: BridgeProject, cwd: Path, *, force: bool, dry_run: bool) -> Created:
    """Write the project into the folder. Raises ConfigError before anything is written."""
    here = cwd.resolve()
    if folder.resolve() in (here, *here.parents):
        raise ConfigError(
            f"{folder} is where the application is, or above it: wrangler would take the bridge's"
            " configuration for the application's",
            "choose a folder beside it, as ../sessions-bridge",
        )
    wanted = files(project, folders.package_sources(), __version__)
    steps = folders.survey(folder, wanted)
    folders.refuse(folder, steps, force=force)
    secret = not secret_file.has_secret(folder)
    before = _before(folder)
    if not dry_run:
        folders.write(folder, wanted, steps)
        if secret:
            secret_file.create_secret(folder)
    return Created(folder, project, steps, secret, dry_run, before)


def _before(folder: Path) -> Deployment | None:
    try:
        return read_deployment(folder)
    except ConfigError:
        return None


def told(created: Created, where: str) -> Iterator[str]:
    """What was written, what the placement means, and what to type next. `where`: the application's."""
    project, folder = created.project, created.folder
    yield f"bridge {project.name} to class {project.class_name} of {project.script} ({where})"
    yield ""
    yield from _written(created)
    yield ""
    if created.dry_run:
        yield from project.config().splitlines()
        yield ""
    yield _kv(project)
    yield ""
    for line in _FOR_EVER[check_placement(project.placement) > 0]:
        yield line.format(placement=project.placement)
    yield ""
    before = created.before
    if before is not None and (before.placement, before.prefix) != (project.placement, project.prefix):
        yield f"CAREFUL: it was {before.placement}, prefix {before.prefix!r}. What was copied so is not"
        yield "found any more: go back with the same command, unless nothing was copied yet."
        yield ""
    if created.dry_run:
        yield "nothing was written; leave out --dry-run to write it"
        return
    yield "next:"
    yield f"  (cd {shlex.quote(str(folder))} && npm ci && npx wrangler deploy)"
    yield f"  ({secret_file.put_line(folder)})"
    yield f'  eval "$(kvferry bridge keys {shlex.quote(str(folder))})"'
    yield f"  kvferry bridge check https://{project.domain or 'HOST'} --dir {shlex.quote(str(folder))}"
    if project.domain is None and not project.workers_dev:
        yield ""
        yield "it has no address yet: --domain HOST gives it one of yours, --workers-dev one of Cloudflare's"


def _kv(project: BridgeProject) -> str:
    if project.kv is None:
        return f"{KV_BINDING} is not bound: going back to KV needs it (--kv-binding NAME)"
    return f"KV namespace {project.kv.id} as {KV_BINDING}: written only under a key for kv, to go back"


def _written(created: Created) -> Iterator[str]:
    would = "would " if created.dry_run else ""
    for act in (Act.CREATE, Act.REPLACE, Act.REMOVE, Act.KEEP):
        paths = [step.path for step in created.steps if step.act is act]
        sources = [path for path in paths if path.startswith("src/")]
        shown = [path for path in paths if path not in sources]
        if sources:
            shown.append(f"src/ ({len(sources)} files)")
        if shown:
            yield f"  {would}{act}  {', '.join(shown)}"
    kept = f"{would}{Act.CREATE}" if created.secret else Act.KEEP
    yield f"  {kept}  {secret_file.SECRET_FILE} (mode 0600): the secret, which is not shown"
    if secret_file.is_open(created.folder):
        path = shlex.quote(str(created.folder / secret_file.SECRET_FILE))
        yield f"CAREFUL: other users may read the secret: chmod 600 {path}, and kvferry bridge rotate"
