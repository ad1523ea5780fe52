"""Files replaced: whole or not at all, with the mode they had, and only if nobody changed them since."""

import os
from pathlib import Path

import pytest

from audits.editing import Changed
from audits.replacing import Replaced, replace


def test_the_content_is_new_and_the_mode_is_kept(tmp_path):
    place = tmp_path / "a.ts"
    place.write_bytes(b"old")
    place.chmod(0o751)
    replace(tmp_path, [Changed("a.ts", b"old", b"new")])
    assert place.read_bytes() == b"new"
    assert place.stat().st_mode & 0o777 == 0o751
    assert os.listdir(tmp_path) == ["a.ts"]


def test_a_file_that_changed_since_stops_everything(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
    (tmp_path / "b").write_bytes(b"somebody else's")
    with pytest.raises(Replaced, match="b: it has changed since it was read"):
        replace(tmp_path, [Changed("a", b"old", b"new"), Changed("b", b"old", b"new")])
    assert (tmp_path / "a").read_bytes() == b"old"
    assert (tmp_path / "b").read_bytes() == b"somebody else's"


def test_a_file_that_is_gone_is_said(tmp_path):
    with pytest.raises(Replaced, match=r"a\.ts: no such file"):
        replace(tmp_path, [Changed("a.ts", b"old", b"new")])


def test_nothing_is_left_behind_when_the_move_fails(tmp_path, monkeypatch):
    def refuse(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.ts").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(Replaced, match="no space left"):
        replace(tmp_path, [Changed("a.ts", b"old", b"new")])
    assert os.listdir(tmp_path) == ["a.ts"]
    assert (tmp_path / "a.ts").read_bytes() == b"old"


def test_what_does_not_change_is_not_touched(tmp_path):
    replace(Path(tmp_path), [Changed("not-there.ts", b"same", b"same")])
    assert os.listdir(tmp_path) == []
