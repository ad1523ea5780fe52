from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("part", range(2))
def test_a_cleanup_killed_at_any_step_and_gone_on_with_deletes_nothing_undumped_and_counts_truly(
    part: int,
) -> None:
    words = [sys.executable, "-m", "tests.cleaning.killer", str(part), "2"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == [], done.stderr[-3000:]
    assert found["moments"] >= 40
    assert found["tried"] >= found["moments"] // 2 - 1
