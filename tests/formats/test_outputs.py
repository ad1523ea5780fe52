from __future__ import annotations

import errno
import io
import json
import os
import stat
from pathlib import Path

import pytest

from migrate.core.document import Document
from migrate.core.fingerprint import Fingerprints
from migrate.errors import ConfigError, Exit, MigrateError
from migrate.formats.outputs import Output, Outputs, write_private
from migrate.formats.verify import VerifyFacts, build_verify


@pytest.fixture
def document(clean: VerifyFacts, fingerprints: Fingerprints) -> Document:
    return build_verify(clean, fingerprints)


def test_everything_that_was_asked_for_is_written(document: Document, tmp_path: Path) -> None:
    words = [f"json={tmp_path / 'r.json'}", f"junit={tmp_path / 'r=1.xml'}"]
    outputs = Outputs.parse("verify-report", None, words)
    assert outputs.files[1] == Output("junit", tmp_path / "r=1.xml")
    stdout = io.StringIO()
    outputs.emit(document, stdout)
    assert stdout.getvalue().startswith("verify 1 of run")
    assert json.loads((tmp_path / "r.json").read_text()) == document
    assert (tmp_path / "r=1.xml").read_text().startswith("<?xml")
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 2


def test_the_format_is_for_standard_output(document: Document) -> None:
    stdout = io.StringIO()
    Outputs.parse("verify-report", "json", []).emit(document, stdout)
    assert json.loads(stdout.getvalue()) == document


@pytest.mark.parametrize(
    ("fmt", "words"),
    [
        ("yaml", []),
        ("junit", []),
        (None, ["json"]),
        (None, ["json="]),
        (None, ["yaml=r.yaml"]),
        (None, ["json=no-such-folder/r.json"]),
        (None, ["json=."]),
        (None, ["json=-"]),
        (None, ["json=r.json", "text=./r.json"]),
    ],
)
def test_a_mistake_is_said_before_any_work_is_done(fmt: str | None, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Outputs.parse("export-report", fmt, words)
    assert caught.value.hint


class FullDisk(io.StringIO):
    """Standard output that was redirected to where no room is left."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_behind_standard_output_is_no_defect(document: Document) -> None:
    outputs = Outputs.parse("verify-report", None, [])
    with pytest.raises(MigrateError, match="standard output cannot be written: no space left") as caught:
        outputs.emit(document, FullDisk())
    assert caught.value.exit == Exit.UNFINISHED


def test_a_file_is_replaced_whole_and_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("old and much longer")
    path.chmod(0o644)
    write_private(path, "new é")
    assert path.read_text(encoding="utf-8") == "new é"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_private(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_private(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ConfigError, match="cannot be written"):
        write_private(tmp_path / "r.txt" / "below", "x")
