"""Objects compared by digests: what a key for verify alone, or for import alone, is enough for."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE, Scope
from migrate.core.ports import LISTED, Outcome
from migrate.core.record import NEVER, holds
from migrate.stores.durable import DurableHolder, DurableTarget
from tests.edge.edge import Edge, object_hash
from tests.edge.site import Site
from tests.flows.test_sweeps import CHANGES
from tests.flows.world import FakeClock, Script, key, record, sweep
from tests.stores.durable_side import SHARDS, DurableSide, keys

SESSIONS = 300
MANY = [record(number, b"v%d" % number) for number in range(12)]
LACKING = {"keys": 1, "missing": f"a key for values in {VARIABLE}"}


@pytest.fixture
def site(edge: Edge, tmp_path: Path) -> Iterator[Site]:
    site = Site(edge, tmp_path, sessions=SESSIONS)
    site.env[VARIABLE] = keys("import")
    assert site.report("export", "dump:sessions.ndjson", site.address)["exit"] == 0
    site.env[VARIABLE] = keys("verify")
    yield site
    site.bridge.set_world("")


def verify(site: Site, *more: str) -> dict[str, Any]:
    return site.report("verify", "dump:sessions.ndjson", site.address, "--fresh", *more)


def plant(site: Site, session: str, value: bytes) -> None:
    """Change what is stored behind the session class's back."""
    site.call(session, "plant", {"base64": base64.b64encode(value).decode()})


def test_a_key_for_verify_proves_a_copy_and_finds_what_was_tampered_with(site: Site) -> None:
    clean = verify(site)
    assert (clean["exit"], clean["proofs"]) == (0, {"bytes": 0, "digest": SESSIONS, "listing": 0})
    plant(site, "00042", b'{"userId": "u43"}')
    found = verify(site)
    assert (found["exit"], found["classes"]["value"]["settled"], found["against"]) == (1, 1, 1)
    assert found["json_not_compared"] == LACKING
    said = site.run("verify", "--source", "dump:sessions.ndjson", "--target", site.address, "--settle", "0")
    assert f"give a key for values in {VARIABLE} to find out" in said.stdout


def test_with_a_key_for_values_as_well_json_is_compared_where_bytes_differ(site: Site) -> None:
    plant(site, "00042", b'{ "userId":\t"u42" }')
    plant(site, "00048", b'{ "userId":\t"u42" }')
    assert verify(site)["classes"]["value"]["settled"] == 2
    site.env[VARIABLE] = keys("verify", "values")
    found = verify(site)
    assert (found["exit"], found["against"]) == (1, 1)
    assert {name: one["keys"] for name, one in found["classes"].items() if one["keys"]} == {
        "equal": SESSIONS - 2,
        "same_json": 1,
        "value": 1,
    }
    assert (found["proofs"], found["json_not_compared"]) == (
        {"bytes": 2, "digest": SESSIONS - 2, "listing": 0},
        None,
    )
    exact = verify(site, "--exact")
    assert (exact["against"], exact["proofs"]) == (2, {"bytes": 0, "digest": SESSIONS, "listing": 0})


def test_a_project_list_needs_the_values_that_it_is_applied_to(site: Site) -> None:
    plant(site, "00042", b'{"userId": "u42", "seen": 1}')
    listed = '[[project]]\nignore = "/seen"\nreason = "every read sets it"\n'
    (site.folder / "kvferry.toml").write_text(listed)
    done = site.run("verify", "--source", "dump:sessions.ndjson", "--target", site.address)
    assert (done.returncode, "no key for values" in done.stderr) == (2, True)
    site.env[VARIABLE] = keys("values")
    found = verify(site)
    assert (found["exit"], found["equal_by_projection"]) == (0, 1)
    assert found["proofs"] == {"bytes": SESSIONS, "digest": 0, "listing": 0}


def test_a_rehearsal_of_a_copy_needs_no_more_than_to_see(site: Site) -> None:
    rehearsed = site.report("export", "dump:sessions.ndjson", site.address, "--dry-run", "--fresh")
    assert {name: count for name, count in rehearsed["tally"].items() if count} == {"equal": SESSIONS}


def test_a_key_for_verify_neither_imports_nor_copies_values_out(site: Site) -> None:
    for words in (
        ("export", "--source", "dump:sessions.ndjson", "--target", site.address),
        ("export", "--source", site.address, "--target", "dump:out.ndjson"),
    ):
        done = site.run(*words)
        assert done.returncode == 2
        assert "there is no key for" in done.stderr
        assert "objects needs one" in done.stderr
    assert not (site.folder / "out.ndjson").exists()


# ---------------------------------------------------------------- sweeps with a key for import only


@pytest.fixture
def side(edge: Edge) -> Iterator[DurableSide]:
    side = DurableSide(edge, FakeClock())  # type: ignore[arg-type]
    yield side
    side.close()


@pytest.mark.parametrize("changed", CHANGES)
def test_a_later_sweep_needs_no_key_but_the_one_for_import(side: DurableSide, changed: Any) -> None:
    clock = side.clock
    with (
        closing(DurableTarget(side.connection("import"), clock=clock)) as target,
        closing(DurableHolder(side.connection("values"), values=True)) as seen,
    ):
        assert sweep(Script.of(MANY), target, clock).tally == Counter({LISTED: 12, Outcome.COPIED: 12})
        done = sweep(Script.of([*MANY[:3], changed, *MANY[4:]]), target, clock)
        assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 11, Outcome.UPDATED: 1})
        row = seen.rows([key(3)])[key(3)]
        assert (row.value, row.expiration, row.version) == (changed.value, changed.expiration, 2)


def test_a_later_sweep_keeps_what_the_application_wrote_and_deleted(side: DurableSide) -> None:
    clock = side.clock
    with closing(DurableTarget(side.connection("import"), clock=clock)) as target:
        sweep(Script.of(MANY), target, clock)
        side.put(record(3, b"newer", None, NEVER), "app")
        side.delete(key(4))
        done = sweep(Script.of(MANY), target, clock)
        expected = {Outcome.EQUAL: 10, Outcome.NEWER: 1, Outcome.TOMBSTONED: 1}
        assert done.tally == Counter({LISTED: 12, **expected})


# ---------------------------------------------------------------- objects with large values


def test_digests_of_large_values_come_a_few_at_a_time(side: DurableSide) -> None:
    names = [name for name in map(str, range(10, 99)) if object_hash(f"s:{name}") % SHARDS == 1][:10]
    large = [record(name, name.encode() * 950_000) for name in names]
    with closing(DurableTarget(side.connection("import"), clock=side.clock)) as target:
        sweep(Script.of(large, width=10), target, side.clock)
        held = {row.key: row for row in target.rows_between("s:", None, None)}
        assert held == target.rows([one.key for one in large])
        assert all(holds(held[one.key].value, one.value) for one in large)
    asked = {"shard": 1, "prefix": "s:", "after": None, "upto": None, "limit": 10, "live": False}
    with closing(side.connection("verify")) as bridge:
        answer = bridge.ask("scan", Scope.VERIFY, {**asked, "values": False})
    assert (len(answer["rows"]), answer["more"]) == (8, True), "a Worker has no room for more of them at once"
