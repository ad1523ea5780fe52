from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from migrate.clock import SystemClock
from migrate.core.fingerprint import Fingerprints
from migrate.ledger.ledger import Ledger

ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()


def test_secret_and_token_stay_the_same_for_ever(path: Path) -> None:
    with Ledger.open(path, clock=CLOCK) as first:
        shown = first.fingerprints.of("key"), first.token
    with Ledger.open(path, clock=CLOCK) as second:
        assert (second.fingerprints.of("key"), second.token) == shown
    assert len(shown[1]) == 32


def test_the_secret_is_32_random_bytes_of_this_ledger(tmp_path: Path) -> None:
    def known(count: int) -> bytes:
        return bytes([7]) * count

    with Ledger.open(tmp_path / "known.db", clock=CLOCK, random=known) as ledger:
        assert ledger.fingerprints.of("key") == Fingerprints(known(32)).of("key")
        assert ledger.token == known(16).hex()
    with Ledger.open(tmp_path / "own.db", clock=CLOCK) as other:
        assert other.token != known(16).hex()


def test_processes_that_open_a_new_ledger_at_once_share_its_secrets(path: Path) -> None:
    code = f"""
import sys
from migrate.clock import SystemClock
from migrate.ledger.ledger import Ledger
sys.stdin.read(1)
ledger = Ledger.open({str(path)!r}, clock=SystemClock())
print(ledger.token, ledger.fingerprints.of("key"))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("x")
        process.stdin.flush()
    outputs = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(set(outputs)) == 1
    assert len(outputs[0].split()) == 2


def test_closing_twice_is_allowed(path: Path) -> None:
    ledger = Ledger.open(path, clock=CLOCK)
    ledger.close()
    ledger.close()
