"""Kills real cleanups with SIGKILL before and after every step, and goes on with them.

    python -m tests.cleaning.killer PART PARTS     prints one JSON document

A step is an answer of the store, or a commit of the dump or of the ledger. The fake API is a process of its
own: what had arrived there stays so.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrate.cleaning import removing
from migrate.cleaning.run import cleanup
from migrate.cleaning.wish import Cleanup
from migrate.clock import SystemClock
from migrate.desk import Ended
from migrate.ledger.ledger import Ledger
from migrate.opening import Settings
from migrate.stores import kv
from migrate.stores.dump.log import DumpLog
from migrate.stores.kv import KvSource
from migrate.stores.kv_writing import KvWriter
from tests.fake_api import FakeProcess
from tests.flows.killer import LIVED, child

NOT_YET = 10**9
COUNT = 15
KEPT = 3
"""Keys that never expire: with --older-than their age is not known."""

STEPS = [
    (KvSource, "scan"),
    (KvSource, "read"),
    (KvWriter, "put"),
    (KvWriter, "delete"),
    (DumpLog, "commit"),
    (Ledger, "commit_step"),
    (Ledger, "close_task"),
]


def install(fatal: int, passed: Path) -> None:
    """Count the steps of this process, and kill it at one of them."""
    moments = itertools.count()

    def moment() -> None:
        at = next(moments)
        passed.write_text(str(at + 1))
        if at == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def step(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **words: Any) -> Any:
            moment()
            answer = method(*args, **words)
            moment()
            return answer

        return call

    for owner, name in STEPS:
        setattr(owner, name, step(getattr(owner, name)))


def work(fake: FakeProcess, folder: Path, fatal: int) -> None:
    """One whole command."""
    from migrate.core.cleaning import Ageing

    kv.PAGE = removing.PORTION = 10
    install(fatal, folder / "passed")
    clock = SystemClock()
    settings = Settings(
        clock=clock,
        ledger=folder / "ledger.db",
        rate="100000/1",
        cwd=folder,
        environ={"CLOUDFLARE_API_TOKEN": fake.token, "CLOUDFLARE_API_BASE_URL": fake.url},
    )
    address = f"kv://{fake.account}/{fake.namespace}"
    wish = Cleanup(
        address,
        None,
        ["c:"],
        settings,
        True,
        lambda name: name,
        Ageing(60.0, ttl=10**8),
        migrated=["s:"],
        settle=0.0,
    )
    try:
        ended = cleanup(wish, lambda _: None)
    finally:
        clock.stop()
    assert isinstance(ended, Ended)
    assert ended.error is None, ended.error
    (folder / "report.json").write_text(json.dumps(ended.document))


def held(fake: FakeProcess) -> dict[str, Any]:
    with urllib.request.urlopen(fake.root + "/__control/items", timeout=10) as answer:
        return {item["key"]: item for item in map(json.loads, answer.read().splitlines())}


def begin(fake: FakeProcess) -> None:
    """The same keys as at first."""

    later = int(time.time()) + 10**8 - 3600
    items: list[dict[str, Any]] = [
        {"key": f"c:{number:03}", "value": f"v{number}", "metadata": {"n": number}, "expiration": later}
        for number in range(COUNT)
    ]
    items += [{"key": f"c:x{number}", "value": "kept"} for number in range(KEPT)]
    items += [{"key": "other", "value": "another prefix"}]
    fake.control(put=items)


def flaw(fake: FakeProcess, folder: Path) -> str | None:
    """What is wrong after a cleanup that was gone on with; None: nothing."""
    report = json.loads((folder / "report.json").read_text())
    tally, there = report["tally"], held(fake)
    if sorted(there) != ["c:x0", "c:x1", "c:x2", "other"]:
        return f"there are {len(there)} keys"
    if not report["balanced"] or report["pending"] or report["exit"]:
        return "the report does not balance"
    if (report["listed"], tally["kept_age_unknown"]) != (COUNT + KEPT, KEPT):
        return f"listed {report['listed']}, kept {tally}"
    if tally["deleted"] + tally["gone"] != COUNT:
        return f"deleted {tally['deleted']}, gone {tally['gone']}"
    lines = [json.loads(line) for line in Path(report["dump"]["file"]).read_text().splitlines()]
    if [line["key"] for line in lines] != [f"c:{number:03}" for number in range(COUNT)]:
        return f"the dump has {len(lines)} lines"
    if any((line["value"], line["metadata"]["n"]) != (f"v{at}", at) for at, line in enumerate(lines)):
        return "the dump has other values"
    if report["dump"]["records"] != COUNT:
        return "the dump counts other records"
    return None


def kill_at(fake: FakeProcess, folder: Path, moment: int) -> str | None:
    """Kill there, go on, and look."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    begin(fake)
    died = child(lambda: work(fake, folder, moment))
    if died != 0:
        return f"it was not killed ({died})"
    if child(lambda: work(fake, folder, NOT_YET)) != LIVED:
        return "the second process failed"
    return flaw(fake, folder)


def main() -> None:
    part, parts = int(sys.argv[1]), int(sys.argv[2])
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name,
        contextlib.closing(FakeProcess()) as fake,
    ):
        folder = Path(name) / "work"
        folder.mkdir()
        begin(fake)
        assert child(lambda: work(fake, folder, NOT_YET)) == LIVED
        total, wrong = int((folder / "passed").read_text()), [flaw(fake, folder)]
        moments = range(part, total - 1, parts)  # behind the last one nothing is left to go on with
        found = {moment: kill_at(fake, folder, moment) for moment in moments}
    wrong += [f"{moment}: {said}" for moment, said in found.items() if said is not None]
    print(json.dumps({"moments": total, "tried": len(moments), "wrong": [one for one in wrong if one]}))


if __name__ == "__main__":
    main()
