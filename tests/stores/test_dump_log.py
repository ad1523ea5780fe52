from pathlib import Path

import pytest

from migrate.core.record import NEVER, UNKNOWN, Key, Record
from migrate.errors import ConfigError, RecordError, StoreUnavailable
from migrate.stores.dump import write_dump
from migrate.stores.dump.log import DumpLog, check_new

RECORDS = [
    Record(Key("a"), b"1", '{"m":1}', 1900000000),
    Record(Key("b"), b"\xff", None, NEVER),
    Record(Key("c"), "\u00fc".encode(), '"text"', NEVER),
]


def test_it_holds_what_a_dump_written_at_once_would_hold_in_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "grown.ndjson"
    log = DumpLog(path, 0)
    for record in RECORDS:
        log.add(record)
    size = log.commit()
    log.close()
    write_dump(tmp_path / "at-once.ndjson", RECORDS)
    assert path.read_bytes() == (tmp_path / "at-once.ndjson").read_bytes()
    assert size == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_nobody_has_counted_is_cut_off_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "grown.ndjson"
    log = DumpLog(path, 0)
    log.add(RECORDS[0])
    size = log.commit()
    log.add(RECORDS[1])
    log.commit()
    log.close()
    DumpLog(path, size).close()
    assert path.stat().st_size == size
    again = DumpLog(path, size)
    again.add(RECORDS[2])
    again.commit()
    again.close()
    write_dump(tmp_path / "expected.ndjson", [RECORDS[0], RECORDS[2]])
    assert path.read_bytes() == (tmp_path / "expected.ndjson").read_bytes()


def test_a_file_that_is_shorter_than_it_was_is_no_dump_any_more(tmp_path: Path) -> None:
    path = tmp_path / "grown.ndjson"
    path.write_bytes(b"x" * 10)
    with pytest.raises(ConfigError, match="11 bytes were written, 10 are there"):
        DumpLog(path, 11)
    path.unlink()
    with pytest.raises(ConfigError, match="11 bytes were written, 0 are there"):
        DumpLog(path, 11)


def test_what_the_form_cannot_say_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    log = DumpLog(tmp_path / "grown.ndjson", 0)
    with pytest.raises(RecordError):
        log.add(RECORDS[0]._replace(expiration=UNKNOWN))
    assert log.commit() == 0
    log.close()


def test_it_begins_only_where_nothing_is(tmp_path: Path) -> None:
    check_new(tmp_path / "new.ndjson")
    (tmp_path / "there.ndjson").write_text("mine")
    for wrong in ("there.ndjson", "dump.json", "dump.ndjson.gz", "nowhere/dump.ndjson"):
        with pytest.raises(ConfigError):
            check_new(tmp_path / wrong)


def test_two_that_add_to_one_file_would_write_over_each_other(tmp_path: Path) -> None:
    log = DumpLog(tmp_path / "grown.ndjson", 0)
    with pytest.raises(StoreUnavailable, match="another process adds to"):
        DumpLog(tmp_path / "grown.ndjson", 0)
    log.add(RECORDS[0])
    assert log.commit() == (tmp_path / "grown.ndjson").stat().st_size
    log.close()
    DumpLog(tmp_path / "grown.ndjson", 0).close()
