import json
import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from migrate.core.record import NEVER, Key, Origin, Row
from migrate.errors import RecordError, StoreRefused, StoreUnavailable
from migrate.stores.sqlite import Session, SessionExists, SessionGone, SqliteHolder, SqliteSessions
from tests.stores.manual_clock import ManualClock

NOW = 1_700_000_000


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sessions.db"


@pytest.fixture
def open_app(path, clock):
    opened = []

    def open_one(origin="app", **options):
        opened.append(SqliteSessions(path, origin, clock=clock, **{"touch_every": 0, **options}))
        return opened[-1]

    yield open_one
    for app in opened:
        app.close()


@pytest.fixture
def app(open_app):
    return open_app()


@pytest.fixture
def row(path, app):
    holder = SqliteHolder(path)
    yield lambda key: holder.rows([Key(key)]).get(Key(key))
    holder.close()


@pytest.mark.parametrize(
    ("data", "raw", "back"),
    [
        ({"user": 1, "naïve": None}, '{"user":1,"naïve":null}'.encode(), {"user": 1, "naïve": None}),
        ([], b"[]", []),
        (None, b"null", None),
        ("plain text", b"plain text", "plain text"),
        ('{"a": 1}', b'{"a": 1}', {"a": 1}),
        ("NaN", b"NaN", "NaN"),
        (b"\xff\x00", b"\xff\x00", b"\xff\x00"),
        (b"", b"", ""),
        ("[" * 100_000, b"[" * 100_000, "[" * 100_000),
    ],
    ids=["object", "list", "null", "text", "json text", "nan", "bytes", "empty", "deep"],
)
def test_data_comes_back_as_json_else_text_else_bytes(app, data, raw, back):
    app.put("s", data)
    assert app.get("s") == Session(back, raw, None, None, 1)


def test_expiration_and_metadata_come_back(app):
    app.put("s", "x", expiration_ttl=60, metadata={"ip": "é"})
    found = app.get("s")
    assert (found.expiration, found.metadata) == (NOW + 60, {"ip": "é"})
    app.put("s", "x", expiration=NOW + 5)
    assert (app.get("s").expiration, app.get("s").metadata) == (NOW + 5, None)
    app.put("s", "x")
    assert app.get("s").expiration is None
    with pytest.raises(ValueError, match="not both"):
        app.put("s", "x", expiration=1, expiration_ttl=1)


def test_metadata_that_a_copy_brought_is_given_as_json(app, path):
    other = sqlite3.connect(path)
    for key, metadata in (("m", '{"a": [1]}'), ("odd", "not json"), ("zero", "0")):
        other.execute(
            "INSERT INTO sessions (key, value, metadata, origin, version, created_at, updated_at)"
            " VALUES (?, x'31', ?, 'copy', 1, 0, 0)",
            (key, metadata),
        )
    other.commit()
    other.close()
    assert [app.get(key).metadata for key in ("m", "odd", "zero")] == [{"a": [1]}, "not json", 0]


def test_expired_and_unknown_sessions_are_not_there(app, clock):
    app.put("s", "x", expiration_ttl=10)
    clock.time += 9.9
    assert app.get("s").data == "x"
    clock.time += 0.1
    assert app.get("s") is None
    assert app.get("t") is None
    app.put("s", "again", expiration_ttl=10)
    assert app.get("s").data == "again"


def test_the_prefix_is_part_of_the_key(open_app, app, row):
    prefixed = open_app(prefix="spotify_session:")
    prefixed.put("s", "x")
    assert row("spotify_session:s").value == b"x"
    assert row("s") is None
    assert prefixed.get("s").data == app.get("spotify_session:s").data == "x"
    prefixed.touch("s", expiration_ttl=9)
    prefixed.update("s", lambda _: "y")
    prefixed.delete("s")
    assert row("spotify_session:s").version == 3


def test_create_wants_an_id_that_was_never_used(app, clock):
    assert app.create("s", "x", expiration_ttl=10) == 1
    with pytest.raises(SessionExists):
        app.create("s", "y")
    clock.time += 11
    with pytest.raises(SessionExists):
        app.create("s", "y")
    app.delete("s")
    with pytest.raises(SessionGone):
        app.create("s", "y")


def test_a_deleted_session_stays_deleted(app, open_app, row):
    app.put("s", "x", expiration=NOW + 60, metadata=1)
    app.delete("s")
    grave = row("s")
    assert grave == Row("s", None, None, NOW + 60, Origin.APP, 2, None)
    app.delete("s")
    for writer in (app, open_app("dual")):
        with pytest.raises(SessionGone):
            writer.put("s", "y")
        assert writer.touch("s", expiration_ttl=999) is False
        assert writer.update("s", lambda _: "y") is None
        assert writer.get("s") is None
    assert row("s") == grave


def test_a_delete_of_an_unknown_session_leaves_a_tombstone(app, row):
    app.delete("never seen")
    assert row("never seen") == Row("never seen", None, None, NEVER, Origin.APP, 1, None)
    with pytest.raises(SessionGone):
        app.put("never seen", "x")


def test_an_expired_session_can_be_deleted_for_ever(app, clock):
    app.put("s", "x", expiration_ttl=1)
    clock.time += 2
    app.delete("s")
    with pytest.raises(SessionGone):
        app.put("s", "y")


@pytest.mark.parametrize(
    ("before", "writer", "after"),
    [
        ("copy", "dual", "dual"),
        ("copy", "app", "app"),
        ("dual", "dual", "dual"),
        ("dual", "app", "app"),
        ("app", "dual", "app"),
        ("app", "app", "app"),
        ("legacy", "dual", "dual"),
        ("legacy", "app", "app"),
    ],
)
@pytest.mark.parametrize("verb", ["put", "touch", "update", "delete"])
def test_every_change_sets_the_origin_but_app_is_never_taken_back(
    path, open_app, row, before, writer, after, verb
):
    other = sqlite3.connect(path)
    other.execute(
        "INSERT INTO sessions (key, value, expiration, origin, version, sweep, created_at, updated_at)"
        " VALUES ('s', x'31', ?, ?, 7, 3, 0, 0)",
        (NOW + 50, before),
    )
    other.commit()
    other.close()
    app = open_app(writer)
    change = {
        "put": lambda: app.put("s", "2", expiration=NOW + 99),
        "touch": lambda: app.touch("s", expiration=NOW + 99),
        "update": lambda: app.update("s", lambda session: session.data + 1),
        "delete": lambda: app.delete("s"),
    }[verb]
    change()
    value = {"put": b"2", "touch": b"1", "update": b"2", "delete": None}[verb]
    expiration = NOW + 99 if verb in ("put", "touch") else NOW + 50
    assert row("s") == Row("s", value, None, expiration, Origin(after), 8, 3)


def test_a_new_row_has_the_writers_origin(app, open_app, row):
    open_app("dual").put("d", "x")
    app.put("a", "x")
    open_app("dual").delete("t")
    assert [row(key).origin for key in "dat"] == [Origin.DUAL, Origin.APP, Origin.DUAL]
    with pytest.raises(ValueError, match="origin"):
        open_app("copy")


def test_touch_extends_and_never_shortens_and_writes_no_value(app, row):
    app.put("s", b"\x00v", expiration=NOW + 100, metadata={"m": 1})
    assert app.touch("s", expiration=NOW + 50) is True
    assert row("s").version == 1
    assert app.touch("s", expiration_ttl=200) is True
    assert row("s") == Row("s", b"\x00v", '{"m":1}', NOW + 200, Origin.APP, 2, None)


def test_touch_on_a_session_that_never_expires_changes_nothing(app, row):
    app.put("s", "x")
    assert app.touch("s", expiration_ttl=5) is True
    assert row("s").expiration is NEVER
    assert row("s").version == 1


def test_touch_does_not_wake_an_expired_session(app, clock, row):
    app.put("s", "x", expiration_ttl=10)
    clock.time += 10
    assert app.touch("s", expiration_ttl=99) is False
    assert row("s").expiration == NOW + 10
    assert app.touch("none", expiration_ttl=99) is False
    with pytest.raises(ValueError, match="how long"):
        app.touch("s")


def test_a_touch_does_not_shorten_what_another_one_extended_meanwhile(path, app, row):
    class Interrupted(ManualClock):
        looks = 0

        def now(self):
            self.looks += 1
            if self.looks == 2:
                app.touch("s", expiration=NOW + 500)
            return self.time

    app.put("s", "x", expiration=NOW + 100)
    slow = SqliteSessions(path, clock=Interrupted(), touch_every=0)
    assert slow.touch("s", expiration=NOW + 200) is True
    assert slow._clock.looks > 2
    assert (row("s").expiration, row("s").version) == (NOW + 500, 2)
    slow.close()


def test_a_touch_that_a_logout_overtakes_extends_nothing(path, app, row):
    class Interrupted(ManualClock):
        looks = 0

        def now(self):
            self.looks += 1
            if self.looks == 2:
                app.delete("s")
            return self.time

    app.put("s", "x", expiration=NOW + 100)
    slow = SqliteSessions(path, clock=Interrupted(), touch_every=0)
    assert slow.touch("s", expiration=NOW + 200) is False
    assert row("s").deleted
    slow.close()


def test_touches_are_coalesced_but_a_short_session_is_still_kept_alive(open_app, clock, row):
    app = open_app(touch_every=300)
    app.put("long", "x", expiration_ttl=86_400)
    app.put("short", "x", expiration_ttl=60)
    for _ in range(200):
        clock.time += 5
        assert app.touch("long", expiration_ttl=86_400)
        assert app.touch("short", expiration_ttl=60)
    assert row("long").version == 1 + 1000 // 300
    assert row("short").version > 10


def test_update_is_retried_until_nobody_interferes(app, open_app, row):
    other = open_app("dual")
    app.put("s", 1, expiration=NOW + 60, metadata="m")
    seen = []

    def add(session):
        seen.append(session.data)
        if len(seen) < 4:
            other.put("s", session.data + 10, expiration=NOW + 60, metadata="m")
        return session.data + 1

    assert app.update("s", add) == 5
    assert seen == [1, 11, 21, 31]
    assert row("s")[1:] == (b"32", '"m"', NOW + 60, Origin.APP, 5, None)


def test_update_does_not_bring_back_what_was_deleted_meanwhile(app, open_app, row):
    app.put("s", 1)
    assert app.update("s", lambda _: open_app().delete("s") or 2) is None
    assert row("s").deleted
    assert app.update("none", lambda _: 2) is None


def test_update_gives_up_on_a_session_that_keeps_changing(app, open_app):
    other = open_app()
    app.put("s", 1)
    with pytest.raises(StoreUnavailable):
        app.update("s", lambda session: other.put("s", session.data + 1))


def test_update_that_raises_changes_nothing(app, row):
    app.put("s", 1)
    with pytest.raises(KeyError):
        app.update("s", lambda session: {}[session.data])
    assert row("s").version == 1


def test_bad_text_is_the_records_fault_and_is_not_shown(app):
    for call in (
        lambda: app.put("s", "planted\ud800"),
        lambda: app.put("planted\ud800", "x"),
        lambda: app.get("planted\ud800"),
        lambda: app.delete("planted\ud800"),
        lambda: app.touch("planted\ud800", expiration_ttl=5),
    ):
        with pytest.raises(RecordError) as caught:
            call()
        assert "planted" not in caught.value.message
    with pytest.raises(ValueError, match="JSON"):
        app.put("s", float("nan"))
    assert app.get("s") is None


def test_messages_for_the_application_hold_no_id(app):
    app.create("planted", 1)
    with pytest.raises(SessionExists) as exists:
        app.create("planted", 1)
    app.delete("planted")
    with pytest.raises(SessionGone) as gone:
        app.put("planted", 1)
    assert "planted" not in str(exists.value) + str(gone.value)


def test_a_logout_is_on_the_disk_when_it_is_acknowledged(app):
    with app._pool.lent_to_write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_closed_store_is_unavailable_and_closing_twice_is_harmless(app):
    app.close()
    app.close()
    with pytest.raises(StoreUnavailable):
        app.get("s")


def test_a_foreign_file_is_refused(path, clock):
    path.write_bytes(b"x" * 5000)
    with pytest.raises(StoreRefused):
        SqliteSessions(path, clock=clock)


def test_many_threads_share_one_store(app):
    app.put("counter", 0)
    failures = []

    def work(number):
        try:
            for step in range(10):
                app.create(f"{number}-{step}", number)
                app.update("counter", lambda session: session.data + 1)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert app.get("counter").data == 40
    assert all(app.get(f"{number}-{step}") for number in range(4) for step in range(10))


FORKED = """
import os, sys
from migrate.stores.sqlite import SqliteSessions
app = SqliteSessions(sys.argv[1])
app.put("before", 1)
child = os.fork()
app.put("child" if child == 0 else "parent", os.getpid())
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(app.get("before").data, app.get("child").data == child, app.get("parent").data == os.getpid())
"""


def test_a_forked_process_opens_its_own_connection(path):
    done = subprocess.run([sys.executable, "-c", FORKED, path], capture_output=True, text=True, timeout=30)
    assert done.stdout == "1 True True\n"


FORKED_THEN_CLOSED = """
import os, sys
from migrate.stores.sqlite import SqliteSessions
app = SqliteSessions(sys.argv[1])
app.put("before", 1)
(heard, said), (waited, woken) = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    app.put("first", 1)
    os.write(said, b"x")
    os.read(waited, 1)
    app.put("second", 1)
    app.delete("before")
    os._exit(0)
os.read(heard, 1)
app.close()
os.write(woken, b"x")
assert os.waitpid(child, 0)[1] == 0
app = SqliteSessions(sys.argv[1])
print([key for key in ("before", "first", "second") if app.get(key)])
"""


def test_what_a_child_was_acknowledged_stays_when_its_parent_closes_the_file(path):
    done = subprocess.run(
        [sys.executable, "-c", FORKED_THEN_CLOSED, path], capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "['first', 'second']\n", done.stderr


FORKED_WHILE_WRITING = """
import os, sys, threading
from migrate.stores.sqlite import SqliteSessions
app = SqliteSessions(sys.argv[1])
app.put("s", 0)
over = threading.Event()
def work(number):
    while not over.is_set():
        app.put(f"t{number}", number)
        app.get("s")
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
children = []
for number in range(20):
    child = os.fork()
    if child == 0:
        assert app.get("s").data == 0
        app.put(f"child{number}", number)
        os._exit(0)
    children.append(child)
ends = [os.waitpid(child, 0)[1] for child in children]
over.set()
for thread in threads:
    thread.join()
print(set(ends), [app.get(f"child{number}").data for number in range(20)] == list(range(20)))
"""


def test_a_process_may_fork_while_its_threads_write(path):
    done = subprocess.run(
        [sys.executable, "-c", FORKED_WHILE_WRITING, path], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("{0} True\n", "")


FORKED_INSIDE = """
import os, sys
from migrate.clock import SystemClock
from migrate.errors import StoreUnavailable
from migrate.stores.sqlite import SqliteSessions
class Clock(SystemClock):
    child = None
    def now(self):
        if self.child is None:
            self.child = os.fork()
            if self.child == 0:
                try:
                    app.get("s")
                except StoreUnavailable as error:
                    os.write(1, error.message.partition(": ")[2].encode())
                app.close()
                os._exit(0)
        return super().now()
clock = Clock()
app = SqliteSessions(sys.argv[1], clock=clock, busy=0.05)
app.put("s", 1)
print("", os.waitpid(clock.child, 0)[1], app.get("s").data)
"""


def test_a_child_that_was_forked_in_the_midst_of_a_write_is_refused(path):
    done = subprocess.run(
        [sys.executable, "-c", FORKED_INSIDE, path], capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "this process was forked while its parent used the session store 0 1\n", done.stderr


SHORT_THREADS = """
import resource, sys, threading
from migrate.stores.sqlite import SqliteSessions
app = SqliteSessions(sys.argv[1])
app.put("s", 1)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
answers = []
def work(number):
    answers.append(app.get("s").data)
    if number % 20 == 0:
        app.put(f"t{number}", number)
for start in range(0, 2000, 100):  # a hundred at the same time
    crowd = [threading.Thread(target=work, args=(start + number,)) for number in range(100)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
print(len(answers), app.get("t1980").data)
app.close()
"""


def test_thousands_of_short_threads_need_no_more_than_a_few_files(path):
    done = subprocess.run(
        [sys.executable, "-c", SHORT_THREADS, path], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "2000 1980\n", done.stderr
    assert done.stderr == ""
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_opening_a_current_file_does_not_import_the_schema_tool(path, app):
    code = (
        "import sys; from migrate.stores.sqlite import SqliteSessions;"
        "SqliteSessions(sys.argv[1]).put('s', 1);"
        "print(sorted({'sqlite_utils', 'click', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n"
    assert app.get("s").data == 1


def test_the_clock_is_the_systems_when_none_is_given(path):
    app = SqliteSessions(path)
    app.put("s", json.loads("1"), expiration_ttl=3600)
    assert app.get("s").expiration > NOW + 3600
    assert os.stat(path).st_mode & 0o777 == 0o600
    app.close()
