"""The copy into objects as its users run it: the commands, a dump, and Cloudflare's local runtime."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.bridge_keys import VARIABLE
from tests.edge.edge import SECRET, Edge
from tests.edge.site import SESSIONS, Site, counts
from tests.flows.shell import kvferry, variables
from tests.stores.durable_side import keys

KILLER = Path(__file__).parent / "killed.py"


@pytest.fixture
def site(edge: Edge, tmp_path: Path) -> Iterator[Site]:
    site = Site(edge, tmp_path)
    yield site
    site.bridge.set_world("")


def test_a_dump_is_copied_into_objects_verified_and_one_tampered_object_found(site: Site) -> None:
    copied = site.report("export", "dump:sessions.ndjson", site.address)
    assert (copied["exit"], counts(copied), copied["balanced"]) == (0, {"copied": SESSIONS}, True)
    assert site.call("00042", "getSession") == {"data": {"userId": "u42"}}
    verified = site.report("verify", "dump:sessions.ndjson", site.address)
    assert (verified["exit"], verified["compared"]) == (0, SESSIONS)
    assert site.back() == site.items
    again = site.report("export", "dump:sessions.ndjson", site.address)
    assert counts(again) == {"equal": SESSIONS}

    value = base64.b64encode(b'{"userId": "u43!"}').decode()
    site.call("00042", "plant", {"base64": value})
    found = site.report("verify", "dump:sessions.ndjson", site.address, "--fresh")
    assert (found["exit"], found["against"]) == (1, 1)
    assert [one["class"] for one in found["differences"]] == ["value"]


def test_a_dry_run_counts_and_stores_nothing(site: Site) -> None:
    rehearsed = site.report("export", "dump:sessions.ndjson", site.address, "--dry-run")
    assert (rehearsed["exit"], counts(rehearsed)) == (3, {"copied": SESSIONS})
    assert site.back() == []


@pytest.mark.parametrize(("moment", "number"), [("before", 3), ("after", 3), ("before", 4), ("after", 4)])
def test_an_exporter_that_is_killed_is_resumed_and_nothing_tells_the_difference(
    site: Site, moment: str, number: int
) -> None:
    words = ["export", "--source", "dump:sessions.ndjson", "--target", site.address, "--json"]
    killed = subprocess.run(
        [sys.executable, str(KILLER), moment, str(number), *words],
        cwd=site.folder,
        env=site.env,
        capture_output=True,
        timeout=60,
    )
    assert killed.returncode == -9, killed.stderr
    resumed = site.report("export", "dump:sessions.ndjson", site.address)
    assert (resumed["exit"], resumed["sweep"], resumed["balanced"]) == (0, 1, True)
    assert counts(resumed) == {"copied": SESSIONS}
    assert site.report("verify", "dump:sessions.ndjson", site.address)["exit"] == 0
    assert site.back() == site.items


def test_a_gates_verify_of_objects_puts_up_their_fence_and_an_export_lifts_it(site: Site) -> None:
    both = ("dump:sessions.ndjson", site.address)
    assert site.report("export", *both)["note"] == ""
    words = ("verify", "--source", both[0], "--target", both[1], "--fence")
    looking = kvferry(*words, cwd=site.folder, env=site.env | {VARIABLE: keys("verify")})
    assert (looking.returncode, "no key for import" in looking.stderr) == (2, True)
    assert site.fenced() is None
    first = site.report("verify", *both, "--fence")
    since = site.fenced()
    assert since is not None
    assert (first["exit"], first["compared"]) == (0, SESSIONS)
    assert first["note"].startswith("the fence has been up since ")
    assert 1.5 < first["started"]["unix"] - since < 60
    assert site.report("verify", *both, "--fence")["note"] == first["note"]
    assert site.fenced() == since
    met = site.report("export", *both)
    assert (met["exit"], met["note"].startswith("a gate's verify has begun, and since ")) == (0, True)
    assert site.report("export", *both, "--lift-fence")["note"] == ""
    assert site.fenced() is None


def test_the_keys_of_bridge_keys_open_the_bridge(site: Site) -> None:
    made = kvferry(
        *("bridge", "keys", ".", "--to", "made.keys"),
        cwd=site.folder,
        env=variables(KVFERRY_BRIDGE_SECRET=SECRET),
    )
    assert made.returncode == 0, made.stderr
    del site.env[VARIABLE]
    site.env[f"{VARIABLE}_FILE"] = "made.keys"
    done = kvferry(
        *("export", "--source", "dump:sessions.ndjson", "--target", site.address, "--limit", "1", "--json"),
        cwd=site.folder,
        env=site.env,
    )
    assert json.loads(done.stdout)["listed"] == 1, done.stderr


def test_without_keys_nothing_is_sent_and_the_variable_is_named(site: Site) -> None:
    site.env = variables()
    done = kvferry(
        "export", "--source", "dump:sessions.ndjson", "--target", site.address, cwd=site.folder, env=site.env
    )
    assert done.returncode == 2
    assert VARIABLE in done.stderr


def test_a_file_of_keys_that_others_may_read_is_said_and_used(site: Site) -> None:
    path = site.folder / "keys"
    path.write_text(site.env[VARIABLE])
    path.chmod(0o644)
    env = {name: value for name, value in site.env.items() if name != VARIABLE}
    env[f"{VARIABLE}_FILE"] = str(path)
    words = ("export", "--source", "dump:sessions.ndjson", "--target", site.address)
    done = kvferry(*words, cwd=site.folder, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"other users may read the keys of the bridge: chmod 600 {path}\n") == 1
