"""Where the browser of the tests comes from, and what is said where it cannot be had."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.browser import install


def test_the_machines_own_browser_is_taken_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "chromium"
    there.write_text("#!/bin/sh\n")
    there.chmod(there.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install.find() == install.Chromium(there, {})


def test_without_a_browser_and_without_apt_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="there is no apt here: install chromium-headless-shell "):
        install.install(tmp_path / "debian")


def test_what_is_complete_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "complete").touch()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert install.install(tmp_path) == tmp_path / "root"
