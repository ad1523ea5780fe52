"""`kvferry plan` before objects behind a real bridge: what it finds, and that it leaves nothing behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.formats.report import validate
from tests.edge.edge import PREFIX, Edge
from tests.edge.site import Site
from tests.stores.durable_side import SHARDS, keys

SESSIONS = 40


@pytest.fixture(params=["keeping", "apart"])
def site(edge: Edge, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    site = Site(edge, tmp_path, request.param, SESSIONS)
    yield site
    site.bridge.set_world("")


@pytest.fixture
def keeping(edge: Edge, tmp_path: Path) -> Iterator[Site]:
    site = Site(edge, tmp_path, "keeping", SESSIONS)
    yield site
    site.bridge.set_world("")


def planned(site: Site, *more: str) -> dict[str, Any]:
    words = ("plan", "--source", "dump:sessions.ndjson", "--target", site.address, "--json", *more)
    done = site.run(*words)
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    validate(document, "plan")
    assert done.returncode == document["exit"], done.stderr
    return document


def check(document: dict[str, Any], name: str) -> list[tuple[str, str]]:
    return [(one["standing"], one["said"]) for one in document["checks"] if one["name"] == name]


def test_a_plan_finds_placement_prefix_keys_and_what_a_copy_takes(site: Site) -> None:
    document = planned(site)
    assert (document["verdict"], document["target"]) == ("ready", site.address)
    own = document["bridge"]["said"]["placement"]
    assert own in ("per-session", f"shards:{SHARDS}")
    assert document["bridge"]["said"]["prefix"] == PREFIX
    assert set(document["bridge"]["keys"]) == {"import", "values"}
    first, second = document["writing"]
    assert (first["placement"], first["asked"], second["asked"]) == (own, True, False)
    assert first["objects"] == (SESSIONS if own == "per-session" else SHARDS)
    exported = site.run(*document["next"].split()[1:])
    assert exported.returncode == 0, exported.stderr


def test_a_plan_says_what_is_there_and_how_far_the_export_is(site: Site) -> None:
    before = planned(site)
    assert check(before, "target")[0][1].endswith("not exported yet")
    site.call("00001", "deleteSession")
    site.call("00002", "putSession", {"userId": "newer"})
    assert site.report("export", "dump:sessions.ndjson", site.address)["exit"] == 0
    after = planned(site)
    ((standing, said),) = check(after, "target")
    assert standing == "ok"
    assert said.endswith("sweep 1 is complete")
    if after["bridge"]["said"]["placement"] == "per-session":
        assert "not known without asking every object" in said
        assert after["bridge"]["counted"] is False
    else:
        assert f"rows by origin: app 1, copy {SESSIONS - 2}, tombstones 1" in said


def test_a_plan_writes_nothing_into_the_objects(keeping: Site) -> None:
    planned(keeping)
    assert keeping.bridge.ask("checkpoint", {"prefix": "", "limit": 10})["notes"] == []
    assert set(keeping.bridge.ask("count", {"prefix": ""})["count"].values()) == {0}


def test_what_stands_in_the_way_is_found_before_the_copy_finds_it(keeping: Site) -> None:
    keeping.env[VARIABLE] = keys("values")
    document = planned(keeping)
    assert (document["verdict"], document["exit"]) == ("not ready", 1)
    assert check(document, "keys")[0] == (
        "failed",
        "there is none for import: an export writes nothing without one",
    )
    keeping.env[VARIABLE] = keys("import", "values", now=time.time() - 30 * 86_400)
    assert "has expired" in check(planned(keeping), "keys")[0][1]
    keeping.env[VARIABLE] = keys()
    strange = planned(keeping, "--prefix", "other:")
    assert check(strange, "prefix")[0][0] == "failed"


def test_a_bridge_that_refuses_or_is_none_fails_a_check_and_nothing_else(edge: Edge, tmp_path: Path) -> None:
    unset = Site(edge, tmp_path, "keeping", 1)
    unset.address = "do+" + edge.bridge("unset").url.rstrip("/")
    document = planned(unset)
    ((standing, said),) = check(document, "bridge")
    assert (standing, said != "", document["exit"]) == ("failed", True, 1)
    assert document["listing"]["keys"] == 1
    assert document["bridge"]["said"] is None
    unset.bridge.set_world("")
