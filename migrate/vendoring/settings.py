"""What an application has to set for the session store, said in the words of its own configuration.

    Environment + prefix, placement ──lacking──▶ Lacking ──written──▶ TOML or JSON to be added

Nothing that is there already is repeated, and nothing is ever written into the configuration. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audits.wrangler import DurableObject, Environment
from migrate.bridging.project import BINDING, STATS_BINDING

STATS_CLASS = "MigrationStats"
_KV, _SESSIONS_CLASS = "SESSIONS", "UserSessions"
_VERSION = "CF_VERSION_METADATA"
_TAG = "kvferry-1"


@dataclass(slots=True)
class Lacking:
    """`own`: to be added to the environment, `shared`: to the top level, which environments inherit;
    both as wrangler's keys. `notes`: what is to be decided or done elsewhere."""

    own: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def lacking(environment: Environment, prefix: str, placement: str, *, pages: bool = False) -> Lacking:
    """What the environment lacks for the stage kv, at which a migration begins.

    `pages`: it is a Pages project, which can own no class.
    """
    found = Lacking()
    wanted = {"SESSION_STAGE": "kv", "KVFERRY_PREFIX": prefix, "KVFERRY_PLACEMENT": placement}
    _kv(environment, found, wanted)
    sessions = _objects(environment, found, wanted)
    _stats(environment, sessions, found, pages=pages)
    if environment.kind_of(_VERSION) is None:
        found.own["version_metadata"] = {"binding": _VERSION}
    variables = {name: value for name, value in wanted.items() if environment.kind_of(name) is None}
    if kept := sorted(wanted.keys() - variables.keys()):
        found.notes.append(f"as they are: {', '.join(kept)}")
    if variables:
        found.own = {"vars": variables, **found.own}
    return found


def _kv(environment: Environment, found: Lacking, wanted: dict[str, str]) -> None:
    names = [one.binding for one in environment.kv_namespaces]
    if _KV in names or environment.kind_of("KVFERRY_KV_BINDING") is not None:
        return
    if len(names) == 1:
        wanted["KVFERRY_KV_BINDING"] = names[0]
    elif names:
        found.notes.append(f"KVFERRY_KV_BINDING is the one that sessions are in: {', '.join(names)}")
    else:
        found.own["kv_namespaces"] = [{"binding": _KV, "id": "NAMESPACE"}]


def _objects(environment: Environment, found: Lacking, wanted: dict[str, str]) -> DurableObject:
    """The binding of the session class, as it is or is to be."""
    bound = [one for one in environment.durable_objects if one.class_name != STATS_CLASS]
    for one in bound:
        if one.name == BINDING:
            return one
    own = DurableObject(BINDING, _SESSIONS_CLASS, None)
    if environment.kind_of("KVFERRY_OBJECTS_BINDING") is not None and bound:
        return bound[0]
    if len(bound) == 1:
        wanted["KVFERRY_OBJECTS_BINDING"] = bound[0].name
        return bound[0]
    if bound:
        names = ", ".join(one.name for one in bound)
        found.notes.append(f"KVFERRY_OBJECTS_BINDING is the one of the session class: {names}")
        return bound[0]
    found.notes.append("before dual-write, bind the session class as USER_SESSIONS; kv works without it")
    return own


def _stats(environment: Environment, sessions: DurableObject, found: Lacking, *, pages: bool) -> None:
    """The statistics belong to the script that owns the session class."""
    elsewhere = sessions.script_name if sessions.script_name != environment.script else None
    if pages and elsewhere is None:
        elsewhere = "WORKER"
    if environment.kind_of(STATS_BINDING) is None:
        binding = {"name": STATS_BINDING, "class_name": STATS_CLASS}
        if elsewhere is not None:
            binding["script_name"] = elsewhere
        found.own["durable_objects"] = {"bindings": [binding]}
    if elsewhere is not None:
        found.notes.append(
            f"export {STATS_CLASS} from {elsewhere}, which owns the session class, with a migration there:"
            f' new_sqlite_classes = ["{STATS_CLASS}"]'
        )
    elif environment.exports:
        if all(one.class_name != STATS_CLASS for one in environment.exports):
            found.shared["exports"] = {STATS_CLASS: {"type": "durable-object", "storage": "sqlite"}}
    elif all(STATS_CLASS not in one.new_sqlite_classes for one in environment.migrations):
        found.shared["migrations"] = [{"tag": _TAG, "new_sqlite_classes": [STATS_CLASS]}]


def written(found: Lacking, environment: str | None, *, toml: bool) -> str:
    """What is to be added, in the language of the configuration."""
    if toml:
        own = "" if environment is None else f"env.{environment}."
        return "\n".join([*_toml(found.own, own), *_toml(found.shared, "")]).rstrip()
    whole = found.own if environment is None else {"env": {environment: found.own}}
    return json.dumps({**whole, **found.shared}, indent=2, ensure_ascii=False)


def _toml(tables: Mapping[str, Any], before: str) -> Iterator[str]:
    """Tables and arrays of tables; `before`: what stands before their names."""
    for name, value in tables.items():
        if isinstance(value, Mapping) and all(isinstance(one, (Mapping, list)) for one in value.values()):
            yield from _toml(value, f"{before}{name}.")
            continue
        many = isinstance(value, list)
        for entry in value if many else [value]:
            yield f"[[{before}{name}]]" if many else f"[{before}{name}]"
            yield from (f"{key} = {_scalar(one)}" for key, one in entry.items())
            yield ""


def _scalar(value: str | Sequence[str]) -> str:
    """A string or a list of strings, which JSON writes as TOML does."""
    return json.dumps(value, ensure_ascii=False)
