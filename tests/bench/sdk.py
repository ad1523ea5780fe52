"""What people write today: the official SDK in a plain loop into SQLite. Run as a process of its own.

python -m tests.bench.sdk TARGET ACCOUNT NAMESPACE (bulk | single) LIMIT
"""

from __future__ import annotations

import json
import sqlite3
import sys
from itertools import islice
from typing import Any

from cloudflare import Cloudflare

_INSERT = "INSERT OR IGNORE INTO sessions (key, value, metadata, expiration) VALUES (?, ?, ?, ?)"


def main() -> None:
    """Copy; address and token come from the environment."""
    target, account, namespace, how, limit = sys.argv[1:]
    database = sqlite3.connect(target)
    database.execute("PRAGMA journal_mode = wal")
    database.execute(
        "CREATE TABLE sessions (key TEXT PRIMARY KEY, value TEXT, metadata TEXT, expiration INTEGER)"
    )
    client = Cloudflare()
    copy = _in_bulk if how == "bulk" else _singly
    print(copy(client.kv.namespaces, account, namespace, database, int(limit)))


def _in_bulk(api: Any, account: str, namespace: str, database: sqlite3.Connection, limit: int) -> int:
    listed = iter(api.keys.list(namespace, account_id=account, limit=1000))
    keys = islice((key.name for key in listed), limit)
    count = 0
    while some := list(islice(keys, 100)):
        answer = api.bulk_get(namespace, account_id=account, keys=some, type="text", with_metadata=True)
        rows = [
            (key, found.value, json.dumps(found.metadata), found.expiration)
            for key, found in answer.values.items()
        ]
        with database:
            database.executemany(_INSERT, rows)
        count += len(rows)
    return count


def _singly(api: Any, account: str, namespace: str, database: sqlite3.Connection, limit: int) -> int:
    count = 0
    for key in islice(api.keys.list(namespace, account_id=account, limit=1000), limit):
        value = api.values.get(key.name, account_id=account, namespace_id=namespace).read()
        with database:
            database.execute(_INSERT, (key.name, value, json.dumps(key.metadata), key.expiration))
        count += 1
    return count


if __name__ == "__main__":
    main()
