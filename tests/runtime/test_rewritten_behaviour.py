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
    "no-semicolons": {
        "getSession": ID,
        "saveSession": ["s1", {"user": "x", "expiresAt": 1_900_000_000_000}],
        "endSession": ID,
    },
}
FILES = {"no-semicolons": "src/session.ts"}


def test_rewritten_code_behaves_as_before(tmp_path: Path) -> None:
    scenarios = []
    for name, calls in CALLS.items():
        folders = [tmp_path / name / word for word in ("before", "after")]
        for folder in folders:
            shutil.copytree(samples.FOLDER / name / "before", folder)
        shutil.copytree(samples.FOLDER / name / "after", folders[1], dirs_exist_ok=True)
        before, after = (str(folder / FILES.get(name, "src/index.ts")) for folder in folders)
        scenarios.append(
            {"before": before, "after": after, "prefix": "session:", "binding": "SESSIONS", "calls": calls}
        )
    file = tmp_path / "scenarios.json"
    file.write_text(json.dumps(scenarios))
    install()
    done = subprocess.run([str(node()), str(SCRIPT), str(file)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result["different"] == []
    assert result["same"] == 7 * sum(map(len, CALLS.values()))
