"""What a bridge's folder would deploy, read back from its wrangler.json, to be held against facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audits import jsonc
from migrate.bridging.folder import manifest_files
from migrate.bridging.project import BINDING, CONFIG, KV_BINDING, STATS_BINDING
from migrate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Deployment:
    """A folder that `kvferry bridge init` wrote, edited or not.

    `owned`: classes that a deployment would make its own, where there must be none. `domain`: the
    first host name of its routes. `stats`: are statistics bound? `kv`: the id of the KV namespace that it
    writes, None: none.
    """

    folder: Path
    name: str
    script: str
    class_name: str
    environment: str | None
    placement: str
    prefix: str
    account_id: str | None
    compliance_region: str | None
    domain: str | None
    owned: tuple[str, ...]
    stats: bool = False
    kv: str | None = None


def read_deployment(folder: Path) -> Deployment:
    """The folder's deployment. Raises ConfigError when it is no bridge's, or does not say what it reaches."""
    config = read_config(folder)
    try:
        return _deployment(folder, config)
    except (KeyError, TypeError, AttributeError, IndexError):
        raise ConfigError(
            f"{folder / CONFIG} does not say what the bridge is, or which class it reaches",
            "write it anew: kvferry bridge init",
        ) from None


def read_config(folder: Path) -> Any:
    """The configuration in a bridge's folder, as it is. Raises ConfigError when there is no bridge in it."""
    hint = f"name the folder that kvferry bridge init wrote, or write one: kvferry bridge init {folder}"
    if not manifest_files(folder):
        raise ConfigError(f"{folder} is not a bridge's folder", hint)
    path = folder / CONFIG
    try:
        return jsonc.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or 'error').lower()}", hint) from None
    except ValueError:
        raise ConfigError(f"{path} is no JSON", "correct it, or write it anew: kvferry bridge init") from None


def _deployment(folder: Path, config: Mapping[str, Any]) -> Deployment:
    name = str(config["name"])
    bindings = config["durable_objects"]["bindings"]
    session = ([one for one in bindings if one["name"] == BINDING] or bindings)[0]
    variables = config.get("vars", {})
    return Deployment(
        folder=folder,
        name=name,
        script=str(session.get("script_name") or name),
        class_name=str(session["class_name"]),
        environment=variables.get("KVFERRY_ENVIRONMENT"),
        placement=str(variables.get("KVFERRY_PLACEMENT", "")),
        prefix=str(variables.get("KVFERRY_PREFIX", "")),
        account_id=config.get("account_id"),
        compliance_region=config.get("compliance_region"),
        domain=_domain(config),
        owned=tuple(sorted(_owned(name, config))),
        stats=any(one["name"] == STATS_BINDING for one in bindings),
        kv=next((one["id"] for one in config.get("kv_namespaces", ()) if one["binding"] == KV_BINDING), None),
    )


def _owned(name: str, config: Mapping[str, Any]) -> set[str]:
    """Every class that any part of the configuration would give to this script, environments included."""
    found: set[str] = set()
    for part in (config, *config.get("env", {}).values()):
        for one in part.get("durable_objects", {}).get("bindings", ()):
            if one.get("script_name") in (None, "", name):
                found.add(str(one["class_name"]))
        for migration in part.get("migrations", ()):
            found.update(map(str, migration.get("new_classes", ())))
            found.update(map(str, migration.get("new_sqlite_classes", ())))
            found.update(str(pair["to"]) for pair in migration.get("renamed_classes", ()))
            found.update(str(one["to"]) for one in migration.get("transferred_classes", ()))
        found.update(
            name for name, one in part.get("exports", {}).items() if one.get("type") == "durable-object"
        )
    return found


def _domain(config: Mapping[str, Any]) -> str | None:
    for route in config.get("routes", ()):
        pattern = route if isinstance(route, str) else route["pattern"]
        return str(pattern).split("/")[0]
    return None
