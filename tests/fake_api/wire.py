"""What travels: routes, calls, answers in Cloudflare's envelope, and refusals with its codes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

BASE = "/client/v4"


class Kind(enum.StrEnum):
    """The routes, as rules and statistics name them."""

    NAMESPACES = "namespaces"
    NAMESPACE = "namespace"
    LIST = "list"
    BULK_GET = "bulk_get"
    BULK_PUT = "bulk_put"
    BULK_DELETE = "bulk_delete"
    GET = "get"
    PUT = "put"
    DELETE = "delete"
    METADATA = "metadata"
    VERIFY = "verify"
    ACCOUNTS = "accounts"
    MEMBERSHIPS = "memberships"
    USER = "user"
    SCRIPT_SETTINGS = "script_settings"
    SCRIPT_DELETE = "script_delete"
    CLASSES = "classes"
    DEPLOYMENTS = "deployments"
    VERSION = "version"
    VERSIONS = "versions"
    SCRIPTS = "scripts"
    SUBDOMAIN = "subdomain"
    PAGES = "pages"
    PAGES_DEPLOYMENTS = "pages_deployments"
    NONE = "none"


WRITES = frozenset({Kind.BULK_PUT, Kind.BULK_DELETE, Kind.PUT, Kind.DELETE, Kind.SCRIPT_DELETE})

# (method, path below the base; * = one segment that is handed on)
ROUTES: Mapping[tuple[str, str], Kind] = {
    ("GET", "accounts/*/storage/kv/namespaces"): Kind.NAMESPACES,
    ("GET", "accounts/*/storage/kv/namespaces/*"): Kind.NAMESPACE,
    ("GET", "accounts/*/storage/kv/namespaces/*/keys"): Kind.LIST,
    ("POST", "accounts/*/storage/kv/namespaces/*/bulk/get"): Kind.BULK_GET,
    ("PUT", "accounts/*/storage/kv/namespaces/*/bulk"): Kind.BULK_PUT,
    ("POST", "accounts/*/storage/kv/namespaces/*/bulk/delete"): Kind.BULK_DELETE,
    ("DELETE", "accounts/*/storage/kv/namespaces/*/bulk"): Kind.BULK_DELETE,
    ("GET", "accounts/*/storage/kv/namespaces/*/values/*"): Kind.GET,
    ("PUT", "accounts/*/storage/kv/namespaces/*/values/*"): Kind.PUT,
    ("DELETE", "accounts/*/storage/kv/namespaces/*/values/*"): Kind.DELETE,
    ("GET", "accounts/*/storage/kv/namespaces/*/metadata/*"): Kind.METADATA,
    ("GET", "accounts/*/tokens/verify"): Kind.VERIFY,
    ("GET", "user/tokens/verify"): Kind.VERIFY,
    ("GET", "accounts"): Kind.ACCOUNTS,
    ("GET", "memberships"): Kind.MEMBERSHIPS,
    ("GET", "user"): Kind.USER,
    ("GET", "accounts/*/workers/scripts/*/settings"): Kind.SCRIPT_SETTINGS,
    ("DELETE", "accounts/*/workers/scripts/*"): Kind.SCRIPT_DELETE,
    ("GET", "accounts/*/workers/durable_objects/namespaces"): Kind.CLASSES,
    ("GET", "accounts/*/workers/scripts/*/deployments"): Kind.DEPLOYMENTS,
    ("GET", "accounts/*/workers/scripts/*/versions/*"): Kind.VERSION,
    ("GET", "accounts/*/workers/scripts/*/versions"): Kind.VERSIONS,
    ("GET", "accounts/*/workers/scripts"): Kind.SCRIPTS,
    ("GET", "accounts/*/workers/scripts/*/subdomain"): Kind.SUBDOMAIN,
    ("GET", "accounts/*/pages/projects"): Kind.PAGES,
    ("GET", "accounts/*/pages/projects/*/deployments"): Kind.PAGES_DEPLOYMENTS,
}
_BY_SEGMENTS = [(method, pattern.split("/"), kind) for (method, pattern), kind in ROUTES.items()]


class Refusal(Exception):
    """Cloudflare says no: an HTTP status, its own code, and a message."""

    def __init__(
        self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


@dataclass(slots=True)
class Call:
    """One request, taken apart. `names` are the segments under the *s: account, namespace, key."""

    method: str
    path: str
    kind: Kind
    names: list[str]
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    position: str = ""
    """Of a listing: the key behind which it continues."""


@dataclass(slots=True)
class Answer:
    """One response: either a JSON `document`, which faults may still change, or raw `body`."""

    status: int = 200
    document: dict[str, Any] | None = None
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: float | None = None
    """Reset the connection after this share of the body."""

    def bytes(self) -> bytes:
        """The body as it is sent."""
        return self.body if self.document is None else orjson.dumps(self.document)


def parse_call(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Take a request apart; a path that is no route has the kind NONE."""
    path, _, query_text = target.partition("?")
    query = {name: values[-1] for name, values in parse_qs(query_text, keep_blank_values=True).items()}
    kind, names = _route(method, path)
    return Call(method, path, kind, names, query, headers, body)


def _route(method: str, path: str) -> tuple[Kind, list[str]]:
    if not path.startswith(BASE + "/"):
        return Kind.NONE, []
    segments = path[len(BASE) + 1 :].split("/")
    for wanted, pattern, kind in _BY_SEGMENTS:
        if wanted == method and len(pattern) == len(segments):
            pairs = list(zip(pattern, segments, strict=True))
            if all(part in ("*", segment) for part, segment in pairs):
                return kind, [unquote(segment, errors="strict") for part, segment in pairs if part == "*"]
    return Kind.NONE, []


def success(result: Any, info: dict[str, Any] | None = None) -> Answer:
    """A result in the envelope."""
    document: dict[str, Any] = {"success": True, "errors": [], "messages": [], "result": result}
    if info is not None:
        document["result_info"] = info
    return Answer(document=document)


def failure(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error in the envelope."""
    errors = [{"code": code, "message": message}]
    document = {"success": False, "errors": errors, "messages": [], "result": None}
    return Answer(status, document, headers=dict(headers or {}))


def number(call: Call, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query. Raises Refusal 400 when it is out of bounds."""
    text = call.query.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise Refusal(400, 10001, f"{name} must be between {least} and {most}")
    return int(text)
