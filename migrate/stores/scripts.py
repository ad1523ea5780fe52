"""Workers and their classes over Cloudflare's API: what a script is bound to, and which classes it owns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from migrate.errors import StoreBroken
from migrate.stores.cloudflare import OTHER, Api
from migrate.stores.envelope import Rejected

PERMISSION = "Workers Scripts Read"
"""What asking takes (Account, Workers Scripts, Read); deleting a script takes Workers Scripts Edit."""

_PER_PAGE = 100
_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class ClassBinding:
    """A binding of Durable Objects. `script` None: the class is the script's own."""

    name: str
    class_name: str
    script: str | None
    namespace: str | None


@dataclass(frozen=True, slots=True)
class OwnedClass:
    """A class with its namespace of objects, as the account lists them."""

    namespace: str
    script: str
    class_name: str


def class_bindings(api: Api, account: str, script: str) -> list[ClassBinding] | None:
    """The classes that a deployed script is bound to; None: there is no such script.

    Raises StoreRefused, StoreUnavailable, StoreBroken.
    """
    try:
        result = api.fetch(OTHER, f"{_script(account, script)}/settings").result
    except Rejected as no:
        if no.status == 404:
            return None
        raise
    bindings = result.get("bindings") if isinstance(result, dict) else None
    if not isinstance(bindings, list):
        raise StoreBroken("Cloudflare does not say what the bridge's script is bound to", "report it")
    return [
        ClassBinding(_word(one, "name") or "", _word(one, "class_name") or "", *_where(one, script))
        for one in bindings
        if isinstance(one, dict) and one.get("type") == "durable_object_namespace"
    ]


def owned_classes(api: Api, root: str) -> Iterator[OwnedClass]:
    """Every class that a script of the account owns. `root`: the API's path before /workers.

    A page may be smaller than was asked for: the end is where the API says, or where nothing new comes.
    Raises StoreRefused, StoreUnavailable, StoreBroken.
    """
    path = f"{root}/workers/durable_objects/namespaces"
    seen: set[str] = set()
    for page in range(1, _MOST_PAGES):
        envelope = api.fetch(OTHER, path, {"page": str(page), "per_page": str(_PER_PAGE)})
        if not isinstance(envelope.result, list):
            raise StoreBroken("Cloudflare does not list the account's classes", "report it")
        before = len(seen)
        for one in envelope.result:
            namespace, script, name = (_word(one, member) for member in ("id", "script", "class"))
            if namespace is None or namespace in seen:
                continue
            seen.add(namespace)
            if script and name:
                yield OwnedClass(namespace, script, name)
        total = (envelope.info or {}).get("total_count")
        if len(seen) == before or (isinstance(total, int) and len(seen) >= total):
            return


def account_root(account: str) -> str:
    """The API's path before /workers at Cloudflare."""
    return f"/accounts/{quote(account, safe='')}"


def delete_script(api: Api, account: str, script: str) -> bool:
    """Delete a script, without force: one that owns a class is refused. False: there is none any more.

    Raises StoreRefused, StoreUnavailable.
    """
    try:
        api.delete(_script(account, script))
    except Rejected as no:
        if no.status == 404:
            return False
        raise
    return True


def _script(account: str, script: str) -> str:
    return f"{account_root(account)}/workers/scripts/{quote(script, safe='')}"


def _where(one: Any, script: str) -> tuple[str | None, str | None]:
    owner = _word(one, "script_name")
    return (None if owner == script else owner), _word(one, "namespace_id")


def _word(one: Any, member: str) -> str | None:
    value = one.get(member) if isinstance(one, dict) else None
    return value if isinstance(value, str) and value else None
