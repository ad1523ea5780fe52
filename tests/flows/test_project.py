"""A project list, from the configuration to the reports: what it lets differ, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from migrate.core.comparing import Rules
from migrate.core.ports import EQUAL_BY_PROJECTION, LISTED, Outcome
from migrate.core.projecting import Projection
from migrate.stores.memory import MemoryStore
from migrate.stores.sqlite import SqliteSessions
from tests.flows.shell import kvferry
from tests.flows.world import FakeClock, Script, classes, key, nonzero, record, sweep, verify

WHY = "the class keeps it in a column"
FIELDS = [
    {"ignore": "/lastAccessed", "reason": WHY},
    {"rename": "/user_id", "to": "/userId", "reason": WHY},
]
LIST = Projection.parse(FIELDS)
WRITTEN = (
    f'[[project]]\nignore = "/lastAccessed"\nreason = "{WHY}"\n'
    f'[[project]]\nrename = "/user_id"\nto = "/userId"\nreason = "{WHY}"\n'
)


def session(user: int, seen: int) -> bytes:
    return b'{"user_id":%d,"lastAccessed":%d}' % (user, seen)


def decoded(user: int, seen: int) -> bytes:
    """The same, as a class gives it back that stores decoded fields."""
    return b'{"lastAccessed":%d,"userId":%d}' % (seen, user)


# ---------------------------------------------------------------- the flows


def test_a_later_sweep_leaves_alone_what_differs_in_named_fields_only(
    store: MemoryStore, clock: FakeClock
) -> None:
    assert sweep(Script.of([record(n, decoded(n, 0)) for n in range(4)]), store, clock).complete
    now = [*(record(n, session(n, 9)) for n in range(3)), record(3, session(4, 9))]
    done = sweep(Script.of(now), store, clock, projection=LIST)
    counts = {LISTED: 4, Outcome.EQUAL: 3, EQUAL_BY_PROJECTION: 3, Outcome.UPDATED: 1}
    assert nonzero(done.tally) == counts
    values = [row.value for row in store.rows([key(n) for n in range(4)]).values()]
    assert values == [decoded(0, 0), decoded(1, 0), decoded(2, 0), session(4, 9)]


def test_what_is_equal_by_the_list_is_not_waited_for(store: MemoryStore, clock: FakeClock) -> None:
    assert sweep(Script.of([record(0, decoded(0, 0))]), store, clock).complete
    sweep(Script.of([record(0, session(0, 9))]), store, clock, projection=LIST)
    assert clock.slept == []


def test_what_settles_into_an_equality_by_the_list_is_counted_as_one(
    store: MemoryStore, clock: FakeClock
) -> None:
    assert sweep(Script.of([record(0, decoded(7, 0))]), store, clock).complete
    source = Script.of([record(0, session(8, 1))])

    def heal() -> None:
        source.answers |= {key(0): record(0, session(7, 2))}

    clock.during = heal
    done = sweep(source, store, clock, projection=LIST)
    assert nonzero(done.tally) == {LISTED: 1, Outcome.EQUAL: 1, EQUAL_BY_PROJECTION: 1}


def test_a_verify_counts_apart_what_is_equal_only_by_the_list(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    rows = [decoded(0, 1), b'{"userId": 1}', b"not JSON", decoded(3, 1)]
    assert sweep(Script.of([record(n, one) for n, one in enumerate(rows)]), store, clock).complete
    now = [session(0, 2), b'{"userId":1}', b"not json", session(4, 2)]
    source = Script.of([record(n, one) for n, one in enumerate(now)])
    ended = verify(source, store, clock, ledger, rules=Rules(projection=LIST))
    assert (ended.exit, classes(ended)) == (1, {"same_json": 2, "value": 2})
    assert ended.document["equal_by_projection"] == 1


def test_what_heals_into_an_equality_by_the_list_is_counted_as_one(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    assert sweep(Script.of([record(0, decoded(7, 0))]), store, clock).complete
    source = Script.of([record(0, session(8, 1))])

    def heal() -> None:
        source.answers |= {key(0): record(0, session(7, 2))}

    clock.during = heal
    ended = verify(source, store, clock, ledger, rules=Rules(projection=LIST))
    assert (ended.exit, ended.document["verdict"], classes(ended)) == (0, "clean", {"same_json": 1})
    assert ended.document["classes"]["same_json"]["healed"] == 1
    assert ended.document["equal_by_projection"] == 1


# ---------------------------------------------------------------- the commands

STORES = ("--source", "dump:kv.ndjson", "--target", "sqlite:app.db", "--prefix", "s:")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """KV as a dump, and an application that keeps the same sessions decoded; the last one is changed."""
    lines = [{"key": f"s:{n}", "value": session(n, 1).decode()} for n in range(3)]
    (tmp_path / "kv.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    sessions = SqliteSessions(tmp_path / "app.db", origin="dual", prefix="s:")
    for number in range(3):
        sessions.put(str(number), json.loads(decoded(number if number < 2 else 9, 5)))
    sessions.close()
    return tmp_path


def ran(folder: Path, *words: str, code: int) -> Any:
    done = kvferry(*words, "--json", "--quiet", cwd=folder)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def values(document: Mapping[str, Any]) -> int:
    return int(document["classes"]["value"]["settled"])


def test_the_list_of_the_configuration_is_obeyed_and_shown_in_every_report(folder: Path) -> None:
    before = ran(folder, "verify", *STORES, code=1)
    assert (values(before), before["project"], before["equal_by_projection"]) == (3, [], 0)
    (folder / "kvferry.toml").write_text(WRITTEN)
    after = ran(folder, "verify", *STORES, "--output", "junit=v.xml", "--output", "text=v.txt", code=1)
    assert (values(after), after["project"], after["equal_by_projection"]) == (1, FIELDS, 2)
    assert after["classes"]["same_json"]["keys"] == 2
    assert after["configuration"] != before["configuration"]
    assert after["run"] != before["run"]
    exported = ran(folder, "export", *STORES, code=0)
    assert exported["project"] == FIELDS
    assert exported["configuration"] == after["configuration"]
    text = " ".join((folder / "v.txt").read_text().split())
    assert f"config {after['configuration']}" in text
    assert f"project /lastAccessed is ignored: {WHY}" in text
    assert f"project /user_id of the source is /userId of the target: {WHY}" in text
    assert "equal only by the project list 2: counted as same json" in text
    properties = ElementTree.parse(folder / "v.xml").iter("property")
    shown = {(one.get("name"), one.get("value")) for one in properties}
    assert ("configuration", after["configuration"]) in shown
    assert ("project", f"/lastAccessed is ignored: {WHY}") in shown
    assert ("equal_by_projection", "2") in shown


def test_the_next_command_names_the_configuration_that_held_the_list(folder: Path) -> None:
    (folder / "reviewed.toml").write_text(WRITTEN)
    document = ran(folder, "verify", *STORES, "--config", "reviewed.toml", code=1)
    assert document["project"] == FIELDS
    assert document["next"].startswith("kvferry export ")
    assert document["next"].endswith("--config reviewed.toml")


def test_bytes_cannot_count_while_fields_are_left_out(folder: Path) -> None:
    (folder / "kvferry.toml").write_text(WRITTEN)
    done = kvferry("verify", *STORES, "--exact", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--exact and the project list of the configuration exclude each other" in done.stderr


@pytest.mark.parametrize("command", ["export", "verify", "plan"])
def test_a_list_that_is_not_clear_stops_every_command(folder: Path, command: str) -> None:
    (folder / "kvferry.toml").write_text(WRITTEN + WRITTEN)
    done = kvferry(command, *STORES, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "project: two entries speak of /lastAccessed" in done.stderr
