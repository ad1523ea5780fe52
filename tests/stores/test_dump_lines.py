import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.record import Key
from migrate.errors import StoreUnavailable
from migrate.stores.dump import lines
from migrate.stores.dump.item import ItemError
from migrate.stores.dump.lines import (
    BadLine,
    DuplicateLines,
    IndexedLines,
    KeyedLines,
    LineFile,
    SortedLines,
    arrange,
)


def key_of(line: bytes) -> Key:
    if not line.strip():
        raise ItemError("blank")
    return Key(line.split(b" ")[0].strip().decode())


@pytest.fixture
def open_text(tmp_path: Path) -> Callable[[str], LineFile]:
    def opened(text: str) -> LineFile:
        path = tmp_path / "lines"
        path.write_bytes(text.encode())
        return LineFile(os.open(path, os.O_RDONLY))

    return opened


def everything(keyed: KeyedLines) -> list[str]:
    found: list[str] = []
    after, inclusive, more = "", True, True
    while more:
        page, more = keyed.page(after, inclusive)
        found += [line.decode().rstrip("\n") for line in page]
        after, inclusive = (key_of(page[-1]) if page else after), False
    return found


@pytest.mark.parametrize("near", [1, 1 << 15])
@pytest.mark.parametrize("ending", ["", "\n", "\n\n \n"])
@pytest.mark.parametrize("rising", [True, False])
def test_every_key_is_found_and_every_page_continues(
    rising: bool,
    ending: str,
    near: int,
    open_text: Callable[[str], LineFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "_NEAR", near)
    rng = random.Random(near)
    keys = sorted({f"k{rng.randrange(10**6)}" for _ in range(300)} | {"ü", "😀", "\U00010000", "\uffff"})
    texts = [f"{key} {'x' * rng.randrange(200)}" for key in keys]
    shuffled = texts if rising else rng.sample(texts, len(texts))
    file = open_text("\n\n".join(shuffled) + ending)
    keyed = arrange(file, key_of)
    assert isinstance(keyed, SortedLines if rising else IndexedLines)
    assert keyed.count == len(keys)
    assert everything(keyed) == texts
    for i, key in enumerate(keys):
        for inclusive in (True, False):
            page, _ = keyed.page(key, inclusive)
            assert [line.decode().rstrip("\n") for line in page] == texts[i if inclusive else i + 1 :]
        found = keyed.find(Key(key))
        assert found is not None
        assert found.decode().rstrip("\n") == texts[i]
        assert keyed.find(Key(key + "-")) is None
        between, _ = keyed.page(key + "-", False)
        assert [line.decode().rstrip("\n") for line in between] == texts[i + 1 :]
    assert keyed.find(Key("")) is None
    keyed.close()
    keyed.close()


@pytest.mark.parametrize("rising", [True, False])
def test_pages_end_early_behind_big_lines(
    rising: bool, open_text: Callable[[str], LineFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "PAGE_BYTES", 1000)
    texts = [f"k{i} {'x' * size}" for i, size in enumerate([10, 999, 10, 10, 70_000, 5])]
    keyed = arrange(open_text("\n".join(texts if rising else reversed(texts))), key_of)
    sizes = []
    after, more = "", True
    while more:
        page, more = keyed.page(after, False)
        sizes.append(len(page))
        after = key_of(page[-1]) if page else after
    assert sizes == [2, 3, 1]
    assert everything(keyed) == texts


def test_pages_are_full_and_the_last_says_so(open_text: Callable[[str], LineFile]) -> None:
    keyed = arrange(open_text("".join(f"{i:05}\n" for i in reversed(range(10_000)))), key_of)
    assert [len(keyed.page(f"{after:05}", False)[0]) for after in (0, 4000, 5999, 9900)] == [
        4000,
        4000,
        4000,
        99,
    ]
    assert [keyed.page(f"{after:05}", False)[1] for after in (0, 9900)] == [True, False]


def test_an_empty_file_has_no_lines(open_text: Callable[[str], LineFile]) -> None:
    for text in ("", "\n\n"):
        keyed = arrange(open_text(text), key_of)
        assert keyed.count == 0
        assert keyed.page("", True) == ([], False)
        assert keyed.find(Key("a")) is None


@pytest.mark.parametrize(
    ("text", "twins"),
    [
        ("a\nb\n\nb\nc\n", (2, 4)),
        ("b\na\n\nb\n", (1, 4)),
        ("z\nc\na\nc\na\na\n", (2, 4)),
        ("a\nb\na", (1, 3)),
    ],
)
def test_duplicates_are_told_by_both_lines(
    text: str, twins: tuple[int, int], open_text: Callable[[str], LineFile]
) -> None:
    with pytest.raises(DuplicateLines) as caught:
        arrange(open_text(text), key_of)
    assert (caught.value.first, caught.value.second) == twins


@pytest.mark.parametrize("text", ["a\n\nb\nbad\nc", "b\n\na\nbad\n", "b\n\nc\nbad\na"])
def test_a_refused_line_is_told_by_its_number(text: str, open_text: Callable[[str], LineFile]) -> None:
    def check(line: bytes) -> Key:
        if line.strip() == b"bad":
            raise ItemError("bad")
        return key_of(line)

    with pytest.raises(BadLine) as caught:
        arrange(open_text(text), check)
    assert caught.value.number == 4


def test_disorder_within_the_first_lines_is_noticed_there(open_text: Callable[[str], LineFile]) -> None:
    seen: list[bytes] = []

    def check(line: bytes) -> Key:
        seen.append(line)
        return key_of(line)

    arrange(open_text("b\na\n" + "".join(f"c{i}\n" for i in range(100))), check)
    assert len(seen) == 2 + 102


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_the_index_has_no_name_and_is_for_the_owner_only(open_text: Callable[[str], LineFile]) -> None:
    # more keys than SQLite keeps in memory, so that there is a file
    file = open_text("".join(f"{'k' * 400}{i:09}\n" for i in reversed(range(60_000))))
    index = arrange(file, key_of)
    open_files = sqlite_files()
    assert open_files
    for fd in open_files:
        assert os.readlink(fd).endswith("(deleted)")
        assert fd.stat().st_mode & 0o777 == 0o600
    index.close()
    assert sqlite_files() == []


def test_no_room_for_the_index_says_where_to_make_some(
    open_text: Callable[[str], LineFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(sqlite3.Connection):
        def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:
            if sql.startswith("CREATE UNIQUE"):
                super().execute("PRAGMA max_page_count = 1")
                super().execute("CREATE TABLE another (x)")
            return super().execute(sql, *rest)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Full))
    with pytest.raises(StoreUnavailable, match="full") as caught:
        arrange(open_text("b\na\n"), key_of)
    assert "TMPDIR" in caught.value.hint


READ_ALL = """
import random, sys
from pathlib import Path
from migrate.stores.dump import DumpSource, lines
lines.CACHE_KIB = 1_000
path, count, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(1)
with path.open("w") as file:
    for _ in range(count):
        file.write('{"key":"%032x","value":"%s"}\\n' % (rng.getrandbits(128), "v" * 200))
source = DumpSource(path)
found, page = 0, source.scan("", None)
while found := found + len(page.records):
    if page.next is None:
        break
    page = source.scan("", page.next)
# not getrusage: that begins with the peak of the process that started this one
peak = next(line for line in Path("/proc/self/status").read_text().split("\\n") if line.startswith("VmHWM"))
print(found, peak.split()[1])
"""


def test_memory_does_not_grow_with_the_number_of_lines(tmp_path: Path) -> None:
    peaks = []
    for count in (80_000, 240_000):
        done = subprocess.run(
            [sys.executable, "-c", READ_ALL, str(tmp_path / "d.ndjson"), str(count)],
            capture_output=True,
            text=True,
            check=True,
        )
        found, peak = map(int, done.stdout.split())
        assert found == count
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 3_000  # KiB; the file grew by 39,000, its keys alone by 5,000
    assert peaks[1] < 60_000


def sqlite_files() -> list[Path]:
    fds = Path("/proc/self/fd").iterdir()
    return [fd for fd in fds if fd.is_symlink() and "etilqs" in os.readlink(fd)]
