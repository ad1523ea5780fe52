"""What a token may see of an account, asked without reading a session: itself, and KV's namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from migrate.errors import StoreRefused
from migrate.stores.cloudflare import OTHER, Api

PERMISSION = "Workers KV Storage Read"
"""The one permission that listing and reading take (Account, Workers KV Storage, Read)."""

_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class TokenState:
    """Cloudflare's word on a token, "active" when it may be used. `expires`: Unix seconds, None = never."""

    status: str
    expires: float | None


@dataclass(frozen=True, slots=True)
class Named:
    """A namespace by its id and by its title, the name that the dashboard shows."""

    id: str
    title: str


def verify_token(api: Api, account: str) -> TokenState:
    """The state of the token that `api` sends: a user's, or else one of the account's own.

    Raises StoreRefused when neither question is answered: the token is wrong, or is a login of
    wrangler's, which has no such answer; StoreUnavailable.
    """
    refused: StoreRefused | None = None
    for path in ("/user/tokens/verify", f"/accounts/{quote(account, safe='')}/tokens/verify"):
        try:
            result = api.fetch(OTHER, path).result
        except StoreRefused as error:
            refused = refused or error
        else:
            state = result if isinstance(result, dict) else {}
            return TokenState(_word(state.get("status")) or "unknown", _moment(state.get("expires_on")))
    assert refused is not None, "there is a path to ask"
    raise refused


def namespace(api: Api, account: str, name: str) -> Named:
    """One namespace. Raises StoreRefused when there is none or it may not be seen; StoreUnavailable."""
    result = api.fetch(OTHER, f"{_path(account)}/{quote(name, safe='')}").result
    return Named(name, _word(result.get("title") if isinstance(result, dict) else None))


def namespaces(api: Api, account: str) -> list[Named]:
    """The account's first hundred namespaces. Raises like `namespace`."""
    result = api.fetch(OTHER, _path(account), {"per_page": str(_PER_PAGE)}).result
    spaces = result if isinstance(result, list) else []
    return [Named(_word(one.get("id")), _word(one.get("title"))) for one in spaces if isinstance(one, dict)]


def _path(account: str) -> str:
    return f"/accounts/{quote(account, safe='')}/storage/kv/namespaces"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: Any) -> float | None:
    """Unix seconds of an ISO 8601 time as Cloudflare writes it."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
