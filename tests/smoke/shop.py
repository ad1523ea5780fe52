"""A small shop in Python: it keeps its sessions by the session store, in KV over REST and in a SQLite file.

python shop.py login [quietly]    logs somebody in, and prints the answer's headers (quietly: the id alone)
python shop.py logout             logs out whose id is on standard input
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
import uuid
from contextlib import closing
from typing import Any

from migrate.core.record import NEVER, Key, Record
from migrate.session_store import SessionStore
from migrate.stores.sqlite import SqliteSessions


class Kv:
    """A namespace over REST, by its bulk routes."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def get(self, key: Key) -> Record | None:
        body = {"keys": [key], "type": "text", "withMetadata": True}
        found = self._asked("POST", "/bulk/get", body)["result"]["values"][key]
        if found is None:
            return None
        metadata = None if found["metadata"] is None else json.dumps(found["metadata"])
        return Record(key, found["value"].encode(), metadata, found.get("expiration", NEVER))

    def put(self, record: Record, ttl: int | None) -> None:
        item: dict[str, Any] = {"key": record.key, "value": record.value.decode()}
        if record.metadata is not None:
            item["metadata"] = json.loads(record.metadata)
        if isinstance(record.expiration, int):
            item["expiration"] = record.expiration
        self._asked("PUT", "/bulk", [item])

    def delete(self, key: Key) -> None:
        self._asked("POST", "/bulk/delete", [key])

    def _asked(self, method: str, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def main() -> None:
    """Do what the arguments say."""
    with closing(SqliteSessions(os.environ["SHOP_DB"], prefix="spotify_session:")) as sessions:
        store = SessionStore(sessions, Kv(os.environ["SHOP_KV"], os.environ["SHOP_TOKEN"]))
        if sys.argv[1] == "logout":
            store.delete(input())
            return
        session = str(uuid.uuid4())
        store.create(session, {"user": "one"}, expiration_ttl=3600)
    if "quietly" in sys.argv:
        print(session)
    else:
        print(f"HTTP/1.1 204 No Content\nSet-Cookie: sid={session}; Secure")


main()
