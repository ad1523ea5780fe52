"""`kvferry demo`: the whole story, on a sample Worker and on sample sessions with all that is awkward."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from migrate import __version__, runner
from migrate.core.ports import Clock
from migrate.core.record import NEVER, Expiration, Key, Record
from migrate.demo.telling import Say, check, show
from migrate.errors import ConfigError, Exit
from migrate.formats.report import render
from migrate.opening import Settings

PREFIX = runner.DEFAULT_PREFIX
ORDINARY = 1000
TAMPERED = Key(PREFIX + "0042")
WORKER = Path("worker")
IN_THE_WORKER = (
    ("src/sessions.ts", "session-kv-call"),
    ("src/sessions.ts", "session-kv-call"),
    ("src/storage.ts", "put-without-ttl"),
    ("src/storage.ts", "session-kv-call"),
)
"""What the audit must find: a read through an alias, a delete on a namespace that was destructured, and
a put inside of a wrapper that one of its callers does not tell how long to keep the session."""
TAMPER = """
UPDATE sessions SET value = CAST(replace(CAST(value AS TEXT), 'user-42', 'user-43') AS BLOB),
  digest = NULL, version = version + 1 WHERE key = ?
"""


def samples(now: int) -> Iterator[Record]:
    """Sample sessions in no particular order; `now`: Unix seconds. One of them has expired."""
    day = now + 86_400

    def session(name: str, value: bytes, metadata: str | None = None, until: Expiration = day) -> Record:
        return Record(Key(PREFIX + name), value, metadata, until)

    yield session("ünïcode-\U0001f3a7", '{"userId":"zoë","scope":"streaming"}'.encode())
    yield session("binary", bytes(range(256)))
    yield session("metadata", b'{"userId":"m"}', '{"device":"phone","v":1}')
    yield session("never-expires", b'{"userId":"n"}', None, NEVER)
    yield session("nearly-expired", b'{"userId":"e"}', None, now + 90)
    yield session("expired", b'{"userId":"x"}', None, now - 90)
    yield session("empty", b"")
    yield session("one-mebibyte", b"s" * (1 << 20))
    for number in reversed(range(ORDINARY)):
        yield session(f"{number:04d}", b'{"userId":"user-%d","accessToken":"sample"}' % number)


def run(say: Say, clock: Clock, keep: Path | None = None) -> Exit:
    """Tell the story, line by line, through `say`; CLEAN when all went as it should.

    `keep`: a folder to leave the files in; by default they go with the story.
    """
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kvferry-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(contextlib.chdir(folder))
        _code(say, clock)
        return _data(say, clock, Settings(clock=clock))


def _code(say: Say, clock: Clock) -> None:
    """The first part: a Worker's code, read in the current folder."""
    from audits import formats
    from audits.auditing import Request, audit
    from audits.report import Report
    from audits.revision import Revision
    from audits.rules.rule import Settings as Rules

    if WORKER.exists():
        raise ConfigError(f"{WORKER} is there already", "name a new folder, or move that one away")
    with resources.as_file(resources.files("migrate").joinpath("sample_worker")) as sample:
        shutil.copytree(sample, WORKER)
    say(f"1. A sample Worker that signs users in is in {WORKER}/. Where do its sessions touch KV?\n")
    found = audit(Request(WORKER, settings=Rules(now=clock.now())))
    report = Report(found, Revision(), __version__, Exit.AGAINST, folder=f"{WORKER}/")
    show(say, f"kvferry audit {WORKER}", formats.render(report, "text"))
    say("   Text search misses them: they go through other names for SESSIONS, a helper that makes the key,")
    say("   and a wrapper, which signIn tells how long to keep a session and signInAsSupport does not.")
    say("   A bucket that is called SESSION_COVERS is none of them, and is not found.\n")
    told = sorted((one.finding.place.path, one.finding.rule) for one in found.findings)
    check(tuple(told) == IN_THE_WORKER, "the audit did not find exactly what is in the sample Worker")


def _data(say: Say, clock: Clock, settings: Settings) -> Exit:
    from migrate.stores.dump import write_dump

    source, target = "dump:sessions.ndjson", "sqlite:sessions.db"
    records = list(samples(int(clock.now())))
    write_dump(Path("sessions.ndjson"), records)
    say(
        f"2. {len(records):,} sample login sessions, as `wrangler kv` would put them, are in sessions.ndjson:"
    )
    say("   unicode keys, binary values, metadata, no expiration, nearly expired, expired, empty, 1 MiB.")
    say("   In your own migration the source is Workers KV: kv://ACCOUNT/NAMESPACE.\n")

    say("3. Copy them into SQLite. Every listed key is accounted for; the expired one is not copied.\n")
    copied = runner.export(source, target, settings=settings)
    show(say, f"kvferry export --source {source} --target {target}", render(copied.document, "text"))

    say("4. Read both stores afresh, in both directions, and compare.\n")
    clean = runner.verify(source, target, settings=settings)
    show(say, f"kvferry verify --source {source} --target {target}", render(clean.document, "text"))

    say("5. Now somebody changes one session behind our back: same size, another user.\n")
    with contextlib.closing(sqlite3.connect("sessions.db")) as database, database:
        database.execute(TAMPER, (TAMPERED,))
    found = runner.verify(source, target, settings=settings)
    show(say, f"kvferry verify --source {source} --target {target}", render(found.document, "text"))

    for ended in (copied, clean, found):
        if ended.error is not None:
            raise ended.error
    say("   It found that one row (exit code 1), and shows a fingerprint: session ids and values are")
    say("   secrets, and never reach a report.\n")
    say("What to type next, in your own project:")
    say("   kvferry audit                  where sessions touch KV, and what would live for ever")
    say("   kvferry plan --source kv:      what is there, how long it takes, what is missing")
    say("   kvferry export --source kv: --target sqlite:sessions.db")
    say("   kvferry verify --source kv: --target sqlite:sessions.db")
    check(copied.exit is Exit.CLEAN and clean.exit is Exit.CLEAN, "the copy was not clean")
    one = found.document["differences"]
    right = len(one) == 1 and one[0]["class"] == "value" and found.exit is Exit.AGAINST
    check(right, "the verify did not find exactly the row that was changed")
    return Exit.CLEAN
