from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAST = {
    "first": 150,
    "later": 250,
    "first-statements": 300,
    "later-statements": 300,
    "dump": 200,
    "verify": 100,
    "repair-missing": 45,
    "repair-tombstones": 45,
    "repair-kv": 40,
}
"""What is killed (see killer.py), and how many moments it has at least."""


@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("what", LEAST)
def test_a_process_killed_at_any_moment_and_resumed_leaves_what_an_uninterrupted_one_leaves(
    what: str, part: int
) -> None:
    words = [sys.executable, "-m", "tests.flows.killer", what, str(part), "2"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == [], done.stderr[-3000:]
    assert found["moments"] >= LEAST[what]
    assert found["tried"] >= found["moments"] // 2
