import os
import subprocess

import pytest

from audits.revision import Revision, revision


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def git(*words):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    git("init", "-q")
    git("config", "user.name", "a")
    git("config", "user.email", "a@example.com")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.ts").write_text("1")
    git("add", ".")
    git("commit", "-qm", "one")
    return tmp_path


def test_a_checkout_has_a_commit_and_a_prefix(checkout):
    top = revision(checkout)
    assert top.commit is not None
    assert len(top.commit) == 40
    assert (top.dirty, top.prefix) == (False, "")
    assert revision(checkout / "app") == Revision(top.commit, False, "app/")


def test_a_changed_or_new_file_makes_it_dirty(checkout):
    (checkout / "app" / "new.ts").write_text("2")
    assert revision(checkout).dirty is True


def test_what_the_checkout_configures_is_not_run(checkout):
    trap = checkout / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {checkout}/sprung\n")
    trap.chmod(0o755)
    subprocess.run(["git", "-C", str(checkout), "config", "core.fsmonitor", str(trap)], check=True)
    assert revision(checkout).commit is not None
    assert not (checkout / "sprung").exists()


def test_no_checkout_is_no_revision(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert revision(tmp_path) == Revision()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(tmp_path) == Revision()
