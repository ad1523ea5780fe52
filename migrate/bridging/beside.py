"""A bridge and the application that it belongs to, as the local runtime starts them side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from migrate.bridging.deployment import read_config, read_deployment
from migrate.bridging.project import CONFIG
from migrate.bridging.secret_file import SECRET_FILE, has_secret
from migrate.errors import ConfigError
from migrate.local_runtime import LocalRuntime, Tools, Worker
from migrate.wrangler_project import Project, find_project

_GO = "go to the folder of the application's Worker"


@dataclass(frozen=True, slots=True)
class Beside:
    """What runs: two Workers, and the environment of the application's configuration.

    `namespaces`: the application's KV bindings, each with the name that the local runtime has for it.
    """

    application: Worker
    bridge: Worker
    environment: str | None
    namespaces: dict[str, str]

    @property
    def state(self) -> Path:
        """Where `wrangler dev` of the application keeps its KV and its objects."""
        return self.application.config.parent / ".wrangler" / "state"


def find_beside(folder: Path, cwd: Path) -> Beside:
    """The bridge in `folder`, and around `cwd` the application that it names.

    Raises ConfigError when `folder` holds no bridge or no secret, and when the application is another.
    """
    deployment = read_deployment(folder)
    if not has_secret(folder):
        raise ConfigError(f"{folder} has no secret", f"kvferry bridge rotate {folder} makes one")
    project = find_project(cwd, cwd, deployment.environment, _GO)
    if project is None:
        raise ConfigError(f"no wrangler configuration in {cwd} or above", _GO)
    if project.chosen.script != deployment.script:
        raise ConfigError(
            f"{project.place} is Worker {project.chosen.script}, and the bridge is for {deployment.script}",
            _GO,
        )
    return Beside(
        Worker(deployment.script, project.path),
        Worker(deployment.name, folder / CONFIG),
        deployment.environment,
        _namespaces(project),
    )


@contextmanager
def running(beside: Beside, tools: Tools, *, state: Path, port: int | None) -> Iterator[LocalRuntime]:
    """Both of them, until the end of the block. Raises as `LocalRuntime`."""
    with TemporaryDirectory(prefix="kvferry-bridge-") as name:
        bridge = beside.bridge
        if beside.environment is not None:
            bridge = _with_environment(bridge, beside.environment, Path(name))
        with LocalRuntime(
            tools, beside.application, bridge, state=state, port=port, environment=beside.environment
        ) as runtime:
            yield runtime


def _with_environment(bridge: Worker, environment: str, folder: Path) -> Worker:
    """The same bridge, by a configuration that has this environment too: wrangler takes one for all."""
    document = read_config(bridge.config.parent)
    document["main"] = str((bridge.config.parent / document["main"]).resolve())
    document["env"] = {environment: {name: document[name] for name in ("name", "vars", "durable_objects")}}
    path = folder / CONFIG
    path.write_text(json.dumps(document))
    (folder / SECRET_FILE).symlink_to((bridge.config.parent / SECRET_FILE).resolve())
    return Worker(bridge.name, path)


def _namespaces(project: Project) -> dict[str, str]:
    found = project.chosen.kv_namespaces
    return {one.binding: one.preview_id or one.id or one.binding for one in found}
