"""Two hundred clients, while stages are rolled out and back, sessions are copied, and all of it is killed.

What is served, and when, is held against what the protocol promises.
"""

from pathlib import Path

from tests.live.contract import breaches
from tests.live.course import race
from tests.live.crowd import Load
from tests.live.runtime import Racing

SEED = 1
PACE = 0.4


def test_nothing_is_lost_and_nothing_comes_back(quick_folder: Path, tmp_path: Path) -> None:
    with Racing(quick_folder) as edge:
        crowd = race(edge, tmp_path, SEED, Load(), PACE)
    assert crowd.failures == []
    found = breaches(crowd.history)
    crowd.history.save(tmp_path / "history.ndjson", {one.read.session for one in found})
    assert found == [], f"seed {SEED}; all of these sessions: {tmp_path / 'history.ndjson'}"
