"""The whole command against everything that Cloudflare's API has been seen to do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fake_api import (
    Cut,
    Disorder,
    EmptyPage,
    Entry,
    FakeServer,
    Omit,
    RepeatCursor,
    Reply,
    Truncate,
    Verbatim,
    refuse_cursor,
)
from tests.fake_api.faults import Action, Rule
from tests.flows.shell import KV, PREFIX, kvferry, variables

WORDS = ("--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
COUNT = 2300

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(fake: FakeServer, tmp_path: Path) -> Run:
    until = 4_000_000_000
    fake.api.namespace.load(
        (f"{PREFIX}{number:04d}", Entry(b"v%d" % number, '{"m":1}', until + number))
        for number in range(COUNT)
    )

    def call(command: str, *more: str) -> tuple[int, dict[str, Any], str]:
        done = kvferry(command, *WORDS, *more, cwd=tmp_path, env=variables(fake))
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    return call


def held(folder: Path) -> list[tuple[str, bytes, str, int]]:
    with closing(sqlite3.connect(folder / "sessions.db")) as db:
        return db.execute("SELECT key, value, metadata, expiration FROM sessions ORDER BY key").fetchall()


def expected(fake: FakeServer) -> list[tuple[str, bytes, str | None, int | None]]:
    entries = fake.api.namespace.entries(fake.api.now())
    return [(key, one.value, one.metadata, one.expiration) for key, one in entries.items()]


SURVIVED: dict[str, list[tuple[Action, int]]] = {
    "list": [(EmptyPage(), 1), (EmptyPage(), 3), (refuse_cursor(), 4), (Cut(0.5), 5)],
    "bulk_get": [
        (Omit(3), 1),
        (Reply(500), 3),
        (Reply(200, 10001, "success is false"), 5),
        (Verbatim(), 7),
        (Truncate(0.7), 9),
        (Omit(100), 12),
    ],
}


@pytest.mark.parametrize("on", SURVIVED)
def test_nothing_is_lost_whatever_goes_wrong_on_the_way(
    fake: FakeServer, run: Run, tmp_path: Path, on: str
) -> None:
    def spoil() -> list[Rule]:
        return [fake.api.faults.add(fault, on=on, nth=(nth,)) for fault, nth in SURVIVED[on]]

    rules = spoil()
    code, document, _ = run("export")
    assert [rule.fired for rule in rules] == [1] * len(rules)
    assert (code, document["listed"], document["tally"]["copied"]) == (0, COUNT, COUNT)
    assert held(tmp_path) == expected(fake)
    rules = spoil()
    code, document, _ = run("verify")
    assert [rule.fired for rule in rules] == [1] * len(rules)
    assert (code, document["verdict"], document["compared"]) == (0, "clean", COUNT)


@pytest.mark.parametrize("command", ["export", "verify"])
@pytest.mark.parametrize("fault", [RepeatCursor(), Disorder()], ids=lambda one: type(one).__name__)
def test_a_broken_listing_is_said_to_be_one_and_never_a_loop_or_a_verdict(
    fake: FakeServer, run: Run, fault: Action, command: str
) -> None:
    assert run("export", "--limit", "50")[0] == 3
    fake.api.faults.add(fault, on="list")
    code, document, said = run(command)
    assert code == 3
    assert document.get("verdict", "unproven") == "unproven"
    assert "contract" in said


def test_pages_that_hold_only_the_dead_are_walked_through(fake: FakeServer, run: Run, tmp_path: Path) -> None:
    for number in range(2100):
        fake.api.namespace.delete(f"{PREFIX}{number:04d}")
    code, document, _ = run("export")
    assert (code, document["listed"]) == (0, 200)
    assert held(tmp_path) == expected(fake)
    assert run("export", "--settle", "0")[1]["tally"]["equal"] == 200
    assert run("verify")[1]["verdict"] == "clean"


def test_a_stale_value_is_copied_once_and_mended_by_the_next_sweep(
    fake: FakeServer, run: Run, tmp_path: Path
) -> None:
    old = Entry(b"stale", None, 4_100_000_000)
    fake.api.namespace.hold(f"{PREFIX}0007", old, reads=1)
    assert run("export")[0] == 0
    assert held(tmp_path)[7][1:] == (b"stale", None, 4_100_000_000)
    assert run("verify", "--settle", "0")[1]["against"] == 1
    fake.api.namespace.hold(f"{PREFIX}0009", old, reads=1)
    code, document, _ = run("export", "--settle", "0.1")
    assert (code, document["tally"]["updated"], document["tally"]["equal"]) == (0, 1, COUNT - 1)
    assert held(tmp_path) == expected(fake)
    fake.api.namespace.hold(f"{PREFIX}0011", old, reads=1)
    code, document, _ = run("verify", "--settle", "0.1")
    assert (code, document["verdict"], document["settling"]["healed"]) == (0, "clean", 1)
