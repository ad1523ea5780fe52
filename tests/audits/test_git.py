"""Questions to git, in a real repository."""

import os
import subprocess

import pytest

from audits import git
from audits.git import GitError


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    return tmp_path


def stored(checkout, content):
    words = ["git", "-C", str(checkout), "hash-object", "-w", "--stdin"]
    return subprocess.run(words, input=content, capture_output=True, check=True).stdout.decode().strip()


def test_contents_come_in_the_order_in_which_they_are_asked_for(checkout):
    contents = [b"", b"a\nb", b"\0\n\n", b"x" * 200_000]
    names = [stored(checkout, content) for content in contents]
    assert list(git.blobs(checkout, names)) == contents
    assert list(git.blobs(checkout, names[::-1])) == contents[::-1]
    assert list(git.blobs(checkout, [])) == []


def test_whoever_stops_listening_leaves_nothing_running(checkout):
    names = [stored(checkout, b"x" * 200_000)] * 50
    answers = git.blobs(checkout, names)
    next(answers)
    answers.close()


def test_an_object_that_is_not_there_is_an_error(checkout):
    name = stored(checkout, b"a")
    answers = git.blobs(checkout, [name, "0" * 40])
    assert next(answers) == b"a"
    with pytest.raises(GitError, match="no object 0000"):
        next(answers)


def test_git_s_own_words_are_the_error(checkout, tmp_path):
    with pytest.raises(GitError, match=r"^Needed a single revision$"):
        git.ask(checkout, "rev-parse", "--verify", "gone")
    with pytest.raises(GitError, match="cannot change to"):
        git.ask(tmp_path / "gone", "status")


def test_the_folder_decides_and_not_the_hook_that_we_run_in(checkout, monkeypatch, tmp_path):
    (checkout / "a").mkdir()
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "gone" / "index"))
    assert git.line(checkout / "a", "rev-parse", "--show-prefix") == "a/"
