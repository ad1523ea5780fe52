import base64
import gzip
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from migrate.core.ports import Answer, Cursor, Quarantined, Unreadable
from migrate.core.record import NEVER, Head, Key, Origin, Record, Row
from migrate.errors import ConfigError, Exit, MigrateError, StoreBroken
from migrate.stores.dump import DumpSource, lines

SECRET = "s3cr3t"
Item = Mapping[str, object]

RECORDS = [
    Record(Key("a:\x00"), b"", None, NEVER),
    Record(
        Key("a:1"), b"text\n\r\x00\x7f", '{"x":[1,{"u":null}],"big":123456789012345678901234567890}', NEVER
    ),
    Record(Key("a:2"), b"\xff\xfe\x00", '"plain"', 1_900_000_000),
    Record(Key("a:\\\"'{}[],:"), '{"json":"\u2028ü😀"}'.encode(), None, 1_900_000_001),
    Record(Key("a:é"), b"v" * 100_000, '"ü"', 1_900_000_002),
    Record(Key("a:\uffff"), b"1.5", "[]", NEVER),
    Record(Key("a:😀"), b"v", "false", NEVER),
    Record(Key("b"), b"other", None, NEVER),
]


def item(record: Record) -> Item:
    made: dict[str, object] = {"key": record.key}
    try:
        made["value"] = record.value.decode()
    except UnicodeDecodeError:
        made |= {"value": base64.b64encode(record.value).decode(), "base64": True}
    if record.expiration is not NEVER:
        made["expiration"] = record.expiration
    if record.metadata is not None:
        made["metadata"] = json.loads(record.metadata)
    return made


def text_of(items: Sequence[Item], shape: str) -> str:
    if shape.startswith("ndjson"):
        end = "\r\n" if shape == "ndjson crlf" else "\n"
        return "".join(json.dumps(one, ensure_ascii=shape == "ndjson ascii") + end for one in items)
    return json.dumps(items, ensure_ascii=False, indent=2 if shape == "pretty array" else None)


SHAPES = ["ndjson", "ndjson ascii", "ndjson crlf", "array", "pretty array"]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(name: str, content: object, *, bom: bool = False) -> Path:
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        if bom:
            data = b"\xef\xbb\xbf" + data
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if ".gz" in name else data)
        return path

    return written


def scanned(source: DumpSource, prefix: str = "") -> tuple[list[Head], dict[Key, Answer]]:
    heads: list[Head] = []
    answers: dict[Key, Answer] = {}
    cursor: Cursor | None = None
    while True:
        page = source.scan(prefix, cursor)
        heads += page.heads
        if page.records is None:
            answers |= source.read([head.key for head in page.heads])
        else:
            assert [Head(key, at, meta) for key, _, at, meta, *_ in page.records] == list(page.heads)
            answers |= {record.key: record for record in page.records}
        cursor = page.next
        if cursor is None:
            return heads, answers


def records(source: DumpSource, prefix: str = "") -> list[Record]:
    heads, answers = scanned(source, prefix)
    found = [answers[head.key] for head in heads]
    assert [one for one in found if isinstance(one, Record)] == found
    return found  # type: ignore[return-value] # asserted above


def refused(source: DumpSource) -> str:
    for _ in range(2):  # it stays refused
        with pytest.raises(ConfigError) as caught:
            source.prepare()
    source.close()
    assert caught.value.exit is Exit.USAGE
    assert caught.value.hint
    assert SECRET not in caught.value.message + caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("width", [1, 3, 1000])
@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_records_in_key_order(
    shape: str,
    order: int,
    suffix: str,
    bom: bool,
    width: int,
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "WIDTH", width)
    for query in ("_FROM", "_BEHIND"):
        monkeypatch.setattr(lines, query, getattr(lines, query).replace("1000", str(width)))
    name = f"dump.{'ndjson' if 'ndjson' in shape else 'json'}{suffix}"
    ordered = sorted(RECORDS)
    source = DumpSource(write(name, text_of([item(one) for one in RECORDS][::order], shape), bom=bom))
    assert records(source) == ordered
    assert records(source, "a:") == ordered[:-1]
    assert records(source, "a:1") == [one for one in ordered if one.key == "a:1"]
    assert records(source, "c") == records(source, "a:0") == []
    assert (source.count, source.unjoined) == (len(RECORDS), 0)
    source.close()
    assert records(source) == ordered  # opened again
    source.close()
    source.close()


@pytest.mark.parametrize("name", ["dump.json", "dump.json.gz", "dump", "dump.ndjson", "DUMP.NDJSON.GZ"])
def test_the_content_tells_the_shape_and_the_packing(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for shape in SHAPES:
        for pack in (bytes, gzip.compress):
            path.write_bytes(pack(text_of([item(one) for one in RECORDS], shape).encode()))
            source = DumpSource(path)
            assert records(source) == sorted(RECORDS)
            source.close()


def test_rows_are_read_in_key_order_between_two_keys(write: Callable[..., Path]) -> None:
    ordered = sorted(RECORDS)
    rows = [Row(*one[:4], Origin.COPY, 1, None) for one in ordered]
    for order in (1, -1):
        source = DumpSource(write("d.ndjson", text_of([item(one) for one in ordered[::order]], "ndjson")))
        assert list(source.rows_between("", None, None)) == rows
        assert list(source.rows_between("a:", None, None)) == rows[:-1]
        for i, after in enumerate(ordered):
            assert list(source.rows_between("", after.key, None)) == rows[i + 1 :]
            assert list(source.rows_between("", None, after.key)) == rows[: i + 1]
            assert list(source.rows_between("a:", after.key, Key("a:é"))) == [
                row for row in rows[i + 1 :] if row.key <= "a:é"
            ]
        assert source.rows([ordered[2].key, Key("none")]) == {ordered[2].key: rows[2]}
        assert list(source.quarantined("")) == []
        source.close()


def test_a_read_answers_every_key_and_no_other(write: Callable[..., Path]) -> None:
    source = DumpSource(write("d.ndjson", text_of([item(one) for one in RECORDS], "ndjson")))
    keys = [RECORDS[0].key, Key("absent"), Key("")]
    assert source.read(keys) == {keys[0]: RECORDS[0], keys[1]: None, keys[2]: None}
    source.close()


def test_reading_is_safe_from_several_threads(write: Callable[..., Path]) -> None:
    many = [Record(Key(f"k{i:04}"), b"v%d" % i, None, NEVER) for i in range(500)]
    source = DumpSource(write("d.ndjson", text_of([item(one) for one in many[::-1]], "ndjson")))
    wrong: list[object] = []

    def read(part: Sequence[Record]) -> None:
        answers = source.read([one.key for one in part])
        wrong.extend(one for one in part if answers[one.key] != one)

    threads = [threading.Thread(target=read, args=(many[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert source.count == 500
    source.close()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('{"key":"s3cr3t","value":7}', "value is not a string"),
        ('{"key":"s3cr3t","value":"s3cr3t","expiration":1900000000000}', "expiration is too large"),
        ('{"key":"s3cr3t","value":"s3cr3t","metadata":"\\ud800"}', "not JSON"),
        ('{"key":"s3cr3t"}', "value is missing"),
    ],
)
def test_a_malformed_item_is_told_by_its_line(
    broken: str, reason: str, order: int, suffix: str, write: Callable[..., Path]
) -> None:
    good = [json.dumps({"key": f"k{i}", "value": SECRET}) for i in range(9)][::order]
    good[6] = broken
    ndjson = DumpSource(write(f"d.ndjson{suffix}", "\n".join(good)))
    assert refused(ndjson).startswith(f"d.ndjson{suffix} line 7: {reason}")
    array = DumpSource(write(f"d.json{suffix}", "[" + ",\n".join(good) + "]"))
    assert refused(array).startswith(f"d.json{suffix} line 7 (item 7): {reason}")


@pytest.mark.parametrize(
    "broken", ["{", '{"key":"s3cr3t" "value":"s3cr3t"}', "nul", '{"a":"\n"}', "", "{},,"]
)
def test_what_is_not_json_is_told_by_its_line(broken: str, write: Callable[..., Path]) -> None:
    good = [json.dumps({"key": f"k{i}", "value": SECRET}) for i in range(9)]
    array = "[\n" + ",\n".join([*good[:5], broken, *good[6:]]) + "]"
    assert "d.json line 7: " in refused(DumpSource(write("d.json", array)))


def test_a_cut_dump_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    items = [item(one) for one in RECORDS]
    for shape, name in (("ndjson", "d.ndjson"), ("array", "d.json"), ("pretty array", "d.json")):
        text = text_of(items, shape).rstrip()
        for cut in (1, 2, 50, 3000, len(text) - 1):
            assert "line" in refused(DumpSource(write(name, text[:-cut])))
        packed = gzip.compress(text.encode())
        for cut in (1, 8, 20, len(packed) - 3):
            (tmp_path / "d.gz").write_bytes(packed[:-cut])
            assert refused(DumpSource(tmp_path / "d.gz")) == "d.gz is damaged, or its end is missing"
        (tmp_path / "d.gz").write_bytes(packed[:40] + b"\x00\xff\x00" + packed[43:])
        assert refused(DumpSource(tmp_path / "d.gz")) == "d.gz is damaged, or its end is missing"


@pytest.mark.parametrize("shape", SHAPES)
def test_duplicates_are_told_by_both_lines(shape: str, write: Callable[..., Path]) -> None:
    keys = ["c", SECRET, "b", "a", SECRET, "z"]
    text = "\n" + text_of([{"key": key, "value": SECRET} for key in keys], shape)
    places = {
        "array": "line 2 (item 5): the same key as in line 2 (item 2)",
        "pretty array": "line 19 (item 5): the same key as in line 7 (item 2)",
    }
    expected = places.get(shape, "line 6: the same key as in line 3")
    assert refused(DumpSource(write("d.json", text))) == f"d.json {expected}"


def test_a_key_list_alone_is_refused_with_the_way_to_use_it(write: Callable[..., Path]) -> None:
    source = DumpSource(write("keys.json", [{"name": SECRET, "expiration": 1_900_000_000}]))
    assert "has no values" in refused(source)
    assert "no values" in refused(DumpSource(write("keys.json", [SECRET])))


def test_what_is_no_dump_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    assert "no such file" in refused(DumpSource(tmp_path / "none.json"))
    assert "cannot read" in refused(DumpSource(tmp_path))
    assert "is empty" in refused(DumpSource(write("d.json", "")))
    assert "is not JSON" in refused(DumpSource(write("d.json", "SQLite format 3")))
    assert "is not JSON" in refused(DumpSource(write("d.ndjson", '"a"')))
    assert "follows the end" in refused(DumpSource(write("d.json", '[]\n{"key":"a"}')))


def test_an_empty_dump_is_a_dump_when_it_says_so(write: Callable[..., Path]) -> None:
    for name, text in (("d.ndjson", ""), ("d.json", "[]"), ("d.json", "{}"), ("d.ndjson.gz", "\n")):
        source = DumpSource(write(name, text))
        assert records(source) == []
        assert source.count == 0
        source.close()


def test_a_file_that_changes_underfoot_is_broken(write: Callable[..., Path]) -> None:
    path = write("d.ndjson", text_of([item(one) for one in RECORDS], "ndjson"))
    source = DumpSource(path)
    source.prepare()
    with path.open("a") as file:
        file.write("\n")
    with pytest.raises(StoreBroken, match="changed"):
        source.scan("", None)
    with pytest.raises(StoreBroken, match="changed"):
        source.read([Key("a")])
    source.close()


def test_a_value_of_25_mib_is_read_in_every_shape(write: Callable[..., Path]) -> None:
    big = "ü" * (13 << 20)
    for shape, name in (("ndjson", "d.ndjson"), ("array", "d.json"), ("ndjson", "d.ndjson.gz")):
        text = text_of([{"key": "b", "value": "v"}, {"key": "a", "value": big}], shape)
        if name.endswith(".gz"):
            big = "x" * (25 << 20)
            text = text_of([{"key": "b", "value": "v"}, {"key": "a", "value": big}], shape)
        source = DumpSource(write(name, text))
        assert [
            record.value == value for record, value in zip(records(source), [big.encode(), b"v"], strict=True)
        ] == [True, True]
        source.close()


def test_big_values_do_not_pile_up_in_a_page(write: Callable[..., Path]) -> None:
    items = [{"key": f"k{i}", "value": "v" * (3 << 20)} for i in (2, 0, 1, 3)]
    source = DumpSource(write("d.ndjson", text_of(items, "ndjson")))
    first = source.scan("", None)
    assert [head.key for head in first.heads] == ["k0", "k1", "k2"]
    assert first.next == "k2"
    source.close()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("end", ["", "\n", "\nSuccess!\n"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_bulk_get_is_joined_with_its_key_list(
    indent: int | None, end: str, suffix: str, write: Callable[..., Path]
) -> None:
    values = {
        "d": "plain",
        "c": {"value": "own", "metadata": {"own": 1.10}, "expiration": 1_900_000_009},
        "b": {"value": "local"},
        "a": {"value": "none", "metadata": None},
        'q"\\': {"value": ""},
    }
    keys = [
        {"name": "d", "expiration": 1_900_000_001, "metadata": {"listed": True}},
        {"name": "c", "expiration": 1_900_000_002, "metadata": {"listed": True}},
        {"name": "b", "metadata": [12345678901234567890123]},
        {"name": "a", "expiration": 1_900_000_003, "metadata": {"listed": True}},
        {"name": 'q"\\'},
    ]
    source = DumpSource(
        write(f"values.json{suffix}", json.dumps(values, indent=indent) + end),
        keys=write(f"keys.json{suffix}", json.dumps(keys, indent=indent)),
    )
    assert records(source) == [
        Record(Key("a"), b"none", None, 1_900_000_003),
        Record(Key("b"), b"local", "[12345678901234567890123]", NEVER),
        Record(Key("c"), b"own", '{"own":1.1}', 1_900_000_009),
        Record(Key("d"), b"plain", '{"listed":true}', 1_900_000_001),
        Record(Key('q"\\'), b"", None, NEVER),
    ]
    assert source.unjoined == 0
    source.close()


def test_what_was_gone_between_list_and_get_stays_listed_and_reads_as_gone(
    write: Callable[..., Path],
) -> None:
    source = DumpSource(
        write("v.json", {"c": None, "b": "v", "d": {"value": None}}),
        keys=write("k.json", [{"name": "a", "expiration": 7}, {"name": "b"}, {"name": "c"}, {"name": "d"}]),
    )
    heads, answers = scanned(source)
    assert [(head.key, head.expiration) for head in heads] == [
        ("a", 7),
        ("b", NEVER),
        ("c", NEVER),
        ("d", NEVER),
    ]
    assert answers == {"a": None, "b": Record(Key("b"), b"v", None, NEVER), "c": None, "d": None}
    assert source.unjoined == 3
    assert [row.key for row in source.rows_between("", None, None)] == ["b"]
    assert list(source.rows([Key("a"), Key("b")])) == ["b"]
    source.close()


def test_a_value_whose_key_is_not_in_the_list_is_refused_by_its_line(write: Callable[..., Path]) -> None:
    source = DumpSource(
        write("v.json", json.dumps({"a": "1", SECRET: "2"}, indent=1)), keys=write("k.json", [{"name": "a"}])
    )
    assert refused(source).startswith("v.json line 3 (item 2): its key is not in k.json")


def test_a_bulk_get_without_expirations_is_refused_unless_never_is_assumed(
    write: Callable[..., Path],
) -> None:
    for values in ({"a": SECRET}, {"a": {"value": SECRET}}, {"a": {"value": SECRET, "expiration": None}}):
        path = write("v.json", values)
        assert "does not say when this session expires" in refused(DumpSource(path))
        source = DumpSource(path, assume_never=True)
        assert records(source) == [Record(Key("a"), SECRET.encode(), None, NEVER)]
        source.close()


def test_a_bulk_get_that_dates_every_session_needs_no_key_list(write: Callable[..., Path]) -> None:
    source = DumpSource(write("v.json", {"a": {"value": "v", "expiration": 7}, "b": None}))
    _, answers = scanned(source)
    assert answers == {"a": Record(Key("a"), b"v", None, 7), "b": None}
    source.close()


def test_a_bulk_get_value_that_may_have_been_binary_is_unreadable_and_counted(
    write: Callable[..., Path],
) -> None:
    source = DumpSource(write("v.json", {"b": "x\ufffd", "a": "v"}), assume_never=True)
    heads, answers = scanned(source)
    assert [head.key for head in heads] == ["a", "b"]
    assert isinstance(answers[Key("b")], Unreadable)
    assert isinstance(answers[Key("a")], Record)
    assert [row.key for row in source.rows_between("", None, None)] == ["a"]
    (quarantined,) = source.quarantined("")
    assert isinstance(quarantined, Quarantined)
    assert quarantined.key == "b"
    assert list(source.quarantined("a")) == []
    source.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":"v",\n"s3cr3t":7}', "line 2 (item 2): value is not a string"),
        ('{"a":"v",\n"s3cr3t":["s3cr3t"]}', "line 2 (item 2): value is not a string"),
        ('{"a":"v",\n"s3cr3t":{"value":7}}', "line 2 (item 2): value is not a string"),
        ('{"a":"v",\n"s3cr3t":{}}', "line 2 (item 2): not {value"),
        ('{"a":"v",\n"s3cr3t":{"value":"v","base64":true}}', "line 2 (item 2): not {value"),
        ('{"a":"v",\n"s3cr3t":{"value":"\\ud800"}}', "line 2 (item 2): not JSON"),
        ('{"a":"v",\n"s3cr3t":"\\ud800"}', "line 2 (item 2): not JSON"),
        ('{"a":"v",\n"s3cr3t\\ud800":"v"}', "line 2 (item 2): not JSON"),
        ('{"a":"v",\n"":"v"}', "line 2 (item 2): key is empty"),
        (
            '{"a":"v",\n"b":{"value":"v","expiration":1900000000000}}',
            "line 2 (item 2): expiration is too large",
        ),
        ('{"a":"v",\n"b":"v"', "line 2: "),
        ('{"a":"v",\n"b":"v"}\nSuccess?', "line 3: something follows"),
        ('{"a":"v"}\n{"b":"v"}', "line 2: something follows"),
        (
            '{"b":"v",\n"s3cr3t":"v",\n"a":"v",\n"s3cr3t":"v"}',
            "line 4 (item 4): the same key as in line 2 (item 2)",
        ),
    ],
)
def test_a_malformed_bulk_get_is_told_by_its_line(text: str, reason: str, write: Callable[..., Path]) -> None:
    assert f"v.json {reason}" in refused(DumpSource(write("v.json", text), assume_never=True))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"name":"a"},\n"s3cr3t"]', "line 2: not a JSON object"),
        ('[{"name":"a"},\n{"name":"s3cr3t","expiration":1900000000000}]', "line 2: expiration is too large"),
        ('[{"name":"a"},\n{"name":7}]', "line 2: name is missing or not a string"),
        ('[{"name":"a"},\n{"name":"s3cr3t","value":"s3cr3t"}]', "line 2: has a member"),
        ('[{"name":"s3cr3t"},\n\n{"name":"s3cr3t"}]', "line 3: the same name as in line 1"),
        ('[{"name":"a"},\n', "line 2: "),
        ('{"name":"a"}', "line 1: "),
        ("[] []", "line 1: something follows"),
        ("", "line 1: "),
    ],
)
def test_a_malformed_key_list_is_told_by_its_line(text: str, reason: str, write: Callable[..., Path]) -> None:
    assert f"k.json {reason}" in refused(DumpSource(write("v.json", {}), keys=write("k.json", text)))


def test_a_key_list_goes_with_a_bulk_get_only(write: Callable[..., Path], tmp_path: Path) -> None:
    keys = write("k.json", [])
    for name, text in (("d.ndjson", '{"key":"a","value":"b"}'), ("d.json", "[]")):
        assert "needs no key list" in refused(DumpSource(write(name, text), keys=keys))
    with pytest.raises(ConfigError):
        DumpSource(tmp_path / "v.json", keys=keys, assume_never=True)
    assert "no such file" in refused(DumpSource(write("v.json", {}), keys=tmp_path / "none.json"))


def test_a_bulk_get_may_have_keys_named_like_members(write: Callable[..., Path]) -> None:
    source = DumpSource(
        write("v.json", {"key": "x", "value": "y"}),
        keys=write("k.json", [{"name": "key"}, {"name": "value"}]),
    )
    assert [record.value for record in records(source)] == [b"x", b"y"]
    source.close()


def test_ttls_count_from_when_the_dump_was_made(write: Callable[..., Path]) -> None:
    path = write("d.ndjson", '{"key":"a","value":"v"}\n{"key":"b","value":"v","expiration_ttl":60}\n')
    assert refused(DumpSource(path)).startswith("d.ndjson line 2: expiration_ttl")
    source = DumpSource(path, dumped_at=1_000)
    assert [record.expiration for record in records(source)] == [NEVER, 1_060]
    source.close()


def test_the_address_is_absolute_and_names_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path.resolve()
    assert DumpSource(Path("d.json")).address == f"dump:{here}/d.json"
    both = DumpSource(Path("v.json"), keys=Path("./x/../k.json"))
    assert both.address == f"dump:{here}/v.json?keys={here}/k.json"


def test_a_dump_is_never_stale(tmp_path: Path) -> None:
    source = DumpSource(tmp_path / "d.json")
    assert (source.horizon, source.skew, source.width) == (0, 0, 4000)


def test_a_dump_has_neither_a_fence_nor_an_end(write: Callable[..., Path]) -> None:
    source = DumpSource(write("d.json", text_of([item(one) for one in RECORDS], "array")))
    assert source.fenced_since() is source.finished_since() is source.leased_until() is None


def test_nothing_is_left_behind_and_nothing_is_changed(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = write("d.json.gz", text_of([item(one) for one in RECORDS], "array"))
    before = path.stat()
    source = DumpSource(path)
    assert records(source) == sorted(RECORDS)
    assert list(temporary.iterdir()) == []
    source.close()
    assert sorted(os.listdir(tmp_path)) == ["d.json.gz", "temporary"]
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)


def test_no_room_for_the_spool_is_not_the_callers_mistake(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tempfile.TemporaryFile", lambda: os.fdopen(os.open("/dev/full", os.O_RDWR), "r+b", 0)
    )
    with pytest.raises(MigrateError, match="No space left") as caught:
        DumpSource(write("d.json", text_of([item(one) for one in RECORDS], "array"))).prepare()
    assert caught.value.exit is Exit.UNFINISHED
    assert "TMPDIR" in caught.value.hint
