"""Smoke through a real application on the real runtime: KV, objects, heartbeats, at every stage."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.clock import SystemClock
from migrate.core.comparing import Stage
from migrate.core.protocol.stages import origin_at
from migrate.demo.live.project import write_project
from migrate.demo.live.site import Deployed, Site
from migrate.formats.report import validate
from migrate.local_runtime import find_tools, installed_as
from migrate.main import run
from migrate.vendoring.folder import store_files
from tests.edge.edge import EDGE, PREFIX
from tests.runtime.install import install

VISITOR = Path(__file__).parents[1] / "smoke" / "visitor.py"

Smoked = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def site(quick_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from running(quick_folder, monkeypatch)


def running(folder: Path, monkeypatch: pytest.MonkeyPatch, **broken: str) -> Iterator[Site]:
    """The application of the live demonstration. `broken`: what stands in a file of its session store."""
    tools = folder / "cache" / "kvferry" / "npm" / installed_as(EDGE)
    tools.mkdir(parents=True)
    (tools / "node_modules").symlink_to(install())
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("TMPDIR", str(folder))
    with Site(write_project(folder / "kept", store_files() | broken), find_tools(), SystemClock()) as site:
        monkeypatch.setenv(f"{VARIABLE}_FILE", site.settings.environ[f"{VARIABLE}_FILE"])
        monkeypatch.chdir(site.settings.cwd)
        yield site


@pytest.fixture
def smoked(site: Site, capsys: pytest.CaptureFixture[str]) -> Smoked:
    return typing(site, capsys)


def typing(site: Site, capsys: pytest.CaptureFixture[str]) -> Smoked:
    """Types smoke at a stage: exit code and document."""
    words = ["smoke", "--source", site.source, "--target", site.target, "--prefix", PREFIX, "--json"]
    visit = shlex.join([sys.executable, str(VISITOR), site.host])

    def typed(stage: Stage, *more: str) -> tuple[int, dict[str, Any]]:
        site.deploy(Deployed(stage, stage))
        code = run([*words, "--login", f"{visit} in", "--cookie", "sid", "--logout", f"{visit} out", *more])
        out, err = capsys.readouterr()
        document: dict[str, Any] = json.loads(out)
        validate(document, "smoke")
        assert code == document["exit"], err
        return code, document

    return typed


def test_a_broken_session_store_is_seen_by_one_login(
    quick_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its puts leave KV out while KV is what is read."""
    old = 'object?.end === "done" && !object.changed ? "done"'
    sound = store_files()["store/store.ts"]
    assert sound.count(old) == 1, "store/store.ts has changed: it cannot be broken so"
    broken = sound.replace(old, 'object?.end === "done" ? "done"')
    for site in running(quick_folder, monkeypatch, **{"store/store.ts": broken}):
        code, document = typing(site, capsys)(Stage.DUAL_WRITE, "--stage", "dual-write", "--settle", "1")
    points = [(look["after"], point) for look in document["looks"] for point in look["points"]]
    failed = {(after, point["name"]) for after, point in points if not point["holds"]}
    assert (code, failed) == (1, {("login", "kv")})


def test_at_every_stage_a_login_lands_and_a_logout_ends_as_the_stage_says(site: Site, smoked: Smoked) -> None:
    heard: set[str] = set()
    for stage in Stage:
        code, document = smoked(stage)
        assert (code, document["verdict"]) == (0, "agrees"), (stage, document)
        assert stage.value in document["stages"]
        heard.update(document["stages"])
        login, logout = document["looks"]
        assert login["kv"]["there"] == (stage is not Stage.OBJECT_ONLY)
        assert login["target"]["origin"] == (None if stage is Stage.KV else origin_at(stage).value)
        assert logout["target"]["tombstone"] == (stage is not Stage.KV)
        assert (logout["kv"]["there"], document["left"]) == (False, None)
        if login["kv"]["there"] and login["target"]["there"]:
            assert login["kv"]["stamped"]
            assert login["kv"]["version"] == login["target"]["version"]
            assert {point["name"] for point in login["points"]} >= {"expiration", "value"}
    assert heard == {stage.value for stage in Stage}
    state = f"wrangler:{site.settings.cwd / 'state'}#playlists-sessions"
    code, document = smoked(Stage.DUAL_WRITE, "--stage", "dual-write", "--source", state)
    assert (code, document["source"].startswith("wrangler:")) == (0, True), document
    code, document = smoked(Stage.KV, "--stage", "object-only", "--settle", "0")
    assert (code, document["verdict"], document["told"]) == (1, "disagrees", "--stage says object-only")
