"""`kvferry demo --live`, shorter than it is told, and with session stores that are broken."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from migrate.clock import SystemClock
from migrate.core.comparing import Stage
from migrate.demo.live.counting import BURIED, Counts
from migrate.demo.live.operating import Operator
from migrate.demo.live.pace import Pace
from migrate.demo.live.project import write_project
from migrate.demo.live.site import Deployed, Site
from migrate.demo.live.story import run
from migrate.errors import ConfigError, Exit
from migrate.local_runtime import find_tools, installed_as
from migrate.stores.wrangler_state import WranglerState
from migrate.vendoring.folder import store_files
from tests.edge.edge import EDGE, PREFIX
from tests.edge.typed import check_types
from tests.flows.shell import kvferry, started, variables
from tests.runtime.install import install

SHORT = Pace(users=6, sessions=4, phase=0.5, settle=1.0)

BROKEN = {
    # what breaks the session store -> its file, what stands there, what stands there instead, what is said
    "a dual write forgets the metadata, which no user looks at": (
        "store/store.ts",
        "object.kvferryPut({ ...ask, every: idle })",
        "object.kvferryPut({ ...ask, metadata: null, every: idle })",
        "the verify at shadow-read is not clean",
    ),
    "a put leaves KV out while KV is what is read": (
        "store/store.ts",
        'object?.end === "done" && !object.changed ? "done"',
        'object?.end === "done" ? "done"',
        "what users saw was wrong ",
    ),
}


@pytest.fixture
def cache(quick_folder: Path) -> dict[str, str]:
    """What a command is told so that it finds the runtime installed."""
    tools = quick_folder / "cache" / "kvferry" / "npm" / installed_as(EDGE)
    tools.mkdir(parents=True)
    (tools / "node_modules").symlink_to(install())
    return {"XDG_CACHE_HOME": str(quick_folder / "cache"), "TMPDIR": str(quick_folder)}


def told(
    folder: Path, cache: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, store: Mapping[str, str]
) -> tuple[Exit, str]:
    for name, value in cache.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    ended = run(SystemClock(), folder, pace=SHORT, store=store, stream=stream)
    return ended, stream.getvalue()


def table(text: str) -> dict[str, list[int]]:
    """The table at the end: what was counted, by stage."""
    rows = re.findall(r"^(\w[\w: ]*?) {2,}([\d, ]+)$", text, re.MULTILINE)
    return {name: [int(one.replace(",", "")) for one in counts.split()] for name, counts in rows}


def test_an_application_under_load_goes_through_all_stages_and_loses_nobody(
    quick_folder: Path, cache: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = quick_folder / "kept"
    ended, text = told(kept, cache, monkeypatch, store_files())
    counted = table(text)
    assert ended is Exit.CLEAN, text
    assert min(counted["requests"]) > 0
    assert sum(counted["logins"]) >= SHORT.users * SHORT.sessions
    assert counted["exported"][1] > 0
    assert counted["verify: equal"][:2] == [0, 0]
    assert min(counted["verify: equal"][2:]) > 0
    assert counted["verify: newer"][4] > 0
    bad = ("verify: against", "unexpected logouts", "stale reads", "back from the dead", "errors")
    assert [sum(counted[name]) for name in bad] == [0] * 5
    halves = re.findall(r" 50 %: ([\d,]+) \+ ([\d,]+) requests", text)
    assert len(halves) == 4
    assert all(any(served != "0" for served in side) for side in zip(*halves, strict=True))
    for before, after in zip(Stage, tuple(Stage)[1:], strict=False):
        assert re.search(rf"^ *[\d.]+ s  {after} 50 %, {before} 50 %: ", text, re.MULTILINE)
        assert re.search(rf"^ *[\d.]+ s  {after} everywhere: ", text, re.MULTILINE)
    for stage in tuple(Stage)[2:]:
        verifies = re.findall(rf"kvferry verify .*--stage {stage}\n.*compared in .*: (\w+)", text)
        assert verifies[-1] == "clean"
    assert "waiting for H = " in text
    with closing(WranglerState(kept / "state", "playlists-sessions", clock=SystemClock())) as kv:
        ids = [head.key.removeprefix(PREFIX) for head in kv.scan(PREFIX, None).heads]
    secrets = (kept / "bridge" / ".kvferry-keys").read_text().split()
    assert len(ids) > SHORT.users
    assert not [one for one in (*ids, *secrets) if one in text]
    check_types(kept / "application", kept / "deployment")
    with pytest.raises(ConfigError, match="application is there already"):
        run(SystemClock(), kept, pace=SHORT, stream=io.StringIO())


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_session_store_is_noticed(
    quick_folder: Path, cache: dict[str, str], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    file, old, new, why = BROKEN[broken]
    store = store_files()
    assert store[file].count(old) == 1, f"{file} has changed: it cannot be broken so"
    store[file] = store[file].replace(old, new)
    ended, text = told(quick_folder / "kept", cache, monkeypatch, store)
    assert ended is Exit.AGAINST, text
    assert re.search(rf"^stopped: .*{why}", text, re.MULTILINE), text
    assert text.splitlines()[-1].startswith("  hint: ")
    if "metadata" in broken:  # the application's own shadow reads have noticed it, too
        assert table(text)["shadow differences"][2] > 0


def test_a_logout_that_only_kv_knows_of_becomes_a_tombstone(
    quick_folder: Path, cache: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", cache["XDG_CACHE_HOME"])
    counts = Counts()
    site = Site(write_project(quick_folder / "kept"), find_tools(), SystemClock())
    with site:
        operator, http = Operator(site, counts), httpx.Client(base_url=f"http://{site.host}", timeout=30)

        def ask(method: str, path: str, stage: Stage, session: str = "") -> httpx.Response:
            site.deploy(Deployed(stage, stage))
            answer = http.request(method, path, headers={"cookie": session})
            assert answer.headers["x-stage"] == stage
            return answer

        ended, going_on = (
            ask("POST", "/sign-in?user=1", Stage.DUAL_WRITE).headers["set-cookie"].split(";")[0]
            for _ in range(2)
        )
        assert ask("POST", "/sign-out", Stage.KV, ended).status_code == 204
        assert ask("GET", "/me", Stage.SHADOW_READ, ended).status_code == 401
        assert " differences: extra 1" in list(operator.verify(0.0))[-1]
        assert operator.only_extra()
        told = list(operator.bury(0.0, site.settings.clock.now()))
        assert "kvferry repair --source kv+http" in told[0]
        assert " 1 row made tombstones: " in told[1]
        assert list(operator.verify(0.0))[-1].endswith(": clean")
        answers = [ask("GET", "/me", Stage.OBJECT_FIRST, one).status_code for one in (ended, going_on)]
        assert answers == [401, 200]
        assert ask("POST", "/sign-out", Stage.OBJECT_FIRST, going_on).status_code == 204
        answers = [ask("GET", "/me", stage, going_on).status_code for stage in tuple(Stage)[2:]]
        assert answers == [401] * 3
        http.close()
    assert counts.at(BURIED, Stage.SHADOW_READ) == 1


def test_a_signal_ends_it_and_nothing_is_left(quick_folder: Path, cache: dict[str, str]) -> None:
    with started("demo", "--live", cwd=quick_folder, env=variables(**cache)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "kv everywhere" in line:
                break
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert {path.name for path in quick_folder.iterdir()} == {"cache"}


def test_two_demonstrations_at_once_are_refused(tmp_path: Path) -> None:
    done = kvferry("demo", "--live", "--edge", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "leave one out" in done.stderr
