from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = 4
"""Every fourth step; all of them: `python -m tests.rekeying.killer copy 0 1`."""


@pytest.mark.parametrize(("what", "part"), [("copy", 1), ("delete", 2)])
def test_a_rekeying_killed_at_any_step_and_gone_on_with_loses_no_session_and_undoes_no_logout(
    what: str, part: int
) -> None:
    words = [sys.executable, "-m", "tests.rekeying.killer", what, str(part), str(PARTS)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == [], done.stderr[-3000:]
    assert found["moments"] >= 50
    assert found["tried"] >= found["moments"] // PARTS - 1
