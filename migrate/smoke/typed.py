"""The operator's own command: run without a shell, in time, and with nothing of what it says shown.

    COMMAND ── argument list ──▶ a process group of its own ── standard output ──▶ the session's id

It does not get the credentials of kvferry, and its output, which holds a session's id, stays in this process
unless it is asked for; then the id is replaced by its fingerprint.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

from migrate.errors import ConfigError, StoreUnavailable

TIMEOUT = 60.0
"""Seconds that a command may take."""

_STARTED = "is its path right, and may it be run?"

_LINGER = 2.0
"""Seconds for what is left in the pipes, where something that it started has left its group."""

_MOST = 1 << 20
"""Bytes of output that are looked at."""

_SECRETS = (
    "CLOUDFLARE_API_TOKEN",
    "CLOUDFLARE_API_KEY",
    "CF_API_TOKEN",
    "CF_API_KEY",
    "CLOUDFLARE_ACCESS_CLIENT_SECRET",
    "CF_ACCESS_CLIENT_SECRET",
    "KVFERRY_BRIDGE_TOKEN",
    "KVFERRY_BRIDGE_SECRET",
)
"""Variables that hold a secret of kvferry's; with their _FILE."""

_LONGEST = 512
"""Bytes of a key in KV."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command printed. It may hold a session's id. `problem`: why it is not to be believed."""

    out: str
    err: str
    problem: StoreUnavailable | None = None


def words_of(option: str, text: str) -> list[str]:
    """The argument list. Raises ConfigError, without repeating the text."""
    try:
        words = shlex.split(text)
    except ValueError:
        message = f"{option} has a quotation mark without its other half"
        raise ConfigError(message, "quote it as for a shell") from None
    if not words:
        raise ConfigError(f"{option} names no command", f'{option} "./login.sh"')
    return words


def check(option: str, words: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
    """Raise ConfigError when there is no such command: a login is not made when its logout cannot be."""
    name = words[0]
    path = str(cwd / name) if os.sep in name else name
    if shutil.which(path, path=environ.get("PATH")) is None:
        raise ConfigError(f"the command of {option} cannot be run", _STARTED)


def run(
    option: str, words: Sequence[str], cwd: Path, environ: Mapping[str, str], seconds: float, given: str = ""
) -> Printed:
    """Run it to its end. `given`: what it reads from its standard input.

    In the end all that it started is ended, also when it took too long. Raises ConfigError when there is no
    such command.
    """
    kept = {name: value for name, value in environ.items() if name.removesuffix("_FILE") not in _SECRETS}
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator typed it, and no shell reads it
            words,
            cwd=cwd,
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or "it cannot be run").lower()
        raise ConfigError(f"the command of {option} was not started: {why}", _STARTED) from None
    heard = _Heard(process)
    try:
        late = not heard.ended(given, seconds)
    finally:
        _end(process)
    out, err = heard.texts()
    problem = None
    if late:
        said = f"the command of {option} did not end within {seconds:g} s"
        problem = StoreUnavailable(said, "give it more with --timeout SECONDS")
    elif process.returncode:
        said = f"the command of {option} ended with {process.returncode}"
        problem = StoreUnavailable(said, "run it by itself, or see what it says with --show-output")
    return Printed(out, err, problem)


class _Heard:
    """What a process writes, up to a bound; what goes beyond it is read and dropped."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._kept = (bytearray(), bytearray())
        pipes = zip((process.stdout, process.stderr), self._kept, strict=True)
        self._threads = [threading.Thread(target=_drain, args=one, daemon=True) for one in pipes]

    def ended(self, given: str, seconds: float) -> bool:
        """Did it end within so many seconds?"""
        for thread in self._threads:
            thread.start()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it need not read what it is given
            self._process.stdin.write(given.encode())
            self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def texts(self) -> tuple[str, str]:
        """Standard output and standard error, once it and all that it started have ended."""
        for thread, stream in zip(self._threads, (self._process.stdout, self._process.stderr), strict=True):
            thread.join(_LINGER)
            if stream is not None and not thread.is_alive():
                stream.close()
        out, err = (bytes(one).decode(errors="replace") for one in self._kept)
        return out, err


def _drain(stream: IO[bytes], kept: bytearray) -> None:
    with contextlib.suppress(OSError, ValueError):  # closed, because its time was over
        while some := os.read(stream.fileno(), 65_536):
            kept += some[: _MOST - len(kept)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


# ---------------------------------------------------------------- the session's id


def session_of(printed: Printed, cookie: str | None) -> str:
    """The session's id: the value of a cookie in the headers that were printed, or all that was printed.

    Raises StoreUnavailable, which repeats nothing of it.
    """
    found = _cookie(printed.out, cookie) if cookie else printed.out.strip()
    if not found:
        what = f"no cookie {cookie} in a Set-Cookie header" if cookie else "nothing on standard output"
        hint = (
            "print the headers, as curl -si does"
            if cookie
            else "it must print the session's id, and only that"
        )
        raise StoreUnavailable(f"the login printed {what}", hint)
    if len(found.split()) != 1:
        hint = "let it print the session's id only, or pass --cookie NAME"
        raise StoreUnavailable("the login printed more than one word", hint)
    if len(found.encode()) > _LONGEST:
        raise StoreUnavailable("what the login printed is too long for a session's id", "pass --cookie NAME")
    return found


def hidden(text: str, session: str, name: str) -> Iterator[str]:
    """The lines of what was printed, with `name` for the session's id ("": it is not known), and without the
    value of any cookie."""
    for line in text.splitlines():
        for spelled in (session, quote(session), quote(session, safe="")) if session else ():
            line = line.replace(spelled, name)
        yield _veiled(line, name or "…")


_HEADER = re.compile(r"\b(set-cookie|cookie|authorization)\s*:", re.IGNORECASE)


def _veiled(line: str, name: str) -> str:
    """A header without what signs somebody in; also one that `curl -v` shows, behind < or >."""
    found = _HEADER.search(line)
    if found is None:
        return line
    head, value = line[: found.end()], line[found.end() :]
    if found[1].lower() == "authorization":
        return f"{head} {name}"
    only_first = int(found[1].lower() == "set-cookie")  # what follows are attributes, such as Path
    return head + re.sub(r"=[^;]*", f"={name}", value, count=only_first)


def _cookie(text: str, name: str) -> str:
    """The last value that is set for a cookie, "" when none is."""
    found = ""
    for line in text.splitlines():
        header, _, rest = line.partition(":")
        if header.strip().lower() != "set-cookie":
            continue
        key, equals, value = rest.partition(";")[0].partition("=")
        if equals and key.strip() == name:
            found = unquote(value.strip().strip('"'))
    return found
