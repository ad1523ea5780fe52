"""A shell in which the commands of a runbook are typed, line by line, as its reader would."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
SHIM = f"""#!/bin/sh
exec {sys.executable} -c 'from migrate.main import main; main()' "$@"
"""


def blocks(text: str, *languages: str) -> list[tuple[str, str]]:
    """The language and the text of each block that begins with one of these."""
    return [
        (language, body)
        for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        if language in languages
    ]


class Shell:
    """Type a line in bash: `(exit code, standard output, all output)`.

    `cd` and `export` hold for the next line. What a line leaves running is ended with the shell.
    """

    def __init__(self, folder: Path, **more: str) -> None:
        shim = folder / "bin" / "kvferry"
        shim.parent.mkdir()
        shim.write_text(SHIM)
        shim.chmod(0o755)
        self._folder = folder
        self._where = folder / "where"
        self._where.write_text(str(folder))
        self._exported = folder / "exported"
        self._exported.touch()
        somebody = {
            f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        self._environment = somebody | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{shim.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "WHERE": str(self._where),
            **more,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, line: str) -> tuple[int, str, str]:
        script = (
            f'. {self._exported}; cd "$(cat "$WHERE")"\n{line}\ncode=$?\n'
            f'pwd > "$WHERE"; export -p > {self._exported}; exit $code\n'
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stdout + done.stderr

    def left_behind(self) -> list[int]:
        """The processes of our own command that a line has started and that still run."""
        ours = f"WHERE={self._where}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                if b"migrate.main" in command and ours in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def close(self) -> None:
        """End them as their user would; each ends what it has started itself."""
        for number in self.left_behind():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while self.left_behind():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def type_page(page: Path, shell: Shell) -> None:
    """Type all of a page; each line must end, and each last line of a block write, as the page says."""
    told = ""
    for language, body in blocks(page.read_text(), "sh", "text"):
        if language == "text":
            assert told == body
            continue
        for line in body.splitlines():
            promised = re.search(r"# exit code (\d+)$", line)
            code, told, everything = shell(line)
            assert code == int(promised[1] if promised else 0), f"$ {line}\n{everything}"
