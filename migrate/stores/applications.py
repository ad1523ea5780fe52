"""Who is bound to a KV namespace, over Cloudflare's API: Workers, their versions, and Pages projects.

Facts from Cloudflare's API reference: a version keeps the bindings that it was made with; a version can be
reached by its own URL while preview URLs are enabled for its script, unless the version has none (its
`hasPreview`); every Pages deployment keeps its own URL for ever, and no answer says what an older one is
bound to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from migrate.errors import StoreBroken
from migrate.stores.cloudflare import OTHER, Api
from migrate.stores.envelope import Envelope, Rejected
from migrate.stores.scripts import PERMISSION, account_root

SCRIPTS_PERMISSION = PERMISSION
PAGES_PERMISSION = "Cloudflare Pages Read"
"""What asking for Pages projects takes (Account, Cloudflare Pages, Read)."""

_MOST_PAGES = 1000
"""How many pages are walked. None is asked for by its size: the API refuses large ones, and says no limit."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a script. `reachable`: it has a URL of its own while preview URLs are enabled."""

    id: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class Project:
    """A Pages project: names of the bindings to the namespace, in production and in previews."""

    name: str
    production: tuple[str, ...]
    previews: tuple[str, ...]


def scripts(api: Api, account: str) -> list[str]:
    """The account's Workers by name. Raises StoreRefused, StoreUnavailable, StoreBroken."""
    result = api.fetch(OTHER, f"{account_root(account)}/workers/scripts").result
    names = [_word(one, "id") for one in result] if isinstance(result, list) else [None]
    if None in names:
        raise _broken("does not list the account's Workers")
    return [name for name in names if name is not None]


def serving(api: Api, account: str, script: str) -> list[str]:
    """The versions that serve, by id; empty: none was ever deployed, or the script is gone.

    Raises StoreRefused, StoreUnavailable, StoreBroken.
    """
    try:
        result = api.fetch(OTHER, f"{_script(account, script)}/deployments").result
    except Rejected as no:
        if no.status == 404:
            return []
        raise
    found = result.get("deployments") if isinstance(result, dict) else None
    if not isinstance(found, list):
        raise _broken("does not list a Worker's deployments")
    if not found:
        return []
    shares = found[0].get("versions") if isinstance(found[0], dict) else None
    names = [_word(one, "version_id") for one in shares] if isinstance(shares, list) else [None]
    if None in names:
        raise _broken("does not say which versions of a Worker serve")
    return [name for name in names if name is not None]


def bound_now(api: Api, account: str, script: str, namespace: str) -> tuple[str, ...]:
    """By which names a script's settings bind the namespace. Raises as `serving`; gone binds nothing."""
    return _asked(api, f"{_script(account, script)}/settings", namespace, "")


def bound_by(api: Api, account: str, script: str, version: str, namespace: str) -> tuple[str, ...]:
    """By which names one version binds the namespace. Raises as `serving`; gone binds nothing."""
    path = f"{_script(account, script)}/versions/{quote(version, safe='')}"
    return _asked(api, path, namespace, "resources")


def _asked(api: Api, path: str, namespace: str, within: str) -> tuple[str, ...]:
    try:
        result = api.fetch(OTHER, path).result
    except Rejected as no:
        if no.status == 404:
            return ()
        raise
    holder = result.get(within) if within and isinstance(result, dict) else result
    bindings = holder.get("bindings") if isinstance(holder, dict) else None
    if not isinstance(bindings, list):
        raise _broken("does not say what a Worker is bound to")
    mine = [
        _word(one, "name") or "?"
        for one in bindings
        if _word(one, "type") == "kv_namespace" and _word(one, "namespace_id") == namespace
    ]
    return tuple(sorted(mine))


def has_version_urls(api: Api, account: str, script: str) -> bool:
    """Are preview URLs enabled for a script? Raises as `serving`; a script that is gone has none."""
    try:
        result = api.fetch(OTHER, f"{_script(account, script)}/subdomain").result
    except Rejected as no:
        if no.status == 404:
            return False
        raise
    enabled = result.get("previews_enabled") if isinstance(result, dict) else None
    if not isinstance(enabled, bool):
        raise _broken("does not say whether a Worker's preview URLs are enabled")
    return enabled


def versions(api: Api, account: str, script: str) -> Iterator[Version]:
    """Every version of a script, the newest first. Raises as `serving`."""
    seen: set[str] = set()
    for page in range(1, _MOST_PAGES):
        envelope = api.fetch(OTHER, f"{_script(account, script)}/versions", {"page": str(page)})
        items = envelope.result.get("items") if isinstance(envelope.result, dict) else None
        if not isinstance(items, list):
            raise _broken("does not list a Worker's versions")
        before = len(seen)
        for one in items:
            name = _word(one, "id")
            if name is None or name in seen:
                continue
            seen.add(name)
            about = one.get("metadata")
            # Where it is not said whether a version has a URL, it is taken to have one.
            yield Version(name, not (isinstance(about, dict) and about.get("hasPreview") is False))
        if _ended(envelope, len(seen), len(seen) - before):
            return


def projects(api: Api, account: str, namespace: str) -> Iterator[Project]:
    """Every Pages project, with its bindings to the namespace. Raises as `serving`."""
    seen: set[str] = set()
    for page in range(1, _MOST_PAGES):
        envelope = api.fetch(OTHER, f"{account_root(account)}/pages/projects", {"page": str(page)})
        if not isinstance(envelope.result, list):
            raise _broken("does not list the account's Pages projects")
        before = len(seen)
        for one in envelope.result:
            name = _word(one, "name")
            if name is None or name in seen:
                continue
            seen.add(name)
            configs = one.get("deployment_configs")
            if not isinstance(configs, dict):
                raise _broken("does not say what a Pages project is bound to")
            yield Project(name, *(_of(configs.get(kind), namespace) for kind in ("production", "preview")))
        if _ended(envelope, len(seen), len(seen) - before):
            return


def other_deployments(api: Api, account: str, project: str) -> int:
    """How many deployments of a Pages project there are beside the one that serves. Raises as `serving`."""
    path = f"{account_root(account)}/pages/projects/{quote(project, safe='')}/deployments"
    envelope = api.fetch(OTHER, path)
    if not isinstance(envelope.result, list):
        raise _broken("does not list a Pages project's deployments")
    total = (envelope.info or {}).get("total_count")
    return max(0, (total if isinstance(total, int) else len(envelope.result)) - 1)


def _ended(envelope: Envelope, seen: int, new: int) -> bool:
    """Was that the last page? The end is where the API says, or where nothing new comes."""
    total = (envelope.info or {}).get("total_count")
    return not new or (isinstance(total, int) and seen >= total)


def _of(config: Any, namespace: str) -> tuple[str, ...]:
    """Names of a Pages configuration's bindings to the namespace."""
    bindings = config.get("kv_namespaces") if isinstance(config, dict) else None
    if bindings is None:
        return ()
    if not isinstance(bindings, dict):
        raise _broken("does not say what a Pages project is bound to")
    return tuple(sorted(name for name, one in bindings.items() if _word(one, "namespace_id") == namespace))


def _script(account: str, script: str) -> str:
    return f"{account_root(account)}/workers/scripts/{quote(script, safe='')}"


def _word(one: Any, member: str) -> str | None:
    value = one.get(member) if isinstance(one, dict) else None
    return value if isinstance(value, str) and value else None


def _broken(what: str) -> StoreBroken:
    return StoreBroken(f"Cloudflare {what}", "report it")
