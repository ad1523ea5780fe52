import os
import stat
from pathlib import Path

import pytest

from migrate.errors import ConfigError, MigrateError
from migrate.local_runtime import find_node
from migrate.local_runtime import node as module


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where PyPI's package is not installed."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def node_that_says(folder: Path, version: str, binary: str = "/opt/node") -> None:
    program(folder / "node", f"""echo '["{binary}", "{version}"]'""")


def test_the_real_binary_of_pypis_package_comes_first() -> None:
    with find_node({"PATH": ""}).binary.open("rb") as file:
        assert file.read(4) in (b"\x7fELF", b"\xcf\xfa\xed\xfe")


@pytest.mark.usefixtures("alone")
def test_else_it_is_the_binary_behind_the_one_on_path(tmp_path: Path) -> None:
    node_that_says(tmp_path, "22.0.0", "/opt/real/node")
    npm = program(tmp_path / "npm", "true")
    found = find_node({"PATH": str(tmp_path)})
    assert (found.binary, found.npm) == (Path("/opt/real/node"), (str(npm),))


@pytest.mark.usefixtures("alone")
def test_without_one_that_is_new_enough_it_says_how_to_get_one(tmp_path: Path) -> None:
    empty, old, broken, lonely = (tmp_path / name for name in ("empty", "old", "broken", "lonely"))
    node_that_says(old.mkdir() or old, "20.20.2")
    program(broken / "node", "exit 1")
    node_that_says(lonely.mkdir() or lonely, "24.1.0")
    for folder, word in [
        (empty, "no Node.js"),
        (old, "20.20.2, which is too old"),
        (broken, "run"),
        (lonely, "npm"),
    ]:
        with pytest.raises(ConfigError, match=word) as caught:
            find_node({"PATH": str(folder)})
        assert "pip install 'kvferry[edge]'" in caught.value.hint


def test_npm_that_fails_is_an_error_with_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    npm = program(tmp_path / "npm", "echo because >&2; exit 7")
    node = module.Node(Path("/opt/node"), (str(npm),))
    with pytest.raises(MigrateError, match=r"npm ci failed \(exit code 7\)"):
        node.run_npm(tmp_path, "ci")
    assert capsys.readouterr().err == "because\n"


def test_npm_finds_the_same_node_first(tmp_path: Path) -> None:
    npm = program(tmp_path / "npm", 'echo "$PATH" > path')
    module.Node(Path("/opt/bin/node"), (str(npm),)).run_npm(tmp_path, "ci")
    assert (tmp_path / "path").read_text().split(os.pathsep)[0] == "/opt/bin"
