"""Several processes over one file and one KV: what is acknowledged is there, and a logout is one for all."""

import json
import os
import subprocess
import sys

import pytest

from tests.session_store.folder_kv import FolderKv

WORKER = """
import json, os, random, sys
from migrate.session_store import SessionStore, SessionStoreError
from migrate.stores.sqlite import SqliteSessions
from tests.session_store.folder_kv import FolderKv

folder, seed = sys.argv[1:]
store = SessionStore(SqliteSessions(folder + "/sessions.db", prefix="s:"), FolderKv(folder + "/kv"))
chance = random.Random(seed)
print("ready", flush=True)
input()
added, gone = 0, []
for step in range(60):
    number = chance.randrange(6)
    verb = chance.choice(["count", "count", "put", "touch", "get", "delete"])
    if verb == "count":
        try:
            store.update("counter", lambda session: session.data + 1, expiration_ttl=3600)
            added += 1
        except SessionStoreError as error:
            assert "all the time" in error.message, error
    elif verb == "put":
        store.put(f"{number}", {"by": seed, "step": step}, expiration_ttl=3600)
    elif verb == "touch":
        store.touch(f"{number}", expiration_ttl=7200)
    elif verb == "get":
        found = store.get(f"{number}")
        assert found is None or number not in gone, "a deleted session is back"
    elif number % 2 and step > 30:
        store.delete(f"{number}")
        gone.append(number)
print(json.dumps([added, gone, dict(store.counters.all())]))
"""


@pytest.mark.parametrize(
    "stages",
    [("shadow-read",) * 3, ("shadow-read", "object-first", "object-first"), ("object-first", "object-only")],
    ids=["shadow-read", "shadow-read to object-first", "object-first to object-only"],
)
def test_processes_at_neighbouring_stages_lose_no_update_and_bring_nothing_back(tmp_path, stages):
    (tmp_path / "kv").mkdir()
    first = open_store(tmp_path, stages[0])
    first.put("counter", 0, expiration_ttl=3600)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, tmp_path, f"{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SESSION_STAGE": stage, "SESSION_TOUCH_EVERY": "0"},
        )
        for number, stage in enumerate(stages)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    told = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    last = open_store(tmp_path, stages[-1])
    row = last.performer._object.look("s:counter").row
    assert int(row.value) == sum(added for added, _, _ in told) > 20
    deleted = {number for _, gone, _ in told for number in gone}
    assert deleted
    for number in deleted:
        assert [open_store(tmp_path, stage).get(f"{number}") for stage in set(stages)] == [None] * len(
            set(stages)
        )


def open_store(folder, stage):
    from migrate.core.protocol.stages import Ramp, Stage
    from migrate.session_store import SessionStore, Settings
    from migrate.stores.sqlite import SqliteSessions

    sessions = SqliteSessions(folder / "sessions.db", prefix="s:")
    return SessionStore(sessions, FolderKv(folder / "kv"), Settings(Ramp(Stage(stage))))
