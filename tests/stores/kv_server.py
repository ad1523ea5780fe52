"""A scripted Workers KV for httpx.MockTransport, and a clock that only moves when someone sleeps."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

BASE = "https://api.cloudflare.test/client/v4"
TOKEN = "planted-token-0123456789"
START = 1_800_000_000.0

Answer = httpx.Response | Exception
Handler = Callable[[httpx.Request], Answer]


class SleepingClock:
    """Time passes in `sleep` only; `slept` remembers how much of it."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return START + self.slept

    def monotonic(self) -> float:
        return 1000.0 + self.slept

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept += seconds


def success(result: Any, **info: Any) -> httpx.Response:
    body = {"success": True, "errors": [], "messages": [], "result": result, "result_info": info}
    return httpx.Response(200, content=json.dumps(body).encode())


def failure(status: int, *codes: int, headers: dict[str, str] | None = None) -> httpx.Response:
    errors = [{"code": code, "message": "no"} for code in codes]
    body = {"success": False, "errors": errors, "messages": [], "result": None}
    return httpx.Response(status, content=json.dumps(body).encode(), headers=headers)


@dataclass
class Entry:
    value: bytes
    metadata: Any = None
    expiration: int | None = None


@dataclass
class Kv:
    """One namespace under account `acc` and name `ns`; `script` answers come before its own.

    Its cursor is the last key of the page. `per_page` overrides the limit that was asked for.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    per_page: int = 1000
    script: deque[Answer | Handler] = field(default_factory=deque)
    seen: list[httpx.Request] = field(default_factory=list)
    most_bytes: int = 25 * 2**20
    refused: frozenset[str] = frozenset()
    unroutable: frozenset[str] = frozenset()
    root: str = "/client/v4/accounts/acc/storage/kv/namespaces/ns"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer: Answer | None = None
        if self.script:
            scripted = self.script.popleft()
            answer = scripted(request) if callable(scripted) else scripted
        if isinstance(answer, Exception):
            raise answer
        return answer if answer is not None else self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        assert path.startswith(self.root), path
        rest = path[len(self.root) :]
        if rest == "/keys":
            return self.page(request)
        if rest == "/bulk/get":
            return self.bulk(json.loads(request.content))
        assert rest.startswith("/values/")
        return self.value(unquote(rest.removeprefix("/values/")))

    def page(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        prefix, cursor = params.get("prefix", ""), params.get("cursor", "")
        limit = min(int(params["limit"]), self.per_page)
        names = sorted(name for name in self.entries if name.startswith(prefix) and name > cursor)
        items = [self.item(name) for name in names[:limit]]
        more = len(names) > limit
        return success(items, count=len(items), cursor=names[limit - 1] if more else "")

    def item(self, name: str) -> dict[str, Any]:
        entry = self.entries[name]
        item: dict[str, Any] = {"name": name}
        if entry.expiration is not None:
            item["expiration"] = entry.expiration
        if entry.metadata is not None:
            item["metadata"] = entry.metadata
        return item

    def bulk(self, body: dict[str, Any]) -> httpx.Response:
        assert body["type"] == "text"
        assert body["withMetadata"] is True
        keys = body["keys"]
        assert 1 <= len(keys) <= 100
        if self.refused & set(keys):
            return failure(400, 10029)
        if sum(len(self.entries[key].value) for key in keys if key in self.entries) > self.most_bytes:
            return failure(413, 10024)
        return success({"values": {key: self.bulk_item(key) for key in keys}})

    def bulk_item(self, key: str) -> dict[str, Any] | None:
        if key not in self.entries:
            return None
        item = self.item(key)
        del item["name"]
        text = self.entries[key].value.decode("utf-8", "replace")
        return {"metadata": None, **item, "value": text}

    def value(self, key: str) -> httpx.Response:
        if key in self.unroutable:
            return failure(404, 7003)
        if key not in self.entries:
            return failure(404, 10009)
        entry = self.entries[key]
        headers = {} if entry.expiration is None else {"expiration": str(entry.expiration)}
        return httpx.Response(200, content=entry.value, headers=headers)
