import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace

from migrate.clock import SystemClock
from migrate.core.ports import Batch, Checkpoint, Claim, Outcome, Replacement, RunId
from migrate.core.record import Key, Origin, Record
from migrate.stores.sqlite import SqliteHolder, SqliteSessions, SqliteTarget

RUN = RunId("r")

# An application process: random changes of random sessions, each written to a journal of its own
# before and after. A version that a change returned tells where it stands among all changes.
APPLICATION = """
import json, random, sys
from migrate.stores.sqlite import SessionGone, SqliteSessions
path, journal, origin, seed, steps, keys = sys.argv[1:]
app = SqliteSessions(path, origin, touch_every=0)
random = random.Random(int(seed))
with open(journal, "w") as file:
    def say(*words):
        print(json.dumps(words), file=file, flush=True)
    print("ready", flush=True)
    input()
    for step in range(int(steps)):
        number = random.randrange(int(keys))
        key = f"k{number:02}"
        verb = random.choice(["put"] * 4 + ["touch"] * 3 + ["delete"] * (number % 3 == 0))
        value = f"{origin}-{seed}-{step}"
        if verb == "put":
            try:
                until = 4_000_000_000 + step
                say("put", key, value, until, app.put(key, value, expiration=until))
            except SessionGone:
                say("gone", key)
        elif verb == "touch":
            say("touch", key, 4_100_000_000 + step, app.touch(key, expiration=4_100_000_000 + step))
        else:
            say("deleting", key)
            app.delete(key)
            say("deleted", key)
"""


def test_the_laws_hold_while_applications_write_and_copies_run(tmp_path):
    path = tmp_path / "sessions.db"
    target = SqliteTarget(path, clock=SystemClock())
    target.acquire(Claim("t", "me", socket.gethostname(), os.getpid()))
    # Only the first 40 of 60 sessions can become `app` rows, and a third of all can be deleted.
    apps = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", APPLICATION, path),
                *(tmp_path / f"{number}.log", origin, str(number), "250", keys),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number, (origin, keys) in enumerate([("app", "40"), ("dual", "60"), ("dual", "60")])
    ]
    for app in apps:
        assert app.stdout.readline() == b"ready\n"
    for app in apps:
        app.stdin.write(b"\n")
        app.stdin.flush()
    changes = copy_and_sweep(target, apps)
    for app in apps:
        app.communicate(timeout=60)
        assert app.returncode == 0
    journals = [
        [json.loads(line) for line in (tmp_path / f"{number}.log").read_text().splitlines()]
        for number in range(len(apps))
    ]
    assert_laws(target, changes, journals)
    target.close()


def source(number):
    return Record(Key(f"k{number:02}"), b"from kv", '{"m":1}', 3_900_000_000 + number)


def copy_and_sweep(target, apps):
    """Insert everything again and again, and replace rows as a sweep does, until the apps end."""
    mark = Checkpoint(target.open_sweep(RUN, 1).id, "")
    changes = []
    rounds = last = 0
    while last < 6:
        rounds += 1
        last += all(app.poll() is not None for app in apps)
        start = rounds % 6 * 10
        records = [source(number) for number in range(start, start + 10)]
        mark = target.apply(Batch(records=records), replace(mark, tally=Counter()))
        assert sum(mark.tally.values()) == len(records)
        for row in target.rows([record.key for record in records[:4]]).values():
            value = f"sweep {rounds}".encode()
            wanted = Replacement(Record(row.key, value, None, 3_950_000_000), row.version, 1e12)
            mark = target.apply(Batch(replacements=[wanted]), replace(mark, tally=Counter()))
            if mark.tally[Outcome.UPDATED]:
                assert row.origin in (Origin.COPY, Origin.DUAL)
                changes.append((row.key, row.version + 1, value, 3_950_000_000))
    mark = target.apply(Batch(records=[source(number) for number in range(60)]), mark)
    return changes


def assert_laws(target, changes, journals):
    history = defaultdict(dict)
    for key, version, value, expiration in changes:
        assert version not in history[key]
        history[key][version] = (value, expiration)
    deleted, touched = set(), defaultdict(int)
    for journal in journals:
        gone = set()
        for what, key, *rest in journal:
            if what == "put":
                assert key not in gone, "a write after a deletion was accepted"
                value, expiration, version = rest
                assert version not in history[key], "two changes of a row have one version"
                history[key][version] = (value.encode(), expiration)
            elif what == "deleted":
                gone.add(key)
            elif what == "touch" and rest[1]:
                assert key not in gone
                touched[key] = max(touched[key], rest[0])
        deleted |= gone
    rows = {row.key: row for row in target.rows_between("", None, None)}
    assert len(rows) == 60
    assert deleted
    assert len(deleted) < 60
    assert changes
    for key, row in rows.items():
        assert row.deleted == (key in deleted)
        assert row.version >= max(history[key], default=1)
        if row.deleted:
            continue
        # Nothing is newer than what is there: a stale copy never won.
        first = source(int(key[1:]))
        value, expiration = (
            history[key][max(history[key])] if history[key] else (first.value, first.expiration)
        )
        assert row.value == value
        assert expiration <= row.expiration <= max(expiration, touched[key])


# A copier that is killed: by the store's call number, or by the number of the SQL statement.
COPIER = """
import json, os, signal, socket, sys
from collections import Counter
from dataclasses import replace
from migrate.clock import SystemClock
from migrate.core.ports import LISTED, Batch, Checkpoint, Claim, Quarantined, RunId, Sighting
from migrate.core.record import NEVER, Key, Record
from migrate.stores.memory import with_faults
from migrate.stores.sqlite import SqliteTarget

path, kind, number, when = sys.argv[1:]
store = SqliteTarget(path, clock=SystemClock())

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def hook(name, index, at):
    if kind == "call" and (index, at) == (int(number), when):
        die()

def statement(sql, seen=[0]):
    seen[0] += 1
    if seen[0] == int(number):
        die()

if kind == "statement":
    store._writer.set_trace_callback(statement)
target = with_faults(store, hook)
target.acquire(Claim("t", "me", socket.gethostname(), os.getpid()))
sweep = target.open_sweep(RunId("r"), 1).id
mark = target.checkpoint(sweep, "") or Checkpoint(sweep, "")
for page in range(int(mark.last_key or -1) + 1, 2):
    records = [Record(Key(f"{page}-{n}"), b"v", None, NEVER) for n in range(3)] + [
        Record(Key("taken"), b"v", None, NEVER)
    ]
    bad = [Quarantined(Key(f"bad-{page}"), "why")]
    batch = Batch(records=records, quarantined=bad, tally=Counter({LISTED: 5, "quarantined": 1}))
    mark = target.apply(batch, replace(mark, last_key=Key(str(page))))
target.close_sweep(sweep)
target.release()
target.close()
print("done")
"""


def run_copier(path, *how):
    done = subprocess.run(
        [sys.executable, "-c", COPIER, path, *how], capture_output=True, text=True, timeout=30
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == 0


def outcome_of(path):
    holder = SqliteHolder(path)
    rows = list(holder.rows_between("", None, None))
    bad = list(holder.quarantined(""))
    holder.close()
    target = SqliteTarget(path, clock=SystemClock())
    mark, sweep = target.checkpoint(1, ""), target.sweeps(RUN)[0]
    target.close()
    return rows, bad, mark, sweep.finished is not None


def fresh(folder, name):
    app = SqliteSessions(folder / name)
    app.delete("taken")
    app.close()
    return folder / name


def test_a_copier_killed_at_any_call_and_statement_resumes_to_the_same_result(tmp_path):
    whole = fresh(tmp_path, "whole.db")
    assert run_copier(whole, "none", "0", "-")
    expected = outcome_of(whole)
    assert expected[2].tally == Counter(listed=10, quarantined=2, copied=6, tombstoned=2)
    assert expected[3]
    for kind, when, numbers, least in (
        ("call", "before", itertools.count(), 6),
        ("call", "after", itertools.count(), 6),
        ("statement", "-", itertools.count(1, 4), 10),
    ):
        kills = 0
        for number in numbers:
            path = fresh(tmp_path, f"{kind}-{when}-{number}.db")
            if run_copier(path, kind, str(number), when):
                break  # there is no such call or statement any more: it ran to its end
            kills += 1
            assert run_copier(path, "none", "0", "-")
            assert outcome_of(path) == expected
        assert kills >= least
