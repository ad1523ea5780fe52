"""The application that a bridge is for: whose class holds the sessions, by its wrangler configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audits import wrangler
from migrate.bridging.kv_namespace import KvNamespace, kv_namespace
from migrate.bridging.project import STATS_BINDING
from migrate.errors import ConfigError
from migrate.wrangler_project import Project, find_project

_INSTEAD = "go to the folder of the Worker that owns the session class"
_A_WORKER_OF_ITS_OWN = "put the class into a Worker that stays, bind it by script_name, and run this there"


@dataclass(frozen=True, slots=True)
class Application:
    """The Worker that owns the session class. `environment`: None is the configuration's top level.

    `where`: the configuration and the environment in it; `binding`: the application's name for it.
    `stats_class`: its class of statistics, None: it binds none. `kv`: the sessions' KV namespace, None: it is
    not known.
    """

    script: str
    class_name: str
    environment: str | None
    binding: str
    where: str
    account_id: str | None
    compliance_region: str | None
    stats_class: str | None = None
    kv: KvNamespace | None = None


def find_application(
    cwd: Path, binding: str | None, environment: str | None, kv_binding: str | None = None
) -> Application:
    """The application around `cwd`; its configuration holds what the others choose.

    Raises ConfigError when there is no configuration, when the class is not its own, is not stored
    in SQLite, or is one of several.
    """
    project = find_project(cwd, cwd, environment, _INSTEAD)
    if project is None:
        raise ConfigError(f"no wrangler configuration in {cwd} or above", _INSTEAD)
    durable = _chosen(project, binding)
    chosen = project.chosen
    if project.config.pages is not None:
        raise ConfigError(
            f"{project.place} is a Pages project, which cannot own the class {durable.class_name}",
            f"run this command in the folder of Worker {durable.script_name}"
            if durable.script_name
            else _A_WORKER_OF_ITS_OWN,
        )
    if chosen.script is None:
        raise ConfigError(f"{project.place} has no name", "give the Worker its name there")
    if durable.script_name not in (None, chosen.script):
        raise ConfigError(
            f"{project.place}, binding {durable.name}: the class {durable.class_name} belongs to another"
            f" Worker, {durable.script_name}",
            f"run this command in the folder of Worker {durable.script_name}",
        )
    _check_class(project, durable.class_name)
    return Application(
        script=chosen.script,
        class_name=durable.class_name,
        environment=project.environment,
        binding=durable.name,
        where=project.place,
        account_id=chosen.account_id,
        compliance_region=chosen.compliance_region,
        stats_class=_stats_class(project),
        kv=kv_namespace(project, kv_binding),
    )


def _chosen(project: Project, binding: str | None) -> wrangler.DurableObject:
    everything = project.chosen.durable_objects
    found = [one for one in everything if one.name != STATS_BINDING]
    if not found:
        raise ConfigError(f"{project.place} binds no Durable Objects", _elsewhere(project))
    names = ", ".join(one.name for one in found)
    if binding is None:
        if len(found) > 1:
            raise ConfigError(
                f"{project.place} binds several classes of Durable Objects", f"--binding is one of: {names}"
            )
        return found[0]
    for one in everything:
        if one.name == binding:
            return one
    kind = project.chosen.kind_of(binding)
    message = f"{project.place} has no binding {binding} of Durable Objects"
    if kind:
        message = f"{project.place} binds {binding} under {kind}, which is no class of Durable Objects"
    raise ConfigError(message, f"--binding is one of: {names}")


def _stats_class(project: Project) -> str | None:
    """The application's own class behind its binding of statistics. Raises ConfigError as for sessions."""
    for one in project.chosen.durable_objects:
        if one.name == STATS_BINDING and one.script_name in (None, project.chosen.script):
            _check_class(project, one.class_name)
            return one.class_name
    return None


def _elsewhere(project: Project) -> str:
    if project.environment and project.config.top.durable_objects:
        return (
            "they are bound at the top level only, and wrangler does not inherit bindings:"
            f" add them to env.{project.environment}, or leave out --env"
        )
    names = [str(one.name) for one in project.config.environments if one.durable_objects]
    if names:
        return f"they are bound in another environment: --env {' or --env '.join(names)}"
    return "export UserSessions from the Worker, bind it, and deploy the Worker (runbooks/objects.md)"


def _check_class(project: Project, name: str) -> None:
    """Is the class there, and in SQLite, by everything that the configuration says of it?"""
    storages = _storages(project.chosen)
    if name not in storages:
        raise ConfigError(
            f"{project.place}: no migration makes the class {name}, so wrangler would not deploy it",
            f'add [[migrations]] with new_sqlite_classes = ["{name}"]',
        )
    if storages[name] != "sqlite":
        raise ConfigError(
            f"{project.place}: the class {name} is not stored in SQLite, which the toolkit needs",
            "a class cannot change its storage: make a new one with new_sqlite_classes, and bind that",
        )


def _storages(environment: wrangler.Environment) -> dict[str, str]:
    """The classes that exist after all migrations, and where each stores."""
    found: dict[str, str] = {}
    for migration in environment.migrations:
        found |= dict.fromkeys(migration.new_classes, "kv")
        found |= dict.fromkeys(migration.new_sqlite_classes, "sqlite")
        for old, new in migration.renamed_classes:
            if old in found:
                found[new] = found.pop(old)
        for name in migration.deleted_classes:
            found.pop(name, None)
    for one in environment.exports:
        if one.type == "durable-object" and one.state == "created":
            found[one.class_name] = one.storage or "kv"
        else:
            found.pop(one.class_name, None)
    return found
