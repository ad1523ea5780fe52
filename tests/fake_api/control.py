"""The control route: what a test does to the object, done to a server in another process.

GET  /__control/stats    what it saw
GET  /__control/items    what it holds: one bulk-put item per line, values in base64
POST /__control          {"rules": [...], "clear": true, "put": [...], "delete": [...], "hold": [...],
                          "expire_cursors": true, "skew": 30, "reset_stats": true}, in that order
"""

from __future__ import annotations

import base64
from typing import Any

import orjson

from tests.fake_api.api import FakeApi
from tests.fake_api.state import Entry
from tests.fake_api.wire import Answer, failure, success

CONTROL = "/__control"


def control(api: FakeApi, method: str, path: str, body: bytes) -> Answer:
    """Do what is asked. Neither counted, nor limited, nor authorised."""
    if (method, path) == ("GET", CONTROL + "/stats"):
        return Answer(document=api.stats.document(api.limit.blocks if api.limit else 0))
    if (method, path) == ("GET", CONTROL + "/items"):
        lines = [_line(key, entry) for key, entry in api.namespace.entries(api.now()).items()]
        return Answer(body=b"".join(lines), content_type="application/x-ndjson")
    if (method, path) != ("POST", CONTROL):
        return failure(404, 7003, "no such control")
    _apply(api, orjson.loads(body))
    return success(None)


def _apply(api: FakeApi, wanted: dict[str, Any]) -> None:
    if wanted.get("clear"):
        api.faults.clear()
    for rule in wanted.get("rules", ()):
        api.faults.add_document(rule)
    for item in wanted.get("put", ()):
        entry = _entry(item)
        api.namespace.put(item["key"], entry.value, entry.metadata, entry.expiration)
    for key in wanted.get("delete", ()):
        api.namespace.delete(key)
    for item in wanted.get("hold", ()):
        held = None if item.get("value") is None else _entry(item)
        api.namespace.hold(
            item["key"],
            held,
            reads=item.get("reads"),
            until=item.get("until"),
            listed=bool(item.get("listed")),
        )
    if wanted.get("expire_cursors"):
        api.cursors.expire()
    api.skew = wanted.get("skew", api.skew)
    if wanted.get("reset_stats"):
        api.stats.reset()


def _entry(item: dict[str, Any]) -> Entry:
    text: str = item["value"]
    value = base64.b64decode(text) if item.get("base64") else text.encode()
    given = item.get("metadata")
    return Entry(value, None if given is None else orjson.dumps(given).decode(), item.get("expiration"))


def _line(key: str, entry: Entry) -> bytes:
    item: dict[str, Any] = {"key": key, "value": base64.b64encode(entry.value).decode(), "base64": True}
    if entry.metadata is not None:
        item["metadata"] = orjson.Fragment(entry.metadata)
    if entry.expiration is not None:
        item["expiration"] = entry.expiration
    return orjson.dumps(item) + b"\n"
