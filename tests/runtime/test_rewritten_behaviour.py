"""Rewritten samples, run in Node.js: they answer and leave behind what they did before."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.audits.rewriting import samples
from tests.runtime.install import install, node

SCRIPT = Path(__file__).parent / "behave.mjs"
ID = ["s1"]
CALLS: dict[str, dict[str, list[Any]]] = {
    "text-uses": {
        **dict.fromkeys(("ternary", "and", "block", "unchecked", "caught", "inline", "measured"), ID),
        **dict.fromkeys(("changed", "buffer"), ID),
        "shadowed": ["s1", ["1", "2"]],
        "several": ["s1", {"type": "json"}],
    },
    "renewal": {
        **dict.fromkeys(("renew", "renewText", "copied"), ID),
        "rename": ["s1", "new"],
        "handedOn": ["s1", {"fn": "(session) => { session.user += '!'; }"}],
    },
    "short-renewal": {"idle": ID},
    "promises": {
        **dict.fromkeys(("lazily", "chained", "nested", "optional"), ID),
        "together": ["s1", "s2"],
        "forgotten": ["s1", "ctx"],
    },
    "metadata": {
        **dict.fromkeys(("describe", "device", "cached", "text"), ID),
        "save": ["s1", {"user": "x"}, {"device": "phone"}],
    },
    "prepared-values": {
        **{key: ["s1", {"user": "x"}] for key in ("save", "saveLater", "saveAndSend", "pretty")},
        "another": ID,
        "evaluated": [{"request": {"x": "1"}}, {"fn": "(request) => request.headers.get('x')"}],
    },
    "comments": {"one": ID, "two": ID, "three": ["s1", "x"], "four": ID, "five": ID},
    "not-json": {**dict.fromkeys(("who", "parsed", "known"), ID), "remember": ["s1", "x"]},
    "unsure-of-text": {
        "members": [{"id": "s1"}],
        "numbered": [1],
        "sure": [{"sid": "s1"}, ["s2"]],
    },
    "bare-ids": {"start": [{"user": "x"}], "find": ID, "end": [{"id": "s1"}]},
    "no-semicolons": {
        "getSession": ID,
        "saveSession": ["s1", {"user": "x", "expiresAt": 1_900_000_000_000}],
        "endSession": ID,
    },
}
FILES = {"no-semicolons": "src/session.ts", "javascript": "src/index.js"}


ENDINGS: dict[str, dict[str, list[Any]]] = {
    "coalescing": dict.fromkeys(("nullish", "or", "ternary", "assigned"), ID),
    "backfill": {**dict.fromkeys(("load", "strict"), ID), "counted": ["s1", {"count": 0}]},
    "early-return": dict.fromkeys(("current", "short", "cachedFirst"), ID),
    "helper": {"current": ID},
    "helper-elsewhere": {"current": ID},
    "chained": {"chained": ["s1", {"fn": "async () => null"}], "elseArm": ID, "arrow": ID},
    "dual-writes": {
        "save": ["s1", {"user": "x"}, "ctx"],
        "both": ["s1", {"user": "x"}],
        **dict.fromkeys(("logout", "caught", "answered"), ID),
    },
    "undecided": {
        **dict.fromkeys(("failed", "unbound", "compared", "alone", "guarded"), ID),
        "handedOn": ["s1", {"fn": "(raw) => raw && JSON.parse(raw)"}],
    },
    "javascript": {"current": ID, "end": ID},
}


def scenario(folder: Path, home: Path, name: str, file: str, calls: dict[str, list[Any]]) -> dict[str, Any]:
    """Both trees of a sample, and what is called in them."""
    folders = [folder / name / word for word in ("before", "after")]
    for one in folders:
        shutil.copytree(home / name / "before", one)
    if (home / name / "after").exists():
        shutil.copytree(home / name / "after", folders[1], dirs_exist_ok=True)
    before, after = (str(one / file) for one in folders)
    return {"before": before, "after": after, "prefix": "session:", "binding": "SESSIONS", "calls": calls}


def ran(folder: Path, scenarios: list[dict[str, Any]]) -> dict[str, Any]:
    file = folder / "scenarios.json"
    file.write_text(json.dumps(scenarios))
    install()
    done = subprocess.run([str(node()), str(SCRIPT), str(file)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_code_on_the_session_store_behaves_as_before(tmp_path: Path) -> None:
    scenarios = [
        {
            **scenario(tmp_path, samples.FOLDER, name, FILES.get(name, "src/index.ts"), calls),
            **({"prefix": ""} if name == "bare-ids" else {}),
        }
        for name, calls in CALLS.items()
    ]
    result = ran(tmp_path, scenarios)
    assert result["different"] == []
    assert result["same"] == 7 * sum(map(len, CALLS.values()))


def test_code_without_the_fallback_behaves_as_with_an_empty_namespace(tmp_path: Path) -> None:
    scenarios = [
        {
            **scenario(tmp_path, samples.ENDINGS, name, FILES.get(name, "src/index.ts"), calls),
            "object": "SESSION_OBJECT",
            "prefix": "",
        }
        for name, calls in ENDINGS.items()
    ]
    result = ran(tmp_path, scenarios)
    assert result["different"] == []
    assert result["same"] == 3 * sum(map(len, ENDINGS.values()))
