import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.record import NEVER, UNKNOWN, Key, Record
from migrate.errors import ConfigError, Exit, MigrateError, RecordError
from migrate.stores.dump import DumpSource, DumpWriter, write_dump

SECRET = "s3cr3t"
NAMES = ["d.ndjson", "d.json", "d.ndjson.gz", "d.json.gz"]

text = st.text(st.characters(exclude_categories=["Cs"]))
keys = text.filter(lambda key: 1 <= len(key.encode()) <= 512)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=8,
)
metadata = st.none() | json_values.filter(lambda value: value is not None).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)
made = st.builds(
    Record,
    keys,
    st.binary(max_size=50) | text.map(str.encode),
    metadata,
    st.just(NEVER) | st.integers(1, 10**11),
    st.none(),
    st.none(),
)


def records(path: Path) -> list[Record]:
    source = DumpSource(path)
    found: list[Record] = []
    page = source.scan("", None)
    while True:
        assert page.records is not None
        found += page.records
        if page.next is None:
            source.close()
            return found
        page = source.scan("", page.next)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(st.lists(made, unique_by=lambda record: record.key, max_size=6))
def test_what_is_written_is_read_back_exactly(name: str, written: list[Record]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        assert write_dump(path, iter(written)) == len(written)
        assert records(path) == sorted(written, key=lambda record: record.key)
        assert os.listdir(folder) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_wrangler_can_read_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write_dump(
        path,
        [
            Record(Key("b"), b"\xff\x00", '{"a":1}', 1_900_000_000),
            Record(Key("a"), "ü\n".encode(), None, NEVER),
        ],
    )
    packed = name.endswith(".gz")
    content = (gzip.decompress(path.read_bytes()) if packed else path.read_bytes()).decode()
    items = json.loads(content) if ".json" in name else [json.loads(line) for line in content.splitlines()]
    assert items == [
        {"key": "b", "value": "/wA=", "base64": True, "expiration": 1_900_000_000, "metadata": {"a": 1}},
        {"key": "a", "value": "ü\n"},
    ]
    assert content.endswith("\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_records_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_dump(tmp_path / folder / name, [Record(Key("a"), b"v", None, NEVER)])
        os.utime(tmp_path / folder / name, (1, 1))
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_for_its_owner_only_and_appears_when_it_is_complete(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with DumpWriter(path) as writer:
        writer.write(Record(Key("a"), b"v", None, NEVER))
        (beside,) = tmp_path.iterdir()
        assert beside.name == f"{name}.tmp-{os.getpid()}"
        assert beside.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    assert writer.count == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_when_it_fails(name: str, error: type[BaseException], tmp_path: Path) -> None:
    def failing() -> Iterator[Record]:
        yield Record(Key("a"), b"v" * 1_000_000, None, NEVER)
        raise error

    with pytest.raises(error):
        write_dump(tmp_path / name, failing())
    assert list(tmp_path.iterdir()) == []


def test_an_older_dump_stays_when_a_new_one_fails(tmp_path: Path) -> None:
    path = tmp_path / "d.ndjson"
    write_dump(path, [Record(Key("old"), b"v", None, NEVER)])
    with pytest.raises(ConfigError, match="is there already"):
        write_dump(path, [])
    with pytest.raises(RecordError):
        write_dump(path, [Record(Key("new"), b"v", None, UNKNOWN)], replace=True)
    assert [record.key for record in records(path)] == ["old"]
    write_dump(path, [Record(Key("new"), b"v", None, NEVER)], replace=True)
    assert [record.key for record in records(path)] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / f"d.json.tmp-{os.getpid()}").write_text("half")
    write_dump(tmp_path / "d.json", [])
    assert os.listdir(tmp_path) == ["d.json"]
    assert (tmp_path / "d.json").read_text() == "[]\n"


@pytest.mark.parametrize(
    "record",
    [
        Record(Key("s3cr3t"), b"s3cr3t", None, UNKNOWN),
        Record(Key("s3cr3t"), b"s3cr3t", None, 1_900_000_000_000),
        Record(Key("s3cr3t"), b"s3cr3t", None, 0),
        Record(Key("s3cr3t"), b"s3cr3t", "{s3cr3t", NEVER),
        Record(Key("s3cr3t"), b"s3cr3t", '1,"key":"other"', NEVER),
        Record(Key("s3cr3t"), b"s3cr3t", '"\\ud800"', NEVER),
        Record(Key("s3cr3t"), b"s3cr3t", "NaN", NEVER),
        Record(Key("s3cr3t\ud800"), b"s3cr3t", None, NEVER),
        Record(Key("s3cr3t" * 100), b"s3cr3t", None, NEVER),
        Record(Key(""), b"s3cr3t", None, NEVER),
    ],
)
def test_what_could_not_be_read_back_is_refused(record: Record, tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        write_dump(tmp_path / "d.ndjson", [record])
    assert SECRET not in caught.value.message + caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["d", "d.txt", "d.gz", "d.json.zip", "json", "d.ndjson.gz.bak"])
def test_another_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not named"):
        DumpWriter(tmp_path / name)


def test_a_folder_that_is_not_there_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        write_dump(tmp_path / "none" / "d.json", [])


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_leaves_nothing_and_is_not_the_callers_mistake(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def full(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if ".tmp-" in str(path):
            os.close(opened(path, flags, mode))
            return opened("/dev/full", os.O_WRONLY)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(MigrateError, match="No space left") as caught:
        write_dump(tmp_path / name, (Record(Key(f"k{i}"), os.urandom(90_000), None, NEVER) for i in range(9)))
    assert caught.value.exit is Exit.UNFINISHED
    assert list(tmp_path.iterdir()) == []
