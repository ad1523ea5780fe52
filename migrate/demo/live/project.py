"""The files of the demonstration: an application, its versions, their deployment, and a bridge.

application/   the Worker that owns the classes, with the session store as `kvferry store init` writes it
versions/      the same at the later stages: each a configuration that differs in SESSION_STAGE
deployment/    stands for Cloudflare's gradual deployments: it splits the requests among two versions
bridge/        as `kvferry bridge init` writes it
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from migrate import runner
from migrate.bridging import creating
from migrate.bridging.application import find_application
from migrate.bridging.beside import find_beside
from migrate.bridging.folder import package_sources
from migrate.bridging.project import BridgeProject, default_name
from migrate.core.comparing import Stage
from migrate.errors import ConfigError
from migrate.local_runtime import Worker
from migrate.vendoring.folder import store_files
from migrate.vendoring.sources import closure

_CONFIG = "wrangler.json"
_CLASS = "user-sessions.ts"


@dataclass(frozen=True, slots=True)
class LiveProject:
    """What runs. `versions`: of the application by stage, that of `kv` is the one that owns the classes."""

    folder: Path
    deployment: Worker
    bridge: Worker
    versions: Mapping[Stage, Worker]
    namespace: str

    @property
    def state(self) -> Path:
        """Where KV and objects are kept."""
        return self.folder / "state"


def write_project(folder: Path, store: Mapping[str, str] | None = None) -> LiveProject:
    """Write all of it below `folder`. `store`: the session store's files (as the package has them).

    Raises ConfigError where an application is already.
    """
    application = folder / "application"
    if application.exists():
        raise ConfigError(f"{application} is there already", "name a new folder, or move that one away")
    package = resources.files("migrate") / "demo" / "live"
    for name in ("application", "deployment"):
        with resources.as_file(package / name) as sample:
            shutil.copytree(sample, folder / name)
    sources = {path.removeprefix("src/"): text for path, text in package_sources().items()}
    _write(application / "src" / "kvferry", store_files() if store is None else store)
    _write(application / "src" / "sessions", closure(sources, _CLASS))
    owner = json.loads((application / _CONFIG).read_text(encoding="utf-8"))
    versions = {Stage.KV: Worker(owner["name"], application / _CONFIG)}
    for stage in tuple(Stage)[1:]:
        versions[stage] = _version(folder / "versions" / stage, owner, stage)
    return LiveProject(
        folder,
        _deployment(folder / "deployment", versions),
        _bridge(folder / "bridge", application, owner["vars"]["KVFERRY_PLACEMENT"]),
        versions,
        owner["kv_namespaces"][0]["id"],
    )


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _version(folder: Path, owner: dict[str, Any], stage: Stage) -> Worker:
    """One version of the application: its classes, and with them all sessions, are the owner's."""
    name = f"{owner['name']}-{stage}"
    bindings = owner["durable_objects"]["bindings"]
    kept = {key: value for key, value in owner.items() if key != "migrations"}
    return _worker(
        folder,
        kept
        | {
            "name": name,
            "main": f"../../application/{owner['main']}",
            "vars": owner["vars"] | {"SESSION_STAGE": stage},
            "durable_objects": {"bindings": [one | {"script_name": owner["name"]} for one in bindings]},
        },
    )


def _deployment(folder: Path, versions: Mapping[Stage, Worker]) -> Worker:
    bound = {stage.upper().replace("-", "_"): one.name for stage, one in versions.items()}
    config = {
        "name": "playlists-deployment",
        "main": "deployment.ts",
        "compatibility_date": "2026-04-01",
        "services": [{"binding": binding, "service": name} for binding, name in bound.items()],
    }
    return _worker(folder, config)


def _worker(folder: Path, config: dict[str, Any]) -> Worker:
    _write(folder, {_CONFIG: json.dumps(config, indent=2) + "\n"})
    return Worker(config["name"], folder / _CONFIG)


def _bridge(folder: Path, application: Path, placement: str) -> Worker:
    found = find_application(application, None, None)
    project = BridgeProject(
        name=default_name(found.script),
        script=found.script,
        class_name=found.class_name,
        placement=placement,
        prefix=runner.DEFAULT_PREFIX,
        stats_class=found.stats_class,
    )
    creating.create(folder, project, application, force=False, dry_run=False)
    return find_beside(folder, application).bridge
