"""The commands of the runbooks, typed in their order, with the output and the exit codes that they promise.

A block that begins with ```sh is typed line by line, in one folder; `# exit code N` says what a line ends
with, 0 where nothing is said. A ```text block behind it is what its last line writes to standard output.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.bridging.checking import PROBLEM_CHECKS
from migrate.config import load
from tests.action.runner import action

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted(ROOT.glob("runbooks/*.md"))
SHIM = f"""#!/bin/sh
exec {sys.executable} -c 'from migrate.main import main; main()' "$@"
"""
BRIDGE = (ROOT / "runbooks" / "bridge.md").read_text()
CI = (ROOT / "runbooks" / "audit-in-ci.md").read_text()


def blocks(text: str, *languages: str) -> list[tuple[str, str]]:
    return [
        (language, body)
        for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        if language in languages
    ]


@pytest.fixture
def shell(tmp_path):
    """Type a line in bash: `(exit code, standard output, all output)`; `cd` holds for the next line."""
    shim = tmp_path / "bin" / "kvferry"
    shim.parent.mkdir()
    shim.write_text(SHIM)
    shim.chmod(0o755)
    where = tmp_path / "where"
    where.write_text(str(tmp_path))
    somebody = {
        f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = somebody | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(tmp_path / "home"),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "WHERE": str(where),
    }

    def typed(line: str) -> tuple[int, str, str]:
        script = f'cd "$(cat "$WHERE")"\n{line}\ncode=$?\npwd > "$WHERE"\nexit $code\n'
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stdout + done.stderr

    return typed


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)
def test_every_command_ends_as_the_runbook_says(page, shell):
    told = ""
    for language, body in blocks(page.read_text(), "sh", "text"):
        if language == "text":
            assert told == body
            continue
        for line in body.splitlines():
            promised = re.search(r"# exit code (\d+)$", line)
            code, told, everything = shell(line)
            assert code == int(promised[1] if promised else 0), f"$ {line}\n{everything}"


def test_a_line_that_ended_otherwise_would_be_seen(shell):
    assert shell("kvferry audit")[0] == 3
    assert shell("mkdir here && cd here")[0] == 0
    assert shell("pwd")[1].endswith("/here\n")


def test_every_check_of_a_bridge_is_in_its_runbook():
    named = re.findall(r"^\| (\w+) \| (?!what to do)", BRIDGE.split("| check |")[1], re.MULTILINE)
    source = "".join(path.read_text() for path in ROOT.glob("migrate/bridging/*.py"))
    yielded = re.findall(r'\b(?:ok|failed|Check)\(\s*"(\w+)"', source)
    assert set(named) == {*yielded, *PROBLEM_CHECKS.values()}


def test_every_exit_code_of_an_audit_is_in_its_runbook():
    assert re.findall(r"^\| (\d) \|", CI, re.MULTILINE) == ["0", "1", "2", "3"]


def test_every_input_of_the_action_is_in_its_runbook_and_every_one_in_it_exists():
    (row,) = re.findall(r"\| input \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)", CI)
    named = [name for line in row.splitlines() for name in re.findall(r"`([\w-]+)`", line.split("|")[1])]
    assert sorted(named) == sorted(action()["inputs"])


def test_its_configuration_is_one(tmp_path):
    for _, body in blocks(CI, "toml"):
        (tmp_path / "kvferry.toml").write_text(body)
        assert load(None, tmp_path)["audit"]
