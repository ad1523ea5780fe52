"""Whole migrations, command by command, while 200 clients use the application: every door opens in the end,
and nobody sees an error, an unexpected logout, or a session that comes back.

Real are the commands (processes of their own), the session store, the objects and their statistics, the
bridge, KV, the audit of the application's commit, and the clients. Scripted is the time: all clocks are ahead
of the machine's by the same seconds, and move on in steps while nothing is under way, whenever a command or
the operator waits; timers run as ever. KV is the local runtime's, but expirations go by the moved clock, and
what others wrote is seen up to 15 seconds late, by Cloudflare's API as well; it takes more than a write a
second for a key. Which version is deployed is a fake account's word. Most users' devices are at one location,
where KV shows what was written there at once; those who travel write no session that they have read just
before, which shadow-read answers with an error as long as KV lags behind. Sessions that are written more
often than every H keep a rollback from ending, so users do less during it.

The walks that go back, and that begin in the middle, are among the benchmarks.
"""

from pathlib import Path

import pytest

from tests.live.contract import breaches
from tests.rehearsal.runtime import Runtime
from tests.rehearsal.walks import WALKS, Pace, walking

SEED = 1


@pytest.mark.parametrize("name", ["to the end"])
def test_every_door_opens_and_nobody_notices(name: str, quick_folder: Path, tmp_path: Path) -> None:
    with Runtime(quick_folder) as edge, walking(edge, tmp_path, SEED, Pace()) as walk:
        WALKS[name](walk)
    users, history = walk.users, walk.users.history
    assert users.failures == []
    assert users.errors == {}
    found = breaches(history)
    history.save(tmp_path / "history.ndjson", {one.read.session for one in found})
    assert found == [], f"seed {SEED}; all of these sessions: {tmp_path / 'history.ndjson'}"
    assert {door: words[-1] for door, words in walk.doors.items()} == dict.fromkeys(walk.doors, "open")
    said = "".join(walk.operator.said)
    assert not [session for session in history.of_each() if session in said]
