"""One object per session: the copy, and what only this placement can get wrong."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.edge import Edge
from tests.edge.listing import ACCOUNT, TOKEN, ObjectList, served
from tests.edge.site import Site, counts

SESSIONS = 60
KILLER = Path(__file__).parent / "killed.py"


@pytest.fixture
def objects(edge: Edge) -> ObjectList:
    return ObjectList(edge, "Apart", page=25, rough=True)


@pytest.fixture
def site(edge: Edge, tmp_path: Path, objects: ObjectList) -> Iterator[Site]:
    site = Site(edge, tmp_path, "apart", SESSIONS)
    with served(objects) as base:
        account = {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": TOKEN}
        site.env |= {"CLOUDFLARE_API_BASE_URL": base, **account}
        yield site
    site.bridge.set_world("")


def test_every_session_gets_an_object_of_its_own_name(site: Site) -> None:
    site.call("00007", "deleteSession")
    site.call("00008", "putSession", {"userId": "newer"})
    copied = site.report("export", "dump:sessions.ndjson", site.address)
    assert (copied["exit"], copied["balanced"]) == (0, True)
    assert counts(copied) == {"copied": SESSIONS - 2, "tombstoned": 1, "newer_here": 1}
    assert site.call("00042", "getSession") == {"data": {"userId": "u42"}}
    assert site.call("00007", "getSession") is None
    assert site.call("00008", "getSession") == {"data": {"userId": "newer"}}
    again = site.report("export", "dump:sessions.ndjson", site.address)
    assert counts(again) == {"equal": SESSIONS - 2, "tombstoned": 1, "newer_here": 1}


def test_what_was_copied_is_verified_and_comes_back_in_order(site: Site, objects: ObjectList) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    assert objects.requests == [], "a first sweep needs no list"
    verified = site.report("verify", "dump:sessions.ndjson", site.address)
    assert (verified["exit"], verified["compared"], verified["target_rows"]) == (0, SESSIONS, SESSIONS)
    assert verified["requests"]["object lists"] > 2
    assert site.back() == site.items
    site.call("00007", "putSession", {"userId": "another"})
    site.call("00008", "deleteSession")
    site.call("extra", "putSession", {"userId": "extra"})
    found = site.report("verify", "dump:sessions.ndjson", site.address, "--fresh")
    classes = {name: one["keys"] for name, one in found["classes"].items() if one["keys"]}
    assert classes == {"equal": SESSIONS - 2, "newer_in_target": 1, "tombstoned": 1, "extra_app": 1}


def test_without_an_account_the_objects_cannot_be_listed_and_it_says_so(site: Site) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    del site.env["CLOUDFLARE_ACCOUNT_ID"]
    words = ("verify", "--source", "dump:sessions.ndjson", "--target", site.address)
    done = site.run(*words)
    assert done.returncode == 2
    assert "CLOUDFLARE_ACCOUNT_ID" in done.stderr


def test_objects_that_are_no_sessions_are_counted_and_leave_the_verify_unproven(
    site: Site, objects: ObjectList
) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    for name in ("admin:stats", "admin:flags"):
        site.edge.call("APART", site.world + name, "scribble", 1)
    site.call("never-seen", "getSession")
    site.edge.call("APART", site.world + "cleared", "scribble", 0)
    words = ("verify", "dump:sessions.ndjson", site.address)
    found = site.report(*words)
    assert (found["exit"], found["verdict"], found["against"]) == (3, "unproven", 0)
    assert found["unproven_because"] == ["2 objects of the class hold something under no session's name"]
    assert [found["classes"][name]["keys"] for name in ("unnamed", "empty", "ignored")] == [2, 2, 0]
    assert found["compared"] == SESSIONS
    accepted = site.report(*words, "--ignore", "unnamed")
    assert (accepted["exit"], accepted["classes"]["unnamed"]["keys"]) == (0, 2)
    assert accepted["ignored"] == ["unnamed"]
    back = site.report("export", site.address, "dump:back.ndjson")
    assert (back["exit"], back["objects"]) == (0, {"unnamed": 2, "empty": 2})
    assert "2 objects" in back["note"]


def test_names_that_are_ignored_are_neither_copied_nor_compared_and_are_counted(site: Site) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    for name in ("admin:1", "admin:2"):
        site.call(name, "putSession", {"userId": "planted"}, {"origin": "dual"})
    words = ("verify", "dump:sessions.ndjson", site.address)
    assert site.report(*words)["against"] == 2
    found = site.report(*words, "--ignore-names", "admin:*", "--ignore-names", "0000[01]")
    assert (found["exit"], found["compared"], found["classes"]["ignored"]["keys"]) == (0, SESSIONS - 2, 4)
    assert found["ignored_names"] == ["admin:*", "0000[01]"]
    back = site.report("export", site.address, "dump:back.ndjson", "--ignore-names", "admin:*")
    assert counts(back) == {"copied": SESSIONS, "ignored": 2}
    assert (back["balanced"], back["ignored_names"]) == (True, ["admin:*"])
    assert "--ignore-names 'admin:*'" in back["next"]
    assert len((site.folder / "back.ndjson").read_text().splitlines()) == SESSIONS


def test_a_configuration_names_what_is_ignored_and_where_objects_are_made(site: Site) -> None:
    (site.folder / "kvferry.toml").write_text('ignore-names = "0000*"\n[export]\nlocation-hint = "oc"\n')
    site.bridge.hints()
    copied = site.report("export", "dump:sessions.ndjson", site.address)
    assert counts(copied) == {"copied": SESSIONS - 10, "ignored": 10}
    assert "oc" in site.bridge.hints()
    site.bridge.hints()
    site.report("export", "dump:sessions.ndjson", site.address, "--location-hint", "weur", "--fresh")
    assert {"weur", None} >= set(site.bridge.hints()) > {None}
    verified = site.report("verify", "dump:sessions.ndjson", site.address)
    assert (verified["exit"], verified["classes"]["ignored"]["keys"]) == (0, 10)


def test_a_location_hint_is_for_objects_only(site: Site) -> None:
    words = ("--source", "dump:sessions.ndjson", "--target", "sqlite:x.db", "--location-hint", "me")
    done = site.run("export", *words)
    assert done.returncode == 2
    assert "--location-hint" in done.stderr


def test_a_later_sweep_finds_rows_that_the_source_lacks(site: Site) -> None:
    """The list is made once for a sweep, not once for each of its pages."""
    site.report("export", "dump:sessions.ndjson", site.address)
    source = site.report("export", site.address, "sqlite:back.db")
    assert counts(source) == {"copied": SESSIONS}
    site.call("00007", "putSession", {"userId": "newer"})
    site.call("00008", "deleteSession")
    again = site.report("export", site.address, "sqlite:back.db", "--sweeps", "2")
    assert (again["exit"], again["deleted_at_source"]) == (0, 1)


def test_the_wrong_class_is_noticed_before_its_empty_list_is_believed(
    site: Site, objects: ObjectList
) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    objects.hidden = set(objects.ids())
    done = site.run("export", "--source", site.address, "--target", "dump:back.ndjson")
    assert done.returncode == 2
    assert "KVFERRY_SCRIPT" in done.stderr
    assert not (site.folder / "back.ndjson").exists()


@pytest.mark.parametrize(("moment", "number"), [("before", 3), ("after", 3)])
def test_an_exporter_that_is_killed_is_resumed_and_counts_no_session_twice(
    site: Site, moment: str, number: int
) -> None:
    words = ["export", "--source", "dump:sessions.ndjson", "--target", site.address, "--json"]
    command = [sys.executable, str(KILLER), moment, str(number), *words]
    killed = subprocess.run(command, cwd=site.folder, env=site.env, capture_output=True, timeout=60)
    assert killed.returncode == -9, killed.stderr
    resumed = site.report("export", "dump:sessions.ndjson", site.address)
    assert (resumed["exit"], resumed["sweep"], counts(resumed)) == (0, 1, {"copied": SESSIONS})
    assert site.report("verify", "dump:sessions.ndjson", site.address)["exit"] == 0
    assert site.back() == site.items


def test_a_dry_run_stores_nothing(site: Site) -> None:
    rehearsed = site.report("export", "dump:sessions.ndjson", site.address, "--dry-run")
    assert (rehearsed["exit"], counts(rehearsed)) == (3, {"copied": SESSIONS})
    assert site.back() == []


def test_several_prefixes_are_one_list_and_its_objects_are_counted_once(
    site: Site, objects: ObjectList
) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    site.edge.call("APART", site.world + "admin:stats", "scribble", 1)
    prefixes = [f"spotify_session:000{number}" for number in range(3)]
    objects.requests.clear()
    options = itertools.chain.from_iterable(("--prefix", prefix) for prefix in prefixes)
    found = site.report("verify", "dump:sessions.ndjson", site.address, "--ignore", "unnamed", *options)
    assert (found["exit"], found["compared"], found["classes"]["unnamed"]["keys"]) == (0, 30, 1)
    assert sum(path.endswith("/namespaces") for path in objects.requests) == 2, "two pages, once"


def test_a_token_that_may_not_list_objects_is_told_what_it_lacks(site: Site) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    site.env["CLOUDFLARE_API_TOKEN"] = "planted-token-of-somebody-else"
    done = site.run("verify", "--source", "dump:sessions.ndjson", "--target", site.address)
    assert done.returncode == 2
    assert "Workers Scripts Read" in done.stderr
    assert "planted" not in done.stderr


def test_the_local_runtimes_own_list_is_read_and_nothing_leans_on_its_names(
    edge: Edge, tmp_path: Path
) -> None:
    site = Site(edge, tmp_path, "explored", 15)
    site.report("export", "dump:sessions.ndjson", site.address)
    site.edge.call("EXPLORED", site.world + "admin:stats", "scribble", 1)
    words = ("verify", "dump:sessions.ndjson", site.address, "--ignore", "unnamed")
    elsewhere = site.run("verify", "--source", words[1], "--target", site.address)
    assert elsewhere.returncode == 3
    assert "CLOUDFLARE_API_BASE_URL" in elsewhere.stderr
    listed = edge.http.get(f"{edge.explorer}/workers/durable_objects/namespaces/application-Explored/objects")
    assert site.world + "00007" in [one["name"] for one in listed.json()["result"]], "here they have names"
    site.env["CLOUDFLARE_API_BASE_URL"] = edge.explorer
    found = site.report(*words)
    assert (found["exit"], found["compared"], found["classes"]["unnamed"]["keys"]) == (0, 15, 1)
    site.bridge.set_world("")
