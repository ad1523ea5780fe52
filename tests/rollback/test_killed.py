"""A rollback that is killed with SIGKILL and run again leaves what an uninterrupted one leaves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = 8


@pytest.mark.parametrize("part", [0, 3])
def test_a_rollback_killed_at_any_moment_and_run_again_loses_nothing(part: int) -> None:
    """Every fourth moment; `python -m tests.rollback.killed 0 1` tries all of them."""
    words = [sys.executable, "-m", "tests.rollback.killed", str(part), str(PARTS)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == [], done.stderr[-3000:]
    assert found["moments"] >= 80
    assert found["tried"] >= found["moments"] // PARTS
