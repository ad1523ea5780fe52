import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.ports import Cursor
from migrate.core.record import NEVER, Head, Key, Record
from migrate.errors import ConfigError, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores import wrangler_state
from migrate.stores.wrangler_state import WranglerState, find_state, object_file

NAMESPACE = "abc123"
NOW = 1_800_000_000.25
TABLE = (
    "CREATE TABLE _mf_entries"
    " (key TEXT PRIMARY KEY, blob_id TEXT NOT NULL, expiration INTEGER, metadata TEXT)"
)


class Stopped:
    """A clock that stands still, and does something when it is slept on."""

    def __init__(self) -> None:
        self.slept = 0

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += 1


class Runtime:
    """The files of a local runtime, as wrangler 4.164 keeps them, its SQLite file open and in WAL mode."""

    def __init__(self, state: Path, namespace: str = NAMESPACE, folder: str | None = None) -> None:
        kv = state / "v3" / "kv"
        self.blobs = kv / (folder or namespace) / "blobs"
        self.blobs.mkdir(parents=True)
        (kv / "miniflare-KVNamespaceObject").mkdir(exist_ok=True)
        self.file = kv / "miniflare-KVNamespaceObject" / f"{object_file(namespace)}.sqlite"
        self.db = sqlite3.connect(self.file, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = wal")
        self.db.execute(TABLE)
        self._made = 0

    def put(
        self, key: str, value: bytes, milliseconds: int | None = None, metadata: str | None = None
    ) -> Path:
        self._made += 1
        blob = self.blobs / f"{self._made:080x}"
        blob.write_bytes(value)
        old = self.db.execute("SELECT blob_id FROM _mf_entries WHERE key = ?", (key,)).fetchone()
        row = (key, blob.name, milliseconds, metadata)
        self.db.execute("INSERT OR REPLACE INTO _mf_entries VALUES (?, ?, ?, ?)", row)
        if old is not None:
            (self.blobs / old[0]).unlink()
        return blob


@pytest.fixture
def clock() -> Stopped:
    return Stopped()


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = Runtime(tmp_path / "project" / ".wrangler" / "state")
    yield made
    made.db.close()


@pytest.fixture
def store(runtime: Runtime, tmp_path: Path, clock: Stopped) -> Iterator[WranglerState]:
    made = WranglerState(tmp_path / "project", NAMESPACE, clock)
    yield made
    made.close()
    made.close()


def everything(store: WranglerState, prefix: str = "") -> list[Record]:
    page = store.scan(prefix, None)
    found: list[Record] = []
    while True:
        assert page.records is not None
        assert [(head.key, head.metadata, head.expiration) for head in page.heads] == [
            (record.key, record.metadata, record.expiration) for record in page.records
        ]
        found += page.records
        if page.next is None:
            return found
        page = store.scan(prefix, page.next)


def test_a_namespace_is_kept_in_the_file_that_the_runtime_gives_it() -> None:
    # seen with wrangler 4.164
    assert object_file("a b/é:..%x").startswith("e364c010f28c7ca08c0a11d8228917c4")
    assert object_file("abc123") == "aef91bdfb405bfb5b9f6b37bb22913ea371a31a917d25e6fa469a45d2cfad734"


def test_records_come_in_key_order_with_all_that_belongs_to_them(
    runtime: Runtime, store: WranglerState
) -> None:
    runtime.put("s:ü😀", b"", None, None)
    runtime.put("s:b", b"\xff\xfe\x00", 1_900_000_000_000, '{"x": 1.10}')
    runtime.put("s:\uffff", b"v", None, "null")
    runtime.put("r", b"other")
    records = [
        Record(Key("s:b"), b"\xff\xfe\x00", '{"x": 1.10}', 1_900_000_000),
        Record(Key("s:ü😀"), b"", None, NEVER),
        Record(Key("s:\uffff"), b"v", None, NEVER),
    ]
    assert everything(store, "s:") == records
    assert [record.key for record in everything(store)] == ["r", "s:b", "s:ü😀", "s:\uffff"]
    assert everything(store, "t") == []
    assert store.read([Key("s:b"), Key("none")]) == {"s:b": records[0], "none": None}


def test_what_the_session_store_keeps_in_metadata_is_not_shown(
    runtime: Runtime, store: WranglerState
) -> None:
    stamp = '{"m":1,"_kvferry":{"v":1,"e":1899999940}}'
    runtime.put("a", b"v", 1_900_000_000_000, stamp)
    assert everything(store) == [Record(Key("a"), b"v", '{"m":1}', 1_899_999_940)]


def test_an_expiration_is_never_rounded_up(runtime: Runtime, store: WranglerState) -> None:
    runtime.put("a", b"v", 1_900_000_000_999)
    assert everything(store)[0].expiration == 1_900_000_000


def test_expired_entries_are_hidden_and_left_alone(runtime: Runtime, store: WranglerState) -> None:
    now = int(NOW * 1000)
    blobs = [runtime.put("a", b"v", now - 1), runtime.put("b", b"v", now), runtime.put("c", b"v", now + 1)]
    assert [record.key for record in everything(store)] == ["c"]
    assert store.read([Key("a"), Key("b")]) == {"a": None, "b": None}
    assert all(blob.exists() for blob in blobs)
    assert runtime.db.execute("SELECT count(*) FROM _mf_entries").fetchone() == (3,)


def test_pages_continue_behind_their_cursor(
    runtime: Runtime, store: WranglerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrangler_state, "_WIDTH", 2)
    for i in range(5):
        runtime.put(f"k{i}", b"v")
    assert [record.key for record in everything(store)] == ["k0", "k1", "k2", "k3", "k4"]
    assert [head.key for head in store.scan("k", Cursor("k1")).heads] == ["k2", "k3"]
    assert [head.key for head in store.scan("k", Cursor("a")).heads] == ["k0", "k1"]


def test_big_values_do_not_pile_up_in_a_page(
    runtime: Runtime, store: WranglerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrangler_state, "_PAGE_BYTES", 100)
    for i in range(5):
        runtime.put(f"k{i}", b"v" * 60)
    assert len(store.scan("", None).heads) == 2
    assert len(everything(store)) == 5


def test_a_read_sees_what_was_written_since(runtime: Runtime, store: WranglerState) -> None:
    runtime.put("a", b"old")
    assert [record.value for record in everything(store)] == [b"old"]
    runtime.put("a", b"new", 1_900_000_000_000)
    assert store.read([Key("a")]) == {"a": Record(Key("a"), b"new", None, 1_900_000_000)}
    runtime.db.execute("DELETE FROM _mf_entries")
    assert store.read([Key("a")]) == {"a": None}


def test_a_value_rewritten_during_a_listing_is_found_again(
    runtime: Runtime, store: WranglerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrangler_state, "_WIDTH", 1)
    runtime.put("a", b"v")
    runtime.put("b", b"old")
    first = store.scan("", None)
    runtime.put("b", b"new", 1_900_000_000_000)
    second = store.scan("", first.next)
    assert second.records == [Record(Key("b"), b"new", None, 1_900_000_000)]


def test_a_value_that_is_missing_is_listed_and_reads_as_gone(runtime: Runtime, store: WranglerState) -> None:
    runtime.put("a", b"v")
    runtime.put("b", b"v").unlink()
    page = store.scan("", None)
    assert page.heads == [Head(Key("a"), None, NEVER), Head(Key("b"), None, NEVER)]
    assert page.records is None
    assert store.read([Key("a"), Key("b")]) == {"a": Record(Key("a"), b"v", None, NEVER), "b": None}


@pytest.mark.parametrize("blob_id", ["../../secret", "", "a/b", "/etc/hostname"])
def test_a_blob_id_cannot_lead_out_of_the_state(blob_id: str, runtime: Runtime, store: WranglerState) -> None:
    runtime.db.execute("INSERT INTO _mf_entries VALUES ('a', ?, NULL, NULL)", (blob_id,))
    with pytest.raises(StoreBroken, match="no blob id"):
        store.scan("", None)


def test_nothing_in_the_state_changes_and_nothing_is_left_behind(
    runtime: Runtime, tmp_path: Path, clock: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    runtime.put("a", b"v", 1)
    runtime.put("b", b"v")

    def tree() -> dict[str, tuple[int, int, int, int]]:
        return {
            str(path): (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            for path in sorted((tmp_path / "project").rglob("*"))
            if (status := path.stat())
        }

    before = tree()
    assert any(name.endswith("-wal") for name in before)
    store = WranglerState(tmp_path / "project", NAMESPACE, clock)
    assert len(everything(store)) == 1
    store.read([Key("b")])
    assert list(temporary.iterdir()) == []  # not even while it is open
    store.close()
    assert tree() == before


def test_a_state_without_a_log_is_read_too(runtime: Runtime, store: WranglerState) -> None:
    runtime.put("a", b"v")
    runtime.db.close()
    assert not runtime.file.with_name(f"{runtime.file.name}-wal").exists()
    assert len(everything(store)) == 1


def test_the_copy_is_private(runtime: Runtime, store: WranglerState, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.put("a", b"v")
    modes: dict[str, int] = {}
    copy = wrangler_state._copy_at_rest

    def look(file: Path, folder: Path, clock: Stopped) -> None:
        copy(file, folder, clock)
        modes.update({path.suffix: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]})

    monkeypatch.setattr(wrangler_state, "_copy_at_rest", look)
    assert len(everything(store)) == 1
    assert modes == {"": 0o700, ".sqlite": 0o600, ".sqlite-wal": 0o600}


def test_a_file_that_changes_while_it_is_copied_is_copied_again(
    runtime: Runtime, store: WranglerState, clock: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = wrangler_state._copy
    writes = iter(range(4))

    def copy_and_write(source: Path, to: Path) -> None:
        copy(source, to)
        for i in writes:
            runtime.put(f"k{i}", b"v")
            return

    monkeypatch.setattr(wrangler_state, "_copy", copy_and_write)
    assert [record.key for record in everything(store)] == ["k0", "k1", "k2", "k3"]
    assert clock.slept == 2


def test_a_file_that_never_comes_to_rest_is_given_up(
    runtime: Runtime, store: WranglerState, clock: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = wrangler_state._copy

    def copy_and_touch(source: Path, to: Path) -> None:
        copy(source, to)
        runtime.put("a", b"v")

    monkeypatch.setattr(wrangler_state, "_copy", copy_and_touch)
    with pytest.raises(StoreUnavailable, match="all the time"):
        store.scan("", None)
    assert clock.slept == 20


def test_a_file_that_is_no_database_is_broken(runtime: Runtime, store: WranglerState) -> None:
    runtime.db.close()
    runtime.file.write_bytes(b"not SQLite" * 1000)
    with pytest.raises(StoreBroken, match="cannot be read"):
        store.scan("", None)
    runtime.file.unlink()
    sqlite3.connect(runtime.file).execute("CREATE TABLE other (x)").connection.close()
    with pytest.raises(StoreBroken, match="cannot be read"):
        store.scan("", None)


def test_a_namespace_that_goes_is_refused(runtime: Runtime, store: WranglerState) -> None:
    runtime.db.close()
    runtime.file.unlink()
    with pytest.raises(StoreRefused, match="has gone"):
        store.scan("", None)


def test_the_state_is_found_from_each_folder_that_may_name_it(tmp_path: Path) -> None:
    state = (tmp_path / "project" / ".wrangler" / "state").resolve()
    persisted = (tmp_path / "persisted").resolve()
    for folder in (state, persisted):
        (folder / "v3" / "kv").mkdir(parents=True)
    assert find_state(tmp_path / "project") == state
    assert find_state(state) == state
    assert find_state(state / "v3") == state
    assert find_state(persisted) == persisted
    assert find_state(persisted / "v3") == persisted


def test_a_folder_without_state_is_the_callers_mistake(tmp_path: Path) -> None:
    (tmp_path / "project" / "v3" / "kv").mkdir(parents=True)
    (tmp_path / "project" / "source").mkdir()
    for folder in (tmp_path, tmp_path / "none", tmp_path / "project" / "source"):
        with pytest.raises(ConfigError, match="no local state"):
            find_state(folder)


def test_an_unknown_namespace_is_refused_with_those_that_are_there(
    runtime: Runtime, tmp_path: Path, clock: Stopped
) -> None:
    Runtime(tmp_path / "project" / ".wrangler" / "state", "zzz").db.close()
    with pytest.raises(StoreRefused) as caught:
        WranglerState(tmp_path / "project", "other", clock)
    assert caught.value.message == "the local state has no namespace 'other'; it has 2: abc123, zzz"
    empty = tmp_path / "empty"
    (empty / "v3").mkdir(parents=True)
    with pytest.raises(StoreRefused, match="it has 0"):
        WranglerState(empty, "other", clock)


@pytest.mark.parametrize(
    ("namespace", "folder"),
    [
        ("SESSIONS", "SESSIONS"),
        ("a b/é:..%x", "a b_é_..%x"),  # seen with wrangler 4.164
        ("..", "__"),
        ("nul", "_"),
        (" a/", "_a_"),
    ],
)
def test_values_are_found_whatever_the_namespace_is_called(
    namespace: str, folder: str, tmp_path: Path, clock: Stopped
) -> None:
    runtime = Runtime(tmp_path, namespace, folder)
    runtime.put("a", b"v")
    store = WranglerState(tmp_path, namespace, clock)
    assert len(everything(store)) == 1
    store.close()
    runtime.db.close()


def test_the_address_names_the_state_and_the_namespace(
    runtime: Runtime, store: WranglerState, tmp_path: Path
) -> None:
    assert store.address == f"wrangler:{tmp_path.resolve()}/project/.wrangler/state#{NAMESPACE}"
    assert (store.horizon, store.skew, store.width) == (0, 0, 1000)
