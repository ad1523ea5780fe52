"""A bare HTTP client for the fake's own tests: the standard library, no retries, no opinions."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tests.fake_api.server import FakeServer


@dataclass(frozen=True, slots=True)
class Got:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        """The result in the envelope."""
        return self.document["result"]

    @property
    def codes(self) -> list[int]:
        """The codes of the errors in the envelope."""
        return [error["code"] for error in self.document["errors"]]


class Client:
    """One connection, kept alive, to one namespace of a server."""

    def __init__(self, server: FakeServer, token: str | None = None) -> None:
        parts = urlsplit(server.url)
        self.account = server.api.account
        self.namespace = server.api.namespace.id
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        self._base = parts.path
        self._token = server.api.token if token is None else token

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Got:
        """`path` is below /client/v4; a body that is no bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self.connection.request(method, self._base + path, data, given | headers)
        with self.connection.getresponse() as answer:
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def kv(self, method: str, path: str = "", body: Any = None, **query: str | int) -> Got:
        """`path` is below the namespace."""
        text = "?" + urlencode(query, quote_via=quote, safe="") if query else ""
        return self.ask(
            method, f"/accounts/{self.account}/storage/kv/namespaces/{self.namespace}{path}{text}", body
        )

    def value(self, method: str, key: str, body: bytes | None = None, **query: str | int) -> Got:
        """The single-key route."""
        return self.kv(method, f"/values/{quote(key, safe='')}", body, **query)

    def bulk_get(self, *keys: str) -> dict[str, Any]:
        """The map of a bulk get with metadata."""
        got = self.kv("POST", "/bulk/get", {"keys": keys, "type": "text", "withMetadata": True})
        values: dict[str, Any] = got.result["values"]
        return values

    def pages(self, prefix: str = "", limit: int = 1000) -> list[list[str]]:
        """The names on each page of a whole listing."""
        pages: list[list[str]] = []
        cursor = ""
        while True:
            query: dict[str, str | int] = {"limit": limit}
            if prefix:
                query["prefix"] = prefix
            if cursor:
                query["cursor"] = cursor
            document = self.kv("GET", "/keys", **query).document
            pages.append([item["name"] for item in document["result"]])
            cursor = document["result_info"]["cursor"]
            if not cursor:
                return pages
