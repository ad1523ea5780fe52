"""Applications and an exporter write into one SQLite file at once, from processes of their own.

    python -m tests.flows.crowd FOLDER SEED     prints one JSON document

The source is a Workers KV in a file whose readers see the past: each answer is up to STALE seconds
old. Three processes log in, write, renew and log out (two of them as a dual-writing application,
one as an application whose object is the truth) while a fourth sweeps; then everybody stops, one
more sweep is made, and every session must be what its owner was last told that it is.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from migrate.clock import SystemClock
from migrate.core.ports import DELETED_AT_SOURCE, Answer, Cursor, Page, balanced
from migrate.core.record import Head, Key, Record
from migrate.stores.sqlite import SessionGone, SqliteHolder, SqliteSessions, SqliteTarget
from tests.flows.world import PREFIX, export, verify

STALE = 0.15
IN_FLIGHT = 0.25
H = 1.0
SECONDS = 3.0
EACH = 40
WRITERS: dict[str, Literal["app", "dual"]] = {"a": "dual", "b": "dual", "c": "app"}
UNTIL = 2_000_000_000


class PastKv:
    """Workers KV in a file, seen as it was a random moment ago. Implements `ports.Source`."""

    horizon = H
    skew = 0.0
    identity = ""
    live = True
    width = 20
    address = "kv://crowd/crowd"

    def __init__(self, file: Path, seed: int) -> None:
        self._file = file
        self._dice = random.Random(seed)
        with closing(self._open()) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE IF NOT EXISTS log (key, at REAL, value, metadata, until)")
            db.execute("CREATE INDEX IF NOT EXISTS by_key ON log (key, at)")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, isolation_level=None, timeout=10)
        db.execute("PRAGMA synchronous = OFF")
        return db

    def write(self, one: Key, record: Record | None, began: float) -> bool:
        """Put or delete, unless the write has been under way for too long: then it is not made."""
        with closing(self._open()) as db:
            db.execute("BEGIN IMMEDIATE")
            now = time.time()
            if now - began > IN_FLIGHT:
                db.execute("ROLLBACK")
                return False
            fields = (None, None, None) if record is None else tuple(record[1:4])
            db.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?)", (one, now, *fields))
            db.execute("COMMIT")
            return True

    def _seen(self, where: str, values: Sequence[object]) -> dict[Key, Record]:
        then = time.time() - self._dice.uniform(0.0, STALE)
        query = f"SELECT key, value, metadata, until, max(at) FROM log WHERE at <= ? AND {where} GROUP BY key"
        with closing(self._open()) as db:
            rows = db.execute(query, (then, *values)).fetchall()
        return {Key(row[0]): Record(*row[:4]) for row in rows if row[1] is not None}

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        seen = self._seen("key > ?", (cursor or "",))
        found = [one for _, one in sorted(seen.items()) if one.key.startswith(prefix)]
        heads = [Head(one.key, one.metadata, one.expiration) for one in found[:30]]
        return Page(heads, Cursor(heads[-1].key) if len(found) > 30 else None)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        seen = self._seen(f"key IN ({', '.join('?' * len(keys))})", keys)
        return {one: seen.get(one) for one in keys}

    def close(self) -> None:
        pass


def sessions_of(writer: str) -> list[Key]:
    return [Key(f"{PREFIX}{writer}{number:03d}") for number in range(EACH)]


def first_of(one: Key) -> Record:
    return Record(one, b"at the beginning", None, UNTIL)


def application(folder: Path, writer: str, seed: int) -> None:
    """Write until the time is over; then say what each session must be."""
    dice = random.Random(f"{writer} {seed}")
    kv = PastKv(folder / "kv.db", seed)
    origin = WRITERS[writer]
    store = SqliteSessions(folder / "sessions.db", origin, touch_every=0)
    mine = sessions_of(writer)
    believed: dict[Key, Record | None] = {one: first_of(one) for one in mine}
    doubtful: set[Key] = set()
    written, end = 0, time.time() + SECONDS
    while time.time() < end:
        one = dice.choice(mine)
        known = believed[one]
        verb = dice.choices(["put", "touch", "delete"], [73, 26, 1])[0]
        if known is None:
            _must_be_gone(store, one)
            continue
        written += 1
        began = time.time()
        if verb == "delete":
            store.delete(one)
            believed[one] = None
            if origin == "dual" and not kv.write(one, None, began):
                doubtful.add(one)
            continue
        until = int(known.expiration) + 1 if isinstance(known.expiration, int) else UNTIL  # one each time
        value = b"%s %d" % (writer.encode(), written) if verb == "put" else known.value
        new = Record(one, value, None, until)
        if verb == "put":
            store.put(one, value, expiration=until)
        elif not store.touch(one, expiration=until) and origin == "app":
            continue
        believed[one] = new
        if origin == "dual" and not kv.write(one, new, began):
            doubtful.add(one)
        time.sleep(dice.uniform(0, 0.004))
    store.close()
    print(json.dumps({"written": written, "believed": _shown(believed), "doubtful": sorted(doubtful)}))


def _must_be_gone(store: SqliteSessions, one: Key) -> None:
    if store.get(one) is not None:
        raise AssertionError("a deleted session is back")
    try:
        store.put(one, b"back", expiration=UNTIL)
    except SessionGone:
        return
    raise AssertionError("a deleted session could be written")


def _shown(believed: Mapping[Key, Record | None]) -> dict[str, Any]:
    return {
        one: None if record is None else [record.value.decode(), record.expiration]
        for one, record in believed.items()
    }


def main(folder: Path, seed: int) -> dict[str, Any]:
    kv = PastKv(folder / "kv.db", seed)
    for writer in WRITERS:
        for one in sessions_of(writer):
            kv.write(one, first_of(one), time.time())
    time.sleep(STALE)
    clock = SystemClock()
    wrong: list[str] = []
    with closing(SqliteTarget(folder / "sessions.db", clock=clock)) as target:
        command = [sys.executable, "-m", "tests.flows.crowd", str(folder), str(seed)]
        writers = {
            name: subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in WRITERS
        }
        sweeps = 0
        while any(one.poll() is None for one in writers.values()):
            for done in export(kv, target, clock, horizon=H, rounds=2):
                sweeps += 1
                if not balanced(done.tally) or done.tally[DELETED_AT_SOURCE]:
                    wrong.append(f"sweep {done.info.number}: {dict(done.tally)}")
        told = {name: json.loads(one.communicate()[0] or "null") for name, one in writers.items()}
        time.sleep(H)
        last = export(kv, target, clock, horizon=H, rounds=2)[-1]
    if not balanced(last.tally):
        wrong.append(f"the last sweep: {dict(last.tally)}")
    return {**_judged(folder, told, wrong), "sweeps": sweeps, "verdict": _verdict(folder, kv, clock)}


def _judged(folder: Path, told: Mapping[str, Any], wrong: list[str]) -> dict[str, Any]:
    deleted = written = 0
    with closing(SqliteHolder(folder / "sessions.db")) as held:
        for name, one in told.items():
            if one is None:
                wrong.append(f"application {name} failed")
                continue
            written += one["written"]
            rows = held.rows([Key(text) for text in one["believed"]])
            for text, expected in one["believed"].items():
                row = rows.get(Key(text))
                deleted += expected is None
                found = None if row is None or row.value is None else [row.value.decode(), row.expiration]
                # where KV was not told, a dual row may be brought back to what KV says
                if row is None or (found != expected and (text not in one["doubtful"] or expected is None)):
                    wrong.append(f"{text}: {found} instead of {expected}")
    return {"wrong": wrong[:10], "written": written, "deleted": deleted}


def _verdict(folder: Path, kv: PastKv, clock: SystemClock) -> str:
    with closing(SqliteHolder(folder / "sessions.db")) as held:
        return str(verify(kv, held, clock, folder / "ledger.db", settle=H).document["verdict"])


if __name__ == "__main__":
    if len(sys.argv) == 4:
        application(Path(sys.argv[1]), sys.argv[3], int(sys.argv[2]))
    else:
        print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
