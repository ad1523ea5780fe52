"""Questions to git, which is told to run nothing that the checkout configures and to fetch nothing."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never")
_ENVIRONMENT = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_OF_HOOKS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}
"""What git tells its hooks, about the folder that they run in; we ask about another."""
_SECONDS = 60


class GitError(Exception):
    """Git is not there, or said no: its own words, on one line."""


def ask(folder: Path, *words: str) -> bytes:
    """What git answers about a folder; GitError when it does not."""
    try:
        done = subprocess.run(  # noqa: S603  # words of ours, and revisions behind --end-of-options
            _command(folder, words),
            capture_output=True,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git did not answer within {_SECONDS} seconds") from None
    except OSError as error:
        raise GitError(f"git cannot be run: {(error.strerror or 'error').lower()}") from None
    if done.returncode:
        said = [*done.stderr.decode("utf-8", "replace").strip().splitlines(), f"git {words[0]} failed"]
        fatal = next((line for line in said if line.startswith("fatal: ")), said[0])
        raise GitError(fatal.removeprefix("fatal: "))
    return done.stdout


def line(folder: Path, *words: str) -> str:
    """An answer that is one line; a path may hold bytes that are no UTF-8."""
    return os.fsdecode(ask(folder, *words)).rstrip("\n")


def blobs(folder: Path, names: Collection[str]) -> Iterator[bytes]:
    """The contents of objects, by their names, in this order; one at a time in memory. GitError when
    one of them is not here."""
    with tempfile.TemporaryFile() as asked:
        asked.writelines(f"{name}\n".encode() for name in names)
        asked.seek(0)
        with subprocess.Popen(  # noqa: S603  # words of ours
            _command(folder, ("cat-file", "--batch")),
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        ) as process:
            try:
                assert process.stdout is not None
                yield from (_content(process.stdout, name) for name in names)
            finally:
                process.kill()  # it has nothing left to do, or nobody listens to it any more


def _content(stream: IO[bytes], name: str) -> bytes:
    """The next answer of `cat-file --batch`: `NAME blob SIZE`, the content, and a line's end."""
    said = stream.readline().split()
    if len(said) != 3 or said[1] != b"blob":
        raise GitError(f"git has no object {name}")
    content = stream.read(int(said[2]))
    stream.read(1)
    return content


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OF_HOOKS} | _ENVIRONMENT


def _command(folder: Path, words: Iterable[str]) -> tuple[str, ...]:
    return ("git", "--no-optional-locks", *_SAFE, "-C", str(folder), *words)
