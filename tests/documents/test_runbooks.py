"""The commands of the runbooks, typed in their order, with the output and the exit codes that they promise.

A block that begins with ```sh is typed line by line, in one folder; `# exit code N` says what a line ends
with, 0 where nothing is said. A ```text block behind it is what its last line writes to standard output.
"""

import re
from pathlib import Path

import pytest

from migrate.bridging.checking import PROBLEM_CHECKS
from migrate.config import load
from migrate.formats.live import live_lines
from migrate.session_store.counters import NAMES
from tests.action.runner import action
from tests.documents.shell import Shell, blocks, type_page

ROOT = Path(__file__).parents[2]
ON_WORKERS = {"rehearse-objects.md"}
"""Typed in tests/edge, which has the runtime."""
RUNBOOKS = sorted(page for page in ROOT.glob("runbooks/*.md") if page.name not in ON_WORKERS)
BRIDGE = (ROOT / "runbooks" / "bridge.md").read_text()
CI = (ROOT / "runbooks" / "audit-in-ci.md").read_text()


@pytest.fixture
def shell(tmp_path):
    with Shell(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)
def test_every_command_ends_as_the_runbook_says(page, shell):
    type_page(page, shell)


def test_a_line_that_ended_otherwise_would_be_seen(shell):
    assert shell("kvferry audit")[0] == 3
    assert shell("mkdir here && cd here")[0] == 0
    assert shell("pwd")[1].endswith("/here\n")


def test_folder_and_variables_hold_for_the_next_line_and_what_still_runs_is_ended(shell):
    assert shell("kvferry demo --keep demo > said.txt && cd demo && export LIFE=long")[0] == 0
    assert shell("kvferry status --watch > watched.txt 2>&1 &")[0] == 0
    assert shell('until test -s watched.txt; do sleep 0.1; done; test "$LIFE" = long')[0] == 0
    assert len(shell.left_behind()) == 1
    shell.close()
    assert shell.left_behind() == []


def test_every_check_of_a_bridge_is_in_its_runbook():
    named = re.findall(r"^\| (\w+) \| (?!what to do)", BRIDGE.split("| check |")[1], re.MULTILINE)
    source = "".join(path.read_text() for path in ROOT.glob("migrate/bridging/*.py"))
    yielded = re.findall(r'\b(?:ok|failed|Check)\(\s*"(\w+)"', source)
    assert set(named) == {*yielded, *PROBLEM_CHECKS.values()}


def test_every_exit_code_of_an_audit_is_in_its_runbook():
    assert re.findall(r"^\| (\d) \|", CI, re.MULTILINE) == ["0", "1", "2", "3"]


def test_every_input_of_the_action_is_in_its_runbook_and_every_one_in_it_exists():
    doors = (ROOT / "runbooks" / "doors.md").read_text()
    named = set()
    for page, head in (
        (CI, r"\| input \| meaning \|\n\|---\|---\|\n"),
        (doors, r"\| input \| of \|.*\n\|.*\n"),
    ):
        (row,) = re.findall(head + r"((?:\|.*\n)+)", page)
        named |= {name for line in row.splitlines() for name in re.findall(r"`([\w-]+)`", line.split("|")[1])}
    assert sorted(named) == sorted(action()["inputs"])


def test_its_configuration_is_one(tmp_path):
    for _, body in blocks(CI, "toml"):
        (tmp_path / "kvferry.toml").write_text(body)
        assert load(None, tmp_path)["audit"]


def test_the_examples_of_a_configuration_are_some(tmp_path):
    examples = blocks((ROOT / "runbooks" / "configure.md").read_text(), "toml")
    assert len(examples) > 1
    for _, body in examples:
        (tmp_path / "kvferry.toml").write_text(body)
        assert load(None, tmp_path)["export"]["target"] == "do+https://bridge.example.com"


def test_every_counter_of_the_session_store_is_explained_and_no_other():
    page = (ROOT / "runbooks" / "watch.md").read_text().split("## The counters")[1]
    named = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    source = (ROOT / "migrate" / "edge" / "src" / "store" / "counters.ts").read_text()
    declared = source.split("export type Counter =")[1].split(";")[0]
    counted = set(re.findall(r'^  \| "(\w+)"', declared, re.MULTILINE))
    for before, between, after in re.findall(r"`(\w*)(?:\$\{([^}]*)\})?_\$\{([^}]*)\}`", declared):
        ends = re.findall(r'"(\w+)"', after)
        counted |= {f"{start}_{end}" for start in re.findall(r'"(\w+)"', between) or [before] for end in ends}
    assert named == counted
    assert set(NAMES) <= counted
    assert len(counted) > 20


def test_live_traffic_is_shown_as_the_page_shows_it():
    stages = [("shadow-read", "6f1d…", 14, 61, 4), ("dual-write", "02ba…", 1, 88, 71)]
    document = {
        "target": "do+https://bridge.example.com",
        "said": "at work: dual-write, shadow-read",
        "stages": [
            {"stage": stage, "version": version, "recent": recent, "isolates": seen, "age_seconds": age}
            for stage, version, recent, seen, age in stages
        ],
        "counters": {"kv_429": 12, "shadow_equal": 90214, "shadow_missing": 3, "touch_skipped": 51002},
        "journal": {"entries": 2, "age_seconds": 11520.0},
        "canary": {
            "standing": "counted",
            "said": "the counter of fallback hits counted the canary",
            "newest": None,
            "reads": {},
            "lag": {"seconds": 11.0, "horizon_seconds": 33.0},
        },
    }
    ((_, box),) = blocks((ROOT / "runbooks" / "watch.md").read_text(), "log")
    assert box.splitlines() == list(live_lines(document))
