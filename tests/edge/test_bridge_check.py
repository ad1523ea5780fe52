"""`kvferry bridge check` against real bridges, their classes and clocks, and a fake of Cloudflare's API."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.bridging import asking
from migrate.bridging.application import find_application
from migrate.bridging.asking import Asked
from migrate.bridging.creating import create
from migrate.bridging.project import BridgeProject
from migrate.clock import SystemClock
from migrate.formats.report import validate
from tests.bridging.projects import application
from tests.edge.edge import PREFIX, SECRET, Bridge, Edge, mint, valid_key
from tests.edge.sending import fresh
from tests.fake_api import ACCOUNT, TOKEN, FakeServer
from tests.flows.shell import kvferry, variables

CONFIG = """
name = "application"
durable_objects.bindings = [{ name = "USER_SESSIONS", class_name = "UserSessions" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["UserSessions"] }]
"""
NAME = "application-kvferry-bridge"


@pytest.fixture
def bridge(edge: Edge) -> Iterator[Bridge]:
    """With a fresh world; clock and limits are real again afterwards."""
    bridge = edge.bridge("checked")
    bridge.set_world(fresh("world") + "/")
    yield bridge
    bridge.set_world("")
    bridge.set_clock(None)
    bridge.set_budget(None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bridge's folder, with the secret of the bridges in it."""
    shop = application(tmp_path, CONFIG)
    found = find_application(shop, None, None)
    project = BridgeProject(NAME, found.script, found.class_name)
    create(tmp_path / "bridge", project, shop, force=False, dry_run=False)
    (tmp_path / "bridge" / ".dev.vars").write_text(f"KVFERRY_BRIDGE_SECRET={SECRET}\n")
    return tmp_path / "bridge"


def run(bridge: Bridge, cwd: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command, as a process."""
    done = kvferry("bridge", "check", bridge.url.rstrip("/"), *words, cwd=cwd, env=variables(**env))
    assert SECRET not in done.stdout + done.stderr
    assert "kvf1" not in done.stdout + done.stderr
    return done


def check(bridge: Bridge, cwd: Path, folder: Path | None = None, **env: str) -> dict[str, Any]:
    """What it writes as JSON, without the process."""
    clock = SystemClock()
    ended = asking.check(Asked(bridge.url.rstrip("/"), folder, env, cwd, clock))
    clock.stop()
    validate(ended.document, "bridge-check")
    assert ended.exit == ended.document["exit"]
    assert ended.error is None
    text = json.dumps(ended.document)
    assert SECRET not in text
    assert "kvf1" not in text
    return ended.document


def failed(document: dict[str, Any]) -> dict[str, str]:
    """The checks that failed, each with its remedy."""
    found = {one["name"]: one["todo"] for one in document["checks"] if one["standing"] == "failed"}
    assert all(found.values()), "a check has failed and names no remedy"
    return found


def test_a_bridge_that_is_well_is_ready_and_says_what_it_reaches(bridge: Bridge, folder: Path) -> None:
    found = check(bridge, folder, folder)
    assert failed(found) == {}
    assert (found["verdict"], found["exit"]) == ("ready", 0)
    assert (found["bridge"], found["script"], found["class"]) == (NAME, "application", "UserSessions")
    assert (found["placement"], found["prefix"], found["namespace"]) == ("per-session", PREFIX, None)
    assert found["limits"]["measured"] == {"records": 1000, "calls": 1002, "body_bytes": 8_388_608}
    assert abs(found["clocks"]["bridge_ahead_seconds"]) < 2


def test_the_text_says_the_same_for_people(bridge: Bridge, folder: Path) -> None:
    done = run(bridge, folder, "--dir", ".")
    assert done.returncode == 0
    assert done.stdout.startswith("bridge check, ready: nothing stands in the way\n")
    for line in ("script       application", "class        UserSessions", "placement    per-session"):
        assert line in done.stdout


def test_it_writes_nothing(edge: Edge, folder: Path) -> None:
    bridge = edge.bridge("looked-into")
    world = fresh("world") + "/"
    bridge.set_world(world)
    check(bridge, folder, KVFERRY_BRIDGE_SECRET=SECRET)
    never = edge.call("LOOKED_INTO", "never", "look")
    assert edge.call("LOOKED_INTO", world + "kvferry:book", "look") == never


def test_every_key_at_hand_is_tried(bridge: Bridge, folder: Path) -> None:
    now = time.time()
    wrong = mint("values", now, now + 60, "another-secret-of-at-least-32-characters")
    expired = mint("import", now - 120, now - 60)
    keys = f"{valid_key('verify')} {wrong} {expired}"
    found = check(bridge, folder, folder, **{VARIABLE: keys})
    said = [one["said"] for one in found["checks"] if one["name"] == "authentication"]
    assert found["exit"] == 1
    assert ["the key for import has expired" in one for one in said].count(True) == 1
    assert ["the key for values is refused" in one for one in said].count(True) == 1
    assert ["the key for verify is taken" in one for one in said].count(True) == 1
    assert found["limits"]["measured"]["records"] == 1000


def test_another_secret_than_the_bridges_is_told_with_the_way_out(bridge: Bridge, folder: Path) -> None:
    found = check(bridge, folder, KVFERRY_BRIDGE_SECRET="x" * 40)
    assert set(failed(found)) == {"authentication"}
    assert "put the secret of .dev.vars again" in failed(found)["authentication"]
    assert found["limits"] is None


@pytest.mark.parametrize(("ahead", "standing"), [(90, "failed"), (-90, "failed"), (30, "note")])
def test_a_bridge_whose_clock_is_wrong(bridge: Bridge, folder: Path, ahead: int, standing: str) -> None:
    bridge.set_clock(time.time() + ahead)
    found = check(bridge, folder, folder)
    (clock,) = [one for one in found["checks"] if one["name"] == "clocks"]
    assert clock["standing"] == standing
    assert ("ahead of" if ahead > 0 else "behind") in clock["said"]
    assert abs(found["clocks"]["bridge_ahead_seconds"] - ahead) < 10


def test_objects_whose_clock_is_wrong(edge: Edge, bridge: Bridge, folder: Path) -> None:
    edge.set_clock(time.time() - 500)
    found = check(bridge, folder, folder)
    (clock,) = [one for one in found["checks"] if one["name"] == "clocks"]
    assert clock["said"].startswith("the objects' clock is 8 min")
    assert found["exit"] == 1


def test_a_class_without_the_toolkit(edge: Edge, folder: Path) -> None:
    found = check(edge.bridge("without-toolkit"), folder, folder)
    assert set(failed(found)) == {"class"}
    assert "extend UserSessions or use the mix-in" in failed(found)["class"]
    assert [one["standing"] for one in found["checks"] if one["name"] == "authentication"].count("ok") >= 3


def test_a_class_whose_toolkit_lacks_a_method(edge: Edge, folder: Path) -> None:
    found = check(edge.bridge("lacking"), folder, KVFERRY_BRIDGE_SECRET=SECRET)
    assert set(failed(found)) == {"class"}
    assert any("lacks kvferryCount" in one["said"] for one in found["checks"])


def test_statistics_that_are_bound_are_asked(edge: Edge, folder: Path) -> None:
    standings = {}
    for name in ("counting", "miscounting", "checked"):
        found = check(edge.bridge(name), folder, folder)
        (standings[name],) = [one["standing"] for one in found["checks"] if one["name"] == "statistics"]
        assert found["exit"] == (name == "miscounting")
    assert standings == {"counting": "ok", "miscounting": "failed", "checked": "note"}


def test_a_bridge_without_a_secret(edge: Edge, folder: Path) -> None:
    found = check(edge.bridge("unset"), folder, folder)
    assert set(failed(found)) == {"secret"}


def test_a_placement_that_is_not_the_folders(edge: Edge, folder: Path) -> None:
    found = check(edge.bridge("checked-shards"), folder, folder)
    assert set(failed(found)) == {"placement"}
    (placement,) = [one for one in found["checks"] if one["name"] == "placement"]
    assert "the bridge says shards:4" in placement["said"]
    assert "says per-session" in placement["said"]


def test_a_class_that_is_not_the_folders(edge: Edge, folder: Path) -> None:
    found = check(edge.bridge("checked-other"), folder, folder)
    assert set(failed(found)) == {"class"}
    assert any("the bridge says class CopiedInto of application" in one["said"] for one in found["checks"])


def test_what_a_request_may_have_is_measured_and_not_assumed(bridge: Bridge, folder: Path) -> None:
    bridge.set_budget(300)
    found = check(bridge, folder, folder)
    assert found["limits"]["announced"]["records"] == 1000
    measured = found["limits"]["measured"]
    assert (measured["records"], measured["calls"]) == (250, 252)
    assert '"KVFERRY_RECORDS": "250"' in failed(found)["limits"]


def test_a_bridge_that_is_not_there_is_unfinished(folder: Path) -> None:
    done = kvferry("bridge", "check", "http://127.0.0.1:9", "--dir", ".", "--json", cwd=folder)
    found = json.loads(done.stdout)
    validate(found, "bridge-check")
    assert (done.returncode, found["exit"], found["verdict"]) == (3, 3, "unfinished")


def test_without_an_address_or_a_key_nothing_is_sent(folder: Path) -> None:
    for words, said in (((), "which bridge?"), (("https://b.example.com",), "no key for the bridge")):
        done = kvferry("bridge", "check", *words, cwd=folder.parent)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


class TestAtCloudflare:
    @pytest.fixture
    def env(self, fake: FakeServer) -> dict[str, str]:
        return {
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "CLOUDFLARE_API_BASE_URL": fake.url,
            "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
        }

    def test_the_namespace_is_named_and_the_bridge_owns_nothing(
        self, bridge: Bridge, folder: Path, fake: FakeServer, env: dict[str, str]
    ) -> None:
        fake.api.workers.deploy("application", UserSessions="space-1", Other="space-2")
        fake.api.workers.deploy(NAME).reaches("UserSessions", "application", "space-1")
        found = check(bridge, folder, folder, **env)
        assert (found["exit"], found["namespace"]) == (0, "space-1")
        said = [one["said"] for one in found["checks"] if one["name"] == "ownership"]
        assert said[-1] == f"Cloudflare says that {NAME} owns no class"

    def test_a_bridge_that_owns_a_class_fails(
        self, bridge: Bridge, folder: Path, fake: FakeServer, env: dict[str, str]
    ) -> None:
        fake.api.workers.deploy("application", UserSessions="space-1")
        fake.api.workers.deploy(NAME, Own="space-2").reaches("UserSessions", "application", "space-1")
        assert set(failed(check(bridge, folder, folder, **env))) == {"ownership"}

    def test_a_bridge_that_is_not_deployed_fails(
        self, bridge: Bridge, folder: Path, fake: FakeServer, env: dict[str, str]
    ) -> None:
        assert set(failed(check(bridge, folder, folder, **env))) == {"account"}

    def test_a_token_that_may_not_look_is_a_note_with_the_permission(
        self, bridge: Bridge, folder: Path, fake: FakeServer, env: dict[str, str]
    ) -> None:
        fake.api.tokens.clear()
        found = check(bridge, folder, folder, **env)
        assert found["exit"] == 0
        (note,) = [one for one in found["checks"] if one["name"] == "account"]
        assert (note["standing"], "Workers Scripts Read" in note["todo"]) == ("note", True)
