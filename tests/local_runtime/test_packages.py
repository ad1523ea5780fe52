import threading
from pathlib import Path

import pytest

from migrate.errors import ConfigError, MigrateError
from migrate.local_runtime import Node, cache_folder, installed

NPM = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
mkdir node_modules
sleep 0.05
cp package-lock.json node_modules/made-from
"""


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """One whose npm installs nothing but a copy of the lock file, and remembers what it was asked."""
    npm = tmp_path / "npm"
    npm.write_text(NPM)
    npm.chmod(0o700)
    return Node(Path("/nowhere/node"), (str(npm),))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text("one")
    return folder


def asked(tmp_path: Path) -> list[str]:
    return (tmp_path / "asked").read_text().splitlines()


def test_it_is_installed_once_for_each_lock_file(tmp_path: Path, project: Path, node: Node) -> None:
    cache, told = tmp_path / "cache", []
    first = installed(project, node, cache, told.append)
    assert (first / "made-from").read_text() == "one"
    assert installed(project, node, cache, told.append) == first
    assert len(told) == len(asked(tmp_path)) == 1
    assert asked(tmp_path)[0].startswith("ci --ignore-scripts ")
    (project / "package-lock.json").write_text("two")
    second = installed(project, node, cache)
    assert (second / "made-from").read_text() == "two"
    assert (first / "made-from").read_text() == "one"
    assert (cache.stat().st_mode & 0o777) == 0o700


def test_several_at_once_install_it_once(tmp_path: Path, project: Path, node: Node) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(installed(project, node, tmp_path / "cache")))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    assert len(set(found)) == len(asked(tmp_path)) == 1


def test_what_a_killed_installation_left_is_removed_and_never_used(
    tmp_path: Path, project: Path, node: Node
) -> None:
    cache = tmp_path / "cache"
    name = installed(project, node, cache).parent.name
    (cache / name).rename(cache / f"{name}.new-abc")
    assert (installed(project, node, cache) / "made-from").exists()
    assert sorted(path.name for path in cache.iterdir()) == [name, f"{name}.lock"]


def test_an_installation_that_fails_leaves_nothing_that_would_be_used(
    tmp_path: Path, project: Path, node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "npm").write_text("#!/bin/sh\nmkdir node_modules\nexit 1\n")
    with pytest.raises(MigrateError, match="npm ci failed"):
        installed(project, node, tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
    (tmp_path / "npm").write_text(NPM)
    assert (installed(project, node, tmp_path / "cache") / "made-from").exists()


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path, project: Path, node: Node) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="not a directory") as caught:
        installed(project, node, tmp_path / "file" / "cache")
    assert "XDG_CACHE_HOME" in caught.value.hint


@pytest.mark.parametrize(("given", "expected"), [("/x", "/x"), ("relative", "~/.cache"), ("", "~/.cache")])
def test_it_is_where_the_users_caches_are(given: str, expected: str) -> None:
    base = Path(expected).expanduser()
    assert cache_folder({"XDG_CACHE_HOME": given}) == base / "kvferry" / "npm"
