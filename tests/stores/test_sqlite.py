import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections import Counter

import pytest

from migrate.core.ports import Batch, Checkpoint, Claim, Outcome, Quarantined, RunId, Sighting
from migrate.core.record import NEVER, Head, Key, Record
from migrate.errors import RecordError, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores.sqlite import SqliteHolder, SqliteSessions, SqliteSource, SqliteTarget
from migrate.stores.sqlite.schema import APPLICATION_ID, STEPS, VERSION
from tests.stores.manual_clock import NOW, ManualClock

RUN = RunId("0123456789abcdef")
SECRET = "planted-session-id"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sessions.db"


@pytest.fixture
def target(path, clock):
    target = SqliteTarget(path, clock=clock, busy=0.05)
    target.acquire(claim())
    yield target
    target.close()


@pytest.fixture
def mark(target):
    return Checkpoint(target.open_sweep(RUN, 1).id, "")


@pytest.fixture
def tool(path, target):
    """A connection with SQLite's defaults, as any tool opens one."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def claim(token="t", host="host-a", pid=None, who="me"):
    return Claim(token, who, host, os.getpid() if pid is None else pid)


def record(key="a", value=b"v", expiration=NEVER):
    return Record(Key(key), value, None, expiration)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# ---------------------------------------------------------------- the file


def test_the_file_its_log_and_its_index_are_for_the_owner_only(path, target, mark):
    old = os.umask(0)
    try:
        target.apply(Batch(records=[record()]), mark)
    finally:
        os.umask(old)
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    assert {file.name for file in path.parent.iterdir()} == {
        "sessions.db",
        "sessions.db-wal",
        "sessions.db-shm",
    }


def test_a_link_that_points_nowhere_yet_is_followed_and_its_file_is_private(tmp_path, clock):
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    target = SqliteTarget(tmp_path / "link.db", clock=clock)
    assert target.address == f"sqlite:{tmp_path / 'real.db'}"
    assert mode(tmp_path / "real.db") == 0o600
    target.close()


def test_closing_folds_the_log_into_the_file(path, target, mark):
    target.apply(Batch(records=[record()]), mark)
    target.close()
    assert [file.name for file in path.parent.iterdir()] == ["sessions.db"]


@pytest.mark.parametrize("name", ["plain.db", "with space.db", "q?mode=memory.db", "hash#100%25.db", "é.db"])
def test_any_file_name_is_opened_as_it_is(tmp_path, clock, name):
    SqliteTarget(tmp_path / name, clock=clock).close()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    holder = SqliteHolder(tmp_path / name)
    assert list(holder.rows_between("", None, None)) == []
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        holder._reader.execute("DELETE FROM quarantine")
    holder.close()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_the_address_is_absolute_and_the_same_however_the_file_is_named(tmp_path, path, target, monkeypatch):
    monkeypatch.chdir(tmp_path)
    holder = SqliteHolder("./sessions.db")
    assert holder.address == target.address == f"sqlite:{path}"
    holder.close()


def test_an_empty_file_becomes_a_store(path, clock):
    path.touch()
    SqliteTarget(path, clock=clock).close()
    SqliteHolder(path).close()


def test_the_header_says_whose_it_is_and_which_schema(tool):
    assert tool.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert tool.execute("PRAGMA user_version").fetchone() == (VERSION,) == (len(STEPS),)
    assert tool.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    applied = tool.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'kvferry-store'")
    assert [name for (name,) in applied] == [name for name, _ in STEPS]


def test_every_table_and_view_explains_itself(tool):
    made = dict(
        tool.execute("SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'view') AND sql NOT NULL")
    )
    ours = {name: sql for name, sql in made.items() if not name.startswith(("_", "sqlite_"))}
    assert set(ours) == {
        "sessions",
        "live_sessions",
        "tombstones",
        "quarantine",
        "store",
        "sweeps",
        "checkpoints",
        "sightings",
        "lease",
        "fences",
        "burials",
    }
    for sql in ours.values():
        assert "  -- " in sql
    strict = dict(tool.execute("SELECT name, strict FROM pragma_table_list"))
    rowids = dict(tool.execute("SELECT name, wr FROM pragma_table_list"))
    tables = set(ours) - {"live_sessions", "tombstones"}
    assert {name for name in tables if strict[name]} == tables
    assert not any(rowids[name] for name in tables)


# ---------------------------------------------------------------- refusals


def refusal(caught):
    error = caught.value
    assert error.hint
    assert "\n" not in error.message
    return error.message


@pytest.mark.parametrize("opened", [SqliteTarget, SqliteSource])
def test_a_database_of_another_program_is_refused_and_left_alone(path, clock, opened):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreRefused) as caught:
        opened(path, clock=clock)
    assert "belongs to another program" in refusal(caught)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["sessions.db"]


@pytest.mark.parametrize("pragma", ["application_id = 7", "user_version = 3"])
def test_a_marked_database_is_not_taken_even_when_it_is_empty(path, clock, pragma):
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA {pragma}")
    other.close()
    with pytest.raises(StoreRefused):
        SqliteTarget(path, clock=clock)


def test_a_newer_schema_is_refused(path, target, tool):
    tool.execute(f"PRAGMA user_version = {VERSION + 1}")
    for opened in (lambda: SqliteTarget(path, clock=target._clock), lambda: SqliteHolder(path)):
        with pytest.raises(StoreRefused) as caught:
            opened()
        assert "newer kvferry" in refusal(caught)
        assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("size", [1, 50, 600, 9000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path, clock, size):
    path.write_bytes(b"k" * size)
    for opened in (lambda: SqliteTarget(path, clock=clock), lambda: SqliteHolder(path)):
        with pytest.raises(StoreRefused) as caught:
            opened()
        assert "no SQLite database" in refusal(caught)
    assert path.read_bytes() == b"k" * size


def test_a_folder_and_a_missing_folder_are_refused(tmp_path, clock):
    with pytest.raises(StoreRefused) as caught:
        SqliteTarget(tmp_path, clock=clock)
    assert "not a file" in refusal(caught)
    with pytest.raises(StoreRefused) as caught:
        SqliteTarget(tmp_path / "no" / "s.db", clock=clock)
    assert caught.value.hint == f"mkdir -p {tmp_path / 'no'}"
    with pytest.raises(StoreRefused):
        SqliteTarget(tmp_path / "file-as-folder" / ".." / "x" / "s.db", clock=clock)


def test_reading_never_creates_or_migrates_a_file(path, tmp_path, clock):
    for opened in (lambda: SqliteHolder(path), lambda: SqliteSource(path, clock=clock)):
        with pytest.raises(StoreRefused):
            opened()
    assert list(tmp_path.iterdir()) == []
    path.touch()
    with pytest.raises(StoreRefused) as caught:
        SqliteHolder(path)
    assert "empty or from an older" in refusal(caught)
    assert path.stat().st_size == 0


@pytest.mark.parametrize("column", ["key", "metadata"])
def test_text_that_is_not_utf8_is_named_without_being_shown(path, target, tool, clock, column):
    values = {"key": "'p:a'", "metadata": "NULL"} | {column: "CAST(x'706c616e746564ff' AS TEXT)"}
    tool.execute(
        "INSERT INTO sessions (key, value, metadata, origin, version, created_at, updated_at)"
        f" VALUES ({values['key']}, x'31', {values['metadata']}, 'copy', 1, 0, 0)"
    )
    source = SqliteSource(path, clock=clock)
    for read in (lambda: list(target.rows_between("", None, None)), lambda: source.scan("", None)):
        with pytest.raises(StoreBroken) as caught:
            read()
        assert "is not UTF-8: something else than kvferry wrote it" in refusal(caught)
        assert "integrity_check" not in caught.value.hint
        assert "planted" not in caught.value.message + caught.value.hint
    source.close()


def test_a_locked_file_is_waited_for_and_then_unavailable(path, target, mark, tool):
    tool.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable) as caught:
        target.apply(Batch(records=[record()]), mark)
    assert "locked by another program" in refusal(caught)
    tool.execute("ROLLBACK")
    assert target.apply(Batch(records=[record()]), mark).tally[Outcome.COPIED] == 1


def test_a_full_disk_loses_nothing_and_the_same_batch_fits_later(path, target, mark):
    mark = target.apply(Batch(records=[record("kept")]), mark)
    pages = target._writer.execute("PRAGMA page_count").fetchone()[0]
    target._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    batch = Batch(records=[record(f"{SECRET}{n}", b"x" * 3000) for n in range(40)])
    with pytest.raises(StoreUnavailable) as caught:
        target.apply(batch, mark)
    assert "the disk is full" in refusal(caught)
    assert [row.key for row in target.rows_between("", None, None)] == ["kept"]
    assert target.checkpoint(mark.sweep, "") == mark
    target._writer.execute("PRAGMA max_page_count = 1000000")
    assert target.apply(batch, mark).tally[Outcome.COPIED] == 41


LIMITED = """
import resource, sys
from migrate.clock import SystemClock
from migrate.core.ports import Batch, Checkpoint, Claim, RunId
from migrate.core.record import NEVER, Key, Record
from migrate.errors import StoreUnavailable
from migrate.stores.sqlite import SqliteTarget
target = SqliteTarget(sys.argv[1], clock=SystemClock())
target.acquire(Claim("t", "me", "h", 1))
mark = target.apply(Batch(records=[Record(Key("kept"), b"v", None, NEVER)]),
                    Checkpoint(target.open_sweep(RunId("r"), 1).id, ""))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    target.apply(Batch(records=[Record(Key(f"k{n}"), b"x" * 9000, None, NEVER) for n in range(99)]), mark)
except StoreUnavailable as error:
    print(error.message)
print([row.key for row in target.rows_between("", None, None)], target.checkpoint(mark.sweep, "") == mark)
"""


def test_a_disk_that_refuses_to_write_loses_nothing(path):
    done = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, timeout=30)
    said = done.stdout.splitlines()
    assert said[0].startswith(f"sqlite:{path}: the disk did not read or write")
    assert said[1] == "['kept'] True"


UNPRIVILEGED = """
import os, sys
import sqlite_utils
from migrate.clock import SystemClock
from migrate.errors import StoreRefused
from migrate.stores.sqlite import SqliteTarget
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for path in sys.argv[1:]:
    try:
        SqliteTarget(path, clock=SystemClock())
    except StoreRefused as error:
        print(error.message, "|", error.hint)
"""


def test_a_folder_and_a_file_without_permission_are_refused(tmp_path, clock):
    folder = tmp_path / "closed"
    folder.mkdir()
    SqliteTarget(folder / "there.db", clock=clock).close()
    # Readable for all, so that a test run as root can step down and still get there.
    (folder / "there.db").chmod(0o444)
    folder.chmod(0o555)
    above = [
        parent
        for parent in folder.parents
        if parent.stat().st_uid == os.getuid() and parent.is_relative_to("/tmp")
    ]
    modes = [(parent, mode(parent)) for parent in above]
    try:
        for parent in above:
            parent.chmod(mode(parent) | 0o011)
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, folder / "new.db", folder / "there.db"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    finally:
        folder.chmod(0o755)
        for parent, old in modes:
            parent.chmod(old)
    created, opened = done.stdout.splitlines()
    assert "new.db: the file cannot be created (permission denied) | check the permissions" in created
    assert "there.db: the file cannot be opened or written" in opened
    assert [file.name for file in folder.iterdir()] == ["there.db"]


def test_a_damaged_file_is_named_so(path, target, mark):
    target.apply(Batch(records=[record(f"k{n}", b"x" * 900) for n in range(200)]), mark)
    target.close()
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xee" * 4096 * 60)
    with pytest.raises(StoreBroken) as caught:
        list(SqliteHolder(path).rows_between("", None, None))
    assert "damaged" in refusal(caught)


def test_text_that_no_store_can_hold_is_the_records_fault_and_is_not_shown(target, mark):
    for bad in (record(f"{SECRET}\ud800"), record(SECRET, expiration=2**70)):
        with pytest.raises(RecordError) as caught:
            target.apply(Batch(records=[record("other"), bad]), mark)
        assert SECRET not in refusal(caught)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
    assert target.rows([Key("other")]) == {}


def test_undecodable_text_in_the_file_is_never_quoted(path, target, tool):
    tool.execute(
        "INSERT INTO sessions (key, value, metadata, origin, version, created_at, updated_at)"
        " VALUES ('k', x'00', CAST(x'ff706c616e746564' AS TEXT), 'legacy', 1, 0, 0)"
    )
    with pytest.raises(StoreBroken) as caught:
        target.rows([Key("k")])
    assert "planted" not in refusal(caught)
    assert caught.value.__suppress_context__


def test_a_closed_store_says_so_in_this_packages_words(target):
    target.close()
    with pytest.raises(StoreBroken):
        target.rows([Key("k")])
    with pytest.raises(StoreBroken):
        target.heartbeat()


# ---------------------------------------------------------------- what ordinary tools can and cannot do


def dead(tool, key="dead"):
    tool.execute(
        "INSERT INTO sessions (key, origin, version, created_at, updated_at, deleted_at)"
        " VALUES (?, 'app', 1, 5, 5, 5)",
        (key,),
    )
    return tool.execute("SELECT * FROM sessions WHERE key = ?", (key,)).fetchone()


@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sessions (key, value, origin, version, created_at, updated_at)"
        " VALUES ('dead', 'x', 'app', 1, 0, 0)",
        "INSERT OR REPLACE INTO sessions (key, value, origin, version, created_at, updated_at)"
        " VALUES ('dead', x'00', 'app', 1, 0, 0)",
        "INSERT OR REPLACE INTO sessions (id, key, value, origin, version, created_at, updated_at)"
        " SELECT id, 'new', x'00', 'app', 1, 0, 0 FROM sessions WHERE key = 'dead'",
        "INSERT INTO sessions (key, value, origin, version, created_at, updated_at)"
        " VALUES ('dead', x'00', 'app', 1, 0, 0) ON CONFLICT (key) DO UPDATE SET"
        " value = x'00', deleted_at = NULL, version = version + 1",
        "UPDATE sessions SET value = x'00', deleted_at = NULL, version = version + 1 WHERE key = 'dead'",
        "UPDATE sessions SET expiration = 1, version = version + 1 WHERE key = 'dead'",
        "UPDATE OR REPLACE sessions SET key = 'dead', version = version + 1 WHERE key = 'alive'",
        "UPDATE OR REPLACE sessions SET version = version + 1,"
        " id = (SELECT id FROM sessions WHERE key = 'dead') WHERE key = 'alive'",
        "DELETE FROM sessions WHERE key = 'dead'",
        "DELETE FROM sessions",
        "REPLACE INTO sessions SELECT * FROM sessions",
    ],
)
def test_no_tool_brings_a_deleted_session_back_by_accident(tool, recursive, statement):
    tool.execute(
        "INSERT INTO sessions (key, value, origin, version, created_at, updated_at)"
        " VALUES ('alive', x'00', 'app', 1, 0, 0)"
    )
    grave = dead(tool)
    tool.execute(f"PRAGMA recursive_triggers = {recursive}")
    with pytest.raises(sqlite3.IntegrityError):
        tool.execute(statement)
    assert tool.execute("SELECT * FROM sessions WHERE key = 'dead'").fetchone() == grave
    assert tool.execute("SELECT count(*) FROM sessions").fetchone() == (2,)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM sessions WHERE key = 'a'", "rows stay"),
        ("UPDATE sessions SET value = x'01', digest = NULL WHERE key = 'a'", "version"),
        ("UPDATE sessions SET expiration = 5, version = version + 2 WHERE key = 'a'", "version"),
        ("UPDATE sessions SET value = x'01', version = version + 1 WHERE key = 'a'", "digest"),
        ("UPDATE sessions SET value = NULL, digest = NULL, version = version + 1 WHERE key = 'a'", "CHECK"),
        ("UPDATE sessions SET origin = 'tool', version = version + 1 WHERE key = 'a'", "CHECK"),
        ("UPDATE sessions SET expiration = 'soon', version = version + 1 WHERE key = 'a'", "INTEGER"),
    ],
)
def test_the_schema_stops_changes_that_would_blind_the_laws(target, mark, tool, statement, why):
    target.apply(Batch(records=[record()]), mark)
    before = target.rows([Key("a")])
    with pytest.raises(sqlite3.IntegrityError, match=why):
        tool.execute(statement)
    assert target.rows([Key("a")]) == before


def test_rows_may_be_deleted_behind_the_purge_fence(tool):
    dead(tool)
    tool.execute("INSERT INTO fences (name, at) VALUES ('purge', 1)")
    tool.execute("DELETE FROM sessions")
    assert tool.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


def test_live_sessions_hides_the_expired_and_the_deleted_from_ordinary_tools(path, target, mark):
    soon = int(time.time())
    target.apply(
        Batch(
            records=[
                record("for ever", b'{"user": 1}'),
                record("alive", b"\xff", soon + 3600),
                record("expired", b"x", soon - 1),
                record("deleted", b"x"),
            ]
        ),
        mark,
    )
    app = SqliteSessions(path)
    app.delete("deleted")
    app.close()
    rows = sqlite_utils_cli(path, "SELECT key FROM live_sessions ORDER BY key")
    assert rows.split() == ["alive", "for", "ever"]
    assert sqlite_utils_cli(path, "SELECT key FROM tombstones").split() == ["deleted"]
    user = sqlite_utils_cli(path, "SELECT CAST(value AS TEXT) ->> '$.user' FROM live_sessions LIMIT 1")
    assert user.split() == ["1"]


def sqlite_utils_cli(path, query):
    command = [sys.executable, "-m", "sqlite_utils", "query", path, query, "--csv", "--no-headers"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.replace('"', "")


def test_digests_and_times_are_stored_beside_the_value(target, mark, tool, clock):
    target.apply(Batch(records=[record(value=b"abc")]), mark)
    found = tool.execute("SELECT hex(digest), created_at, updated_at, deleted_at FROM sessions").fetchone()
    # The first half of SHA-256("abc"), as FIPS 180-2 gives it.
    assert found == ("BA7816BF8F01CFEA414140DE5DAE2223", int(NOW), int(NOW), None)


# ---------------------------------------------------------------- crashes and leases


def test_a_batch_that_fails_in_its_last_statement_leaves_nothing_behind(target, mark, tool):
    tool.execute(
        "CREATE TRIGGER fail BEFORE INSERT ON checkpoints WHEN NEW.phase = 'listing'"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    seen = Sighting(Key("s"), None, None, None, NEVER, 1.0, Outcome.DELETED)
    batch = Batch(
        records=[record()], quarantined=[Quarantined(Key("q"), "why")], sightings=[seen], tally=Counter(x=1)
    )
    with pytest.raises(StoreBroken):
        target.apply(batch, mark)
    assert list(target.rows_between("", None, None)) == []
    assert list(target.quarantined("")) == []
    assert target.sightings(mark.sweep, "", 9, 9.0) == []
    tool.execute("DROP TRIGGER fail")
    assert target.apply(batch, mark).tally == Counter({Outcome.COPIED: 1, "x": 1})


def second(path, clock, **options):
    other = SqliteTarget(path, clock=clock)
    try:
        other.acquire(claim("other", who="someone else", **options))
    finally:
        other.close()


def test_the_holder_of_the_lease_is_named_with_host_pid_and_time(path, target, clock):
    with pytest.raises(StoreUnavailable) as caught:
        second(path, clock)
    assert f"me on host-a (pid {os.getpid()}) has been writing to it since 2023-11-14T22:13:20Z" in refusal(
        caught
    )


def test_an_overdue_lease_is_taken_over_and_its_old_owner_writes_nothing_more(path, target, mark, clock):
    clock.time += 60
    other = SqliteTarget(path, clock=clock)
    other.acquire(claim("other"))
    with pytest.raises(StoreUnavailable) as caught:
        target.apply(Batch(records=[record()]), mark)
    assert "somebody else holds the lease" in refusal(caught)
    assert target.rows([Key("a")]) == {}
    target.release()
    with pytest.raises(StoreUnavailable):
        target.acquire(claim())
    other.close()


def test_the_lease_of_a_dead_process_on_this_host_is_taken_at_once(path, clock):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = SqliteTarget(path, clock=clock)
    owner.acquire(claim("mine", pid=child.pid))
    with pytest.raises(StoreUnavailable):
        second(path, clock)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but not yet reaped: a zombie
    with pytest.raises(StoreUnavailable):
        second(path, clock, host="host-b")
    second(path, clock)
    child.communicate()
    owner.close()


def test_a_reused_pid_does_not_keep_the_lease_of_the_process_that_died(path, target, tool, clock):
    namespace = tool.execute("SELECT process FROM lease").fetchone()[0].rpartition("/")[0]
    tool.execute("UPDATE lease SET process = ?, pid = ?", (f"{namespace}/1", os.getppid()))
    second(path, clock)


def test_a_process_in_another_pid_namespace_is_not_taken_for_dead(path, target, tool, clock):
    tool.execute("UPDATE lease SET process = 'pid:[1]/1', pid = 4194304")
    clock.time += 12.5
    with pytest.raises(StoreUnavailable) as caught:
        second(path, clock)
    assert "cannot be seen from here" in refusal(caught)
    assert "over within 48 s" in refusal(caught)
    clock.time += 48
    second(path, clock)


def test_whoever_is_kept_out_is_told_to_stop_it_or_wait(path, target, clock):
    with pytest.raises(StoreUnavailable) as caught:
        second(path, clock)
    assert "cannot be seen" not in refusal(caught)
    assert caught.value.hint.startswith(
        "stop it, or wait: its lease is over 60 s after its last sign of life"
    )


def test_two_live_processes_of_one_operator_do_not_both_get_the_lease(path, target, clock):
    other = SqliteTarget(path, clock=clock)
    with pytest.raises(StoreUnavailable):
        other.acquire(claim(pid=os.getppid()))
    other.close()


def test_several_processes_may_create_the_same_file_at_once(path):
    code = (
        "import sys; from migrate.clock import SystemClock; from migrate.stores.sqlite import SqliteTarget;"
        "import sqlite_utils; input(); SqliteTarget(sys.argv[1], clock=SystemClock()).close()"
    )
    crowd = [
        subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for one in crowd:
        one.stdin.write(b"\n")
        one.stdin.flush()
    assert [one.communicate(timeout=30)[1] for one in crowd] == [b""] * 4
    assert [one.returncode for one in crowd] == [0] * 4


# ---------------------------------------------------------------- as a source


def test_a_source_lists_live_sessions_with_their_records_page_by_page(path, target, mark, clock):
    kept = [record(f"p:{n}", b"x", int(NOW) + n if n else NEVER) for n in range(5)]
    others = [record("o"), record("q"), record("p:00", expiration=int(NOW))]
    target.apply(Batch(records=[*kept, *others, record("p:11")]), mark)
    app = SqliteSessions(path, clock=clock)
    app.delete("p:11")
    app.close()
    source = SqliteSource(path, clock=clock, page=2)
    assert (source.address, source.horizon, source.skew) == (target.address, 0.0, 0.0)
    seen, cursor = [], None
    while True:
        page = source.scan("p:", cursor)
        assert list(page.heads) == [Head(r.key, r.metadata, r.expiration) for r in page.records]
        assert len(page.heads) <= 2
        seen += page.records
        cursor = page.next
        if cursor is None:
            break
    assert seen == kept
    answers = source.read([Key("p:1"), Key("p:11"), Key("p:00"), Key("none")])
    assert answers == {"p:1": kept[1], "p:11": None, "p:00": None, "none": None}
    clock.time += 1
    assert source.read([Key("p:1")]) == {"p:1": None}
    source.close()
    source.close()


def test_pages_and_chunks_of_big_values_are_short(path, target, mark, clock):
    records = [record(f"k{n}", bytes(1_500_000)) for n in range(7)]
    target.apply(Batch(records=records), mark)
    source = SqliteSource(path, clock=clock)
    page = source.scan("", None)
    assert 1 <= len(page.heads) < 7
    assert page.next == page.heads[-1].key
    assert [row.key for row in target.rows_between("", None, None)] == [r.key for r in records]
    source.close()


def test_a_long_read_does_not_stop_writers_nor_keep_their_log(path, target, mark):
    target.apply(Batch(records=[record(f"k{n:05}") for n in range(5000)]), mark)
    stream = target.rows_between("", None, None)
    next(stream)
    target.apply(Batch(records=[record("k99999")]), mark)
    busy, _, _ = target._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    assert sum(1 for _ in stream) == 5000
