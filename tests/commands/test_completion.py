"""What real shells complete: bash, zsh and fish."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migrate.main import COMMANDS, run
from tests.commands.shells import find

ROOT = Path(__file__).parents[2]
SHELLS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}
READY = {
    "bash": "source ./script",
    "zsh": "autoload -Uz compinit && compinit -D -u && source ./script",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with `kvferry` on the path."""
    command = tmp_path / "bin" / "kvferry"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from migrate.main import main; main()" "$@"\n'
    )
    command.chmod(0o755)
    return tmp_path


def variables(home: Path) -> dict[str, str]:
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "TERM": "vt100",
        "LC_ALL": "C.UTF-8",
    } | {name: value for name, value in os.environ.items() if name in ("FPATH", "LD_LIBRARY_PATH")}


def script(home: Path, shell: str) -> None:
    done = subprocess.run(
        ["kvferry", "completion", shell], env=variables(home), capture_output=True, text=True, check=True
    )
    (home / "script").write_text(done.stdout)


class Terminal:
    """A shell at a terminal, into which something is typed."""

    def __init__(self, shell: str, home: Path) -> None:
        self._ours, theirs = pty.openpty()
        found = find(shell)
        self._process = subprocess.Popen(
            [found.binary, *SHELLS[shell]],
            cwd=home,
            env=variables(home) | found.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._seen = ""

    def type(self, text: str, until: str) -> str:
        """Type it, and return what is shown from then on until there is this."""
        self._seen = ""
        os.write(self._ours, text.encode())
        end = time.monotonic() + 30
        while until not in self._seen:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{until!r} does not come, but {self._seen!r}"
            self._seen += os.read(self._ours, 4096).decode(errors="replace")
        return self._seen

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_tab_completes_commands_options_and_doors(home: Path, shell: str) -> None:
    script(home, shell)
    with contextlib.closing(Terminal(shell, home)) as terminal:
        terminal.type(f"{READY[shell]}; PS1='rea''dy> '\n", "ready> ")
        for keys, line in (
            ("kvferry evid\texp\t--tar\t", "kvferry evidence export --target"),
            ("kvferry gate --for cl\t", "kvferry gate --for cleanup"),
            ("kvferry bridge che\t", "kvferry bridge check"),
        ):
            # to the beginning of the line, so that it is shown as it has become
            terminal.type(f"{keys}\x01echo \n", f"{line}\r\n")


def test_fish_completes_commands_options_and_doors_with_their_meaning(home: Path) -> None:
    script(home, "fish")
    fish, found = find("fish"), {}
    env = variables(home) | fish.environment
    for line in ("kvferry evid", "kvferry evidence export --tar", "kvferry gate --for "):
        words = [fish.binary, "--no-config", "-c", f"source ./script; complete -C '{line}'"]
        done = subprocess.run(
            words,
            cwd=home,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        found[line] = done.stdout.splitlines()
    [one] = found["kvferry evid"]
    assert one.startswith("evidence\t")
    assert COMMANDS["evidence"].startswith(one.removeprefix("evidence\t")), "up to a comma"
    assert [one.split("\t")[0] for one in found["kvferry evidence export --tar"]] == ["--target"]
    assert set(found["kvferry gate --for "]) == {"object-first", "object-only", "cleanup"}


def completed(home: Path, line: str) -> list[str]:
    """What bash is given for the last word of a line."""
    words = line.split(" ")
    env = variables(home) | {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_KVFERRY_COMPLETE": "bash_complete",
    }
    done = subprocess.run(["kvferry"], env=env, capture_output=True, text=True, check=True)
    return [one.split(",", 1)[1] for one in done.stdout.splitlines()]


def test_every_command_is_completed_without_being_imported(home: Path) -> None:
    assert completed(home, "kvferry ") == list(COMMANDS)
    assert completed(home, "kvferry config show g") == ["gate"]
    assert completed(home, "kvferry export --progress ") == ["auto", "plain", "json", "none"]
    code = (
        "import sys; from migrate.main import cli; import click;"
        "assert len(cli.shell_complete(click.Context(cli), '')) > 10;"
        "assert 'migrate.commands.export' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], env=variables(home), check=True)


def test_a_shell_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
