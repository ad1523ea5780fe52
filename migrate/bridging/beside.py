"""A bridge and the application that it belongs to, as the local runtime starts them side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from migrate.bridging.secret_file import SECRET_FILE, has_secret
from migrate.errors import ConfigError
from migrate.local_runtime import LocalRuntime, Tools, Worker
from migrate.wrangler_project import Project, find_project

CONFIG = "wrangler.json"
_WRITE_ONE = "write one: kvferry bridge init {}"
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
    document = _read(folder / CONFIG, folder)
    script = _script(document, folder)
    environment = document.get("vars", {}).get("KVFERRY_ENVIRONMENT")
    if not has_secret(folder):
        raise ConfigError(f"{folder} has no secret", _WRITE_ONE.format(folder))
    project = find_project(cwd, cwd, environment, _GO)
    if project is None:
        raise ConfigError(f"no wrangler configuration in {cwd} or above", _GO)
    if project.chosen.script != script:
        raise ConfigError(
            f"{project.place} is Worker {project.chosen.script}, and the bridge is for {script}", _GO
        )
    application = Worker(script, project.path)
    return Beside(application, Worker(document["name"], folder / CONFIG), environment, _namespaces(project))


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
    document = _read(bridge.config, bridge.config.parent)
    document["main"] = str((bridge.config.parent / document["main"]).resolve())
    document["env"] = {environment: {name: document[name] for name in ("name", "vars", "durable_objects")}}
    path = folder / CONFIG
    path.write_text(json.dumps(document))
    (folder / SECRET_FILE).symlink_to((bridge.config.parent / SECRET_FILE).resolve())
    return Worker(bridge.name, path)


def _namespaces(project: Project) -> dict[str, str]:
    found = project.chosen.kv_namespaces
    return {one.binding: one.preview_id or one.id or one.binding for one in found}


def _read(path: Path, folder: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise ConfigError(f"{folder} holds no bridge", _WRITE_ONE.format(folder))
    return document


def _script(document: dict[str, Any], folder: Path) -> str:
    """Whose class the bridge reaches."""
    objects = document.get("durable_objects")
    bindings = objects.get("bindings") if isinstance(objects, dict) else None
    for one in bindings if isinstance(bindings, list) else []:
        if isinstance(one, dict) and isinstance(one.get("script_name"), str):
            return str(one["script_name"])
    raise ConfigError(f"{folder} holds no bridge", _WRITE_ONE.format(folder))
