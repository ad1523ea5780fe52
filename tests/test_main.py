from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
import pytest

from migrate.commands import status
from migrate.errors import Exit, LedgerError
from migrate.main import run

PLANTED = "spotify_session:planted-session-id"


class PlantedError(Exception):
    pass


def lookup() -> NoReturn:
    raise KeyError(PLANTED)


def bare() -> NoReturn:
    lookup()


def caused() -> NoReturn:
    try:
        lookup()
    except KeyError as error:
        raise PlantedError(f"no {PLANTED}") from error


def in_handling() -> NoReturn:
    try:
        lookup()
    except KeyError:
        raise PlantedError(PLANTED, PLANTED)  # noqa: B904


def hidden() -> NoReturn:
    try:
        lookup()
    except KeyError:
        raise PlantedError(PLANTED) from None


def grouped() -> NoReturn:
    raise ExceptionGroup(PLANTED, [KeyError(PLANTED)])


def noted() -> NoReturn:
    error = PlantedError()
    error.add_note(PLANTED)
    raise error


def circular() -> NoReturn:
    error = PlantedError(PLANTED)
    error.__cause__ = error
    raise error


def expected() -> NoReturn:
    try:
        lookup()
    except KeyError as error:
        raise LedgerError("the ledger is damaged", "move it away") from error


@pytest.fixture
def status_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    def replace(body: Callable[[], None]) -> None:
        @click.command("status")
        @click.option("--debug", is_flag=True)
        def command(debug: bool) -> None:
            body()

        monkeypatch.setattr(status, "command", command)

    return replace


@pytest.mark.parametrize(
    ("body", "names", "frames"),
    [
        (bare, ["builtins.KeyError"], 2),
        (caused, ["builtins.KeyError", "PlantedError"], 2),
        (in_handling, ["builtins.KeyError", "PlantedError"], 2),
        (hidden, ["PlantedError"], 1),
        (grouped, ["builtins.ExceptionGroup"], 1),
        (noted, ["PlantedError"], 1),
        (circular, ["PlantedError"], 1),
    ],
)
def test_debug_shows_where_a_defect_is_and_never_the_message(
    body: Callable[[], NoReturn],
    names: list[str],
    frames: int,
    status_is: Callable[[Callable[[], None]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    status_is(body)
    assert run(["status", "--debug"]) == Exit.UNFINISHED
    said = capsys.readouterr()
    assert "planted" not in said.out + said.err
    assert said.err.count("Traceback (most recent call last)") == len(names)
    for name in names:
        assert f"{name}: (its message is not shown)\n" in said.err
    assert f", in {body.__name__}\n" in said.err
    assert (", in lookup\n" in said.err) == (frames == 2)
    assert "a defect of kvferry" in said.err


def test_debug_shows_our_own_message_but_not_that_of_its_cause(
    status_is: Callable[[Callable[[], None]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    status_is(expected)
    assert run(["status", "--debug"]) == Exit.UNFINISHED
    said = capsys.readouterr().err
    assert "migrate.errors.LedgerError: the ledger is damaged\n" in said
    assert "which was the cause of:" in said
    assert "planted" not in said


@pytest.mark.parametrize("body", [bare, expected])
def test_without_debug_there_is_no_traceback(
    body: Callable[[], NoReturn],
    status_is: Callable[[Callable[[], None]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    status_is(body)
    assert run(["status"]) == Exit.UNFINISHED
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "planted" not in said


def interrupted_in_a_transaction() -> NoReturn:
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        try:
            lookup()
        except KeyError:
            raise LedgerError("the ledger is locked", "wait") from None


def test_an_error_on_the_way_out_of_an_interrupt_is_still_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = click.Command("status", callback=interrupted_in_a_transaction)
    monkeypatch.setattr(status, "command", command)
    assert run(["status"]) == Exit.INTERRUPTED
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "resumes"), [("export", True), ("audit", False)])
def test_only_what_can_be_resumed_is_said_to_resume(
    name: str, resumes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = click.Command(name, callback=lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(importlib.import_module(f"migrate.commands.{name}"), "command", command)
    assert run([name]) == Exit.INTERRUPTED
    assert ("resumes" in capsys.readouterr().err) is resumes


def test_a_terminal_that_is_not_utf_8_shows_what_it_can(tmp_path: Path) -> None:
    (tmp_path / "é.ts").write_text("export const f = (kv: KVNamespace) => kv.put('a', 'b');")
    words = [sys.executable, "-m", "migrate", "audit", str(tmp_path), "--no-cache", "--format", "concise"]
    done = subprocess.run(words, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == Exit.AGAINST
    assert done.stdout.startswith(b"?.ts:1:42: KV002 error ")


def test_the_package_itself_can_be_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "migrate", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("kvferry, version ")
