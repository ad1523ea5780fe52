"""Cloudflare's list of a class's objects: their ids, and whether anything is stored in them.

It knows no names: an id is made of a name, and not the other way round. At Cloudflare,

    GET {base}/accounts/{account}/workers/durable_objects/namespaces?page&per_page
    GET …/namespaces/{namespace}/objects?limit&cursor     limit 10..10,000 (its API reference)

need a token with the permission "Workers Scripts Read". The local runtime serves the same below
/cdn-cgi/[local/]explorer/api, without an account; the names that it adds exist nowhere else.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from migrate.errors import ConfigError, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores.cloudflare import OBJECTS, OTHER, Api
from migrate.stores.envelope import Rejected
from migrate.stores.scripts import PERMISSION, owned_classes

EXPLORERS = ("/cdn-cgi/local/explorer/api", "/cdn-cgi/explorer/api")
"""Where the local runtime serves its API, newest first."""

PAGE = 10_000
"""Objects of a page, the most that the API gives."""

_ID = re.compile(r"[0-9a-f]{64}")
_HINT = f'set CLOUDFLARE_API_TOKEN to one with the permission "{PERMISSION}" for this account'

_Answer = TypeVar("_Answer")


class Listed(NamedTuple):
    """An object's id, 64 hexadecimal digits, and whether something is stored in it."""

    id: str
    stored: bool


class Namespace:
    """The objects of one class. `root`: the path before /workers, None: the local runtime's, looked for.

    `script` and `class_name`: which class, by the Worker that owns it.
    """

    def __init__(self, api: Api, root: str | None, script: str, class_name: str) -> None:
        self._api = api
        self._root = root
        self._script, self._class = script, class_name

    def pages(self) -> Iterator[Sequence[Listed]]:
        """Every object, page by page, in no order; one may come twice, and a page may be empty.

        Raises ConfigError when there is no such class, StoreRefused, StoreUnavailable, StoreBroken.
        """
        root = self._root if self._root is not None else self._explorer()
        namespace = quote(self._find(root), safe="")
        objects = f"{root}/workers/durable_objects/namespaces/{namespace}/objects"
        cursor, seen = None, set[str]()
        while True:
            query = {"limit": str(PAGE)} | ({} if cursor is None else {"cursor": cursor})
            envelope = _allowed(functools.partial(self._api.fetch, OBJECTS, objects, query))
            yield [_listed(one) for one in _array(envelope.result)]
            cursor = _cursor(envelope.info)
            if cursor is None:
                return
            if cursor in seen:
                raise _broken("the list of objects gave the same cursor twice")
            seen.add(cursor)

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._api.close()

    def _find(self, root: str) -> str:
        """The namespace's id, by script and class."""
        found = _allowed(lambda: list(owned_classes(self._api, root)))
        wanted = (self._script, self._class)
        matching = [one.namespace for one in found if (one.script, one.class_name) == wanted]
        if len(matching) == 1:
            return matching[0]
        there = ", ".join(sorted(f"{one.class_name} of {one.script}" for one in found))
        raise ConfigError(
            f"{self._api.who} has {'several classes' if matching else 'no class'} {self._class}"
            f" of a Worker {self._script}",
            "set the bridge's KVFERRY_SCRIPT and KVFERRY_CLASS to the Worker that owns the class, and the"
            f" account to its own; there are: {there[:500] or 'none'}",
        )

    def _explorer(self) -> str:
        """The path under which the local runtime serves its API."""
        for path in EXPLORERS:
            try:
                self._api.fetch(OTHER, f"{path}/workers/durable_objects/namespaces")
            except (StoreRefused, StoreUnavailable):
                continue
            return path
        raise StoreUnavailable(
            f"the local runtime at {self._api.origin} does not list its objects",
            "give the address that `wrangler dev` prints, or set CLOUDFLARE_API_BASE_URL to where it does",
        )


def _allowed(fetch: Callable[[], _Answer]) -> _Answer:
    """Ask, and say which permission is missing."""
    try:
        return fetch()
    except Rejected:
        raise
    except StoreRefused as error:
        raise StoreRefused(f"the list of objects: {error.message}", _HINT) from None


def _array(result: object) -> list[Any]:
    if not isinstance(result, list):
        raise _broken("a list of objects is none")
    return result


def _listed(one: object) -> Listed:
    """The id, and nothing that only the local runtime says. Whoever does not say that an object is empty
    is taken to have one that is not."""
    identifier = one.get("id") if isinstance(one, dict) else None
    if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
        raise _broken("an object's id is not 64 hexadecimal digits")
    assert isinstance(one, dict)
    return Listed(identifier, one.get("hasStoredData") is not False)


def _cursor(info: Any) -> str | None:
    """The cursor of the next page; None at the end."""
    if info is None:
        raise _broken("a page of objects does not say whether it is the last")
    cursor = info.get("cursor")
    if cursor is None and isinstance(info.get("cursors"), dict):
        cursor = info["cursors"].get("after")  # as in the API reference's own words
    if cursor is not None and not isinstance(cursor, str):
        raise _broken("a cursor is no text")
    return cursor or None


def _broken(what: str) -> StoreBroken:
    return StoreBroken(f"Cloudflare's API broke its contract: {what}", "try again later; nothing was decided")
