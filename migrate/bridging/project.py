"""The files of a bridge's project: what `kvferry bridge init` writes, decided from a few choices.

    BridgeProject + sources of the package ──files──▶ {path: text}

The bridge owns no class: it binds the application's by `script_name`. The secret is in none of these
files (migrate/bridging/secret_file.py), and every choice can be read back from wrangler.json. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.bridging.kv_namespace import KvNamespace
from migrate.core.locations import LOCATION_HINTS
from migrate.errors import ConfigError
from migrate.written_files import fingerprint

CONFIG = "wrangler.json"
MANIFEST = "kvferry-bridge.json"
BINDING = "USER_SESSIONS"
"""The bridge's own name for the class, whatever the application calls it."""

STATS_BINDING = "MIGRATION_STATS"
"""What application and bridge call the class of statistics, if there is one."""

KV_BINDING = "SESSIONS_KV"
"""The bridge's own name for the KV namespace that the sessions are in."""

_COMPATIBILITY = "2026-04-01"
_LONGEST_NAME = 63
_PLACEMENT = re.compile(r"per-session|shards:([1-9][0-9]{0,3})")
_MOST_SHARDS = 4096

_IGNORED = ".dev.vars*\n.env*\n.kvferry-keys\n.wrangler/\nnode_modules/\n"


@dataclass(frozen=True, slots=True)
class Access:
    """An application of Cloudflare Access in front of the bridge: the team's name and the audience tag."""

    team: str
    audience: str


@dataclass(frozen=True, slots=True)
class BridgeProject:
    """Everything that a deployment of a bridge is made of, but its secret.

    `script` and `class_name`: who owns the sessions; `stats_class`: the script's class of statistics,
    None: it has none. `kv`: the sessions' namespace, None: the bridge writes none. `environment`: the
    application's, None: its top level. `domain`: a host name in the account's zones that is to be the
    bridge's alone.
    Raises ConfigError for what cannot be deployed.
    """

    name: str
    script: str
    class_name: str
    environment: str | None = None
    placement: str = "per-session"
    prefix: str = "spotify_session:"
    location_hint: str | None = None
    workers_dev: bool = False
    domain: str | None = None
    access: Access | None = None
    account_id: str | None = None
    compliance_region: str | None = None
    stats_class: str | None = None
    kv: KvNamespace | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.name == self.script:
            raise ConfigError(
                f"the bridge must not have the application's name, {self.script}: it would take its place",
                "leave out --name, or give another one",
            )
        check_placement(self.placement)
        if len(self.prefix.encode()) > 511:
            raise ConfigError(
                "the prefix is longer than 511 bytes", "give the prefix that the keys in KV have"
            )
        if self.location_hint is not None and self.location_hint not in LOCATION_HINTS:
            raise ConfigError(
                f"{self.location_hint!r} is no location hint", f"one of {', '.join(LOCATION_HINTS)}"
            )
        if self.domain is not None and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", self.domain):
            raise ConfigError(f"{self.domain!r} is no host name", "write --domain bridge.example.com")

    @property
    def variables(self) -> dict[str, str]:
        """What the bridge reads of its environment, the secret left out."""
        found = {
            "KVFERRY_PREFIX": self.prefix,
            "KVFERRY_PLACEMENT": self.placement,
            "KVFERRY_SCRIPT": self.script,
            "KVFERRY_CLASS": self.class_name,
        }
        if self.environment is not None:
            found["KVFERRY_ENVIRONMENT"] = self.environment
        if self.location_hint is not None:
            found["KVFERRY_LOCATION_HINT"] = self.location_hint
        if self.access is not None:
            found["KVFERRY_ACCESS_TEAM"] = self.access.team
            found["KVFERRY_ACCESS_AUDIENCE"] = self.access.audience
        if self.kv is not None:
            found["KVFERRY_KV_NAMESPACE"] = self.kv.id
        return found

    def config(self) -> str:
        """Its wrangler.json."""
        document: dict[str, Any] = {
            "$schema": "node_modules/wrangler/config-schema.json",
            "name": self.name,
            "main": "src/bridge-worker.ts",
            "compatibility_date": _COMPATIBILITY,
        }
        if self.account_id is not None:
            document["account_id"] = self.account_id
        if self.compliance_region is not None:
            document["compliance_region"] = self.compliance_region
        if self.domain is not None:
            document["routes"] = [{"pattern": self.domain, "custom_domain": True}]
        document |= {
            "workers_dev": self.workers_dev,
            "preview_urls": False,
            "observability": {"enabled": False},
            "vars": self.variables,
            "durable_objects": {
                "bindings": [
                    {"name": name, "class_name": class_name, "script_name": self.script}
                    for name, class_name in ((BINDING, self.class_name), (STATS_BINDING, self.stats_class))
                    if class_name is not None
                ]
            },
        }
        if self.kv is not None:
            preview = {} if self.kv.preview_id is None else {"preview_id": self.kv.preview_id}
            document["kv_namespaces"] = [{"binding": KV_BINDING, "id": self.kv.id, **preview}]
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def files(project: BridgeProject, sources: Mapping[str, str], version: str) -> dict[str, str]:
    """Every file of the project with its text, the manifest last.

    `sources`: the package's own files (package.json, src/bridge.ts, …); `version`: kvferry's.
    """
    found = {**sources, CONFIG: project.config(), ".gitignore": _IGNORED}
    return {**found, MANIFEST: manifest(found, version)}


def manifest(found: Mapping[str, str], version: str) -> str:
    """What tells files that were edited from those that are as they were written."""
    hashes = {path: fingerprint(text) for path, text in sorted(found.items())}
    document = {"comment": "written by kvferry bridge init", "kvferry": version, "files": hashes}
    return json.dumps(document, indent=2) + "\n"


def default_name(script: str) -> str:
    """What the bridge of a script is called, when nothing else is asked for."""
    return f"{script}-kvferry-bridge"


def check_name(name: str) -> str:
    """A Worker's name. Raises ConfigError for what wrangler or workers.dev would refuse."""
    if not re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", name) or len(name) > _LONGEST_NAME:
        raise ConfigError(
            f"{name!r} cannot be the bridge's name",
            f"give --name: small letters, digits and dashes, at most {_LONGEST_NAME} of them",
        )
    return name


def check_placement(text: str) -> int:
    """How many shards a placement has, 0 for per-session. Raises ConfigError."""
    match = _PLACEMENT.fullmatch(text)
    shards = int(match[1] or 0) if match else _MOST_SHARDS + 1
    if shards > _MOST_SHARDS:
        raise ConfigError(
            f"{text!r} is no placement", f"write per-session, or shards:N with N from 1 to {_MOST_SHARDS}"
        )
    return shards


def read_access(text: str) -> Access:
    """Read TEAM/AUD: the team's name, and the application's audience tag. Raises ConfigError."""
    team, _, audience = text.removeprefix("https://").partition("/")
    match = re.fullmatch(r"([a-z0-9-]+)(?:\.cloudflareaccess\.com)?", team)
    if match is None or not re.fullmatch(r"[A-Za-z0-9_-]{8,128}", audience):
        raise ConfigError(
            "--access is not TEAM/AUD",
            "TEAM.cloudflareaccess.com is the team's, and AUD is the application's tag",
        )
    return Access(match[1], audience)
