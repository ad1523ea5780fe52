"""What of a Worker is deployed, over Cloudflare's API: versions with their shares, and a version's tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from migrate.errors import StoreBroken
from migrate.stores.cloudflare import OTHER, Api
from migrate.stores.envelope import Rejected
from migrate.stores.scripts import account_root

_TAG = "workers/tag"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The newest deployment: percentages by version, since when (Unix seconds), and the tag of the version
    that serves everything ("" when it has none, None when several serve)."""

    versions: Mapping[str, float]
    since: float
    tag: str | None


def newest(api: Api, account: str, script: str) -> Deployment | None:
    """The deployment that serves now; None: there is no such script, or it was never deployed.

    Source: Workers' Deployments API, whose list begins with the one that is active. Raises StoreRefused,
    StoreUnavailable, StoreBroken.
    """
    path = f"{account_root(account)}/workers/scripts/{quote(script, safe='')}"
    try:
        result = api.fetch(OTHER, f"{path}/deployments").result
    except Rejected as no:
        if no.status == 404:
            return None
        raise
    found = result.get("deployments") if isinstance(result, dict) else None
    if not isinstance(found, list):
        raise _broken("does not list the application's deployments")
    if not found:
        return None
    versions, since = _shares(found[0]), _since(found[0])
    tag = _tag(api, f"{path}/versions/{quote(next(iter(versions)), safe='')}") if len(versions) == 1 else None
    return Deployment(versions, since, tag)


def _shares(deployment: Any) -> dict[str, float]:
    shares = deployment.get("versions") if isinstance(deployment, dict) else None
    versions: dict[str, float] = {}
    for one in shares if isinstance(shares, list) else ():
        name, share = (
            (one.get("version_id"), one.get("percentage")) if isinstance(one, dict) else (None, None)
        )
        if (
            not isinstance(name, str)
            or not name
            or isinstance(share, bool)
            or not isinstance(share, int | float)
        ):
            raise _broken("does not say which versions serve")
        if share > 0:
            versions[name] = float(share)
    if not versions:
        raise _broken("does not say which versions serve")
    return versions


def _since(deployment: Any) -> float:
    try:
        moment = datetime.fromisoformat(deployment.get("created_on"))
    except (TypeError, ValueError):
        raise _broken("does not say since when a version serves") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _tag(api: Api, path: str) -> str:
    result = api.fetch(OTHER, path).result
    annotations = result.get("annotations") if isinstance(result, dict) else None
    tag = annotations.get(_TAG) if isinstance(annotations, dict) else None
    return tag if isinstance(tag, str) else ""


def _broken(what: str) -> StoreBroken:
    return StoreBroken(f"Cloudflare {what}", "report it")
