"""Kills real rekeyings with SIGKILL before and after every step, and goes on with them.

    python -m tests.rekeying.killer copy|delete PART PARTS     prints one JSON document

Steps and server are those of `tests.cleaning.killer`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from migrate.clock import SystemClock
from migrate.core.rekeying import Names
from migrate.opening import Settings
from migrate.rekeying import copying, deleting
from migrate.rekeying.run import rekey
from migrate.rekeying.wish import Rekey
from migrate.stores import kv
from tests.cleaning.killer import NOT_YET, held, install
from tests.fake_api import FakeProcess
from tests.flows.killer import LIVED, child

COUNT = 15
GONE = 2
"""Sessions that are logged out, and changed, between the first copy and the one that is killed."""


def work(fake: FakeProcess, folder: Path, fatal: int, *, delete: bool) -> None:
    """One whole command."""
    kv.PAGE = copying.PORTION = deleting.PORTION = 10
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
    wish = Rekey(address, Names("o:", "n:"), settings, True, lambda name: name, delete, settle=0.0)
    try:
        ended = rekey(wish, lambda _: None)
    finally:
        clock.stop()
    assert ended.error is None, ended.error
    (folder / "report.json").write_text(json.dumps(ended.document))


def item(name: str, number: int, more: str = "") -> dict[str, Any]:
    later = EXPIRES + number
    return {
        "key": f"{name}{number:03}",
        "value": f"v{number}{more}",
        "metadata": {"n": number},
        "expiration": later,
    }


EXPIRES = int(time.time()) + 100_000


def begin(fake: FakeProcess, folder: Path, what: str) -> None:
    """Some were copied already, and have changed since, or are gone; for the deletion all are copied."""
    fake.control(delete=list(held(fake)))
    fake.control(put=[item("o:", number) for number in range(COUNT)])
    assert child(lambda: work(fake, folder, NOT_YET, delete=False)) == LIVED
    if what == "copy":
        fake.control(
            delete=[f"o:{number:03}" for number in range(GONE)],
            put=[item("o:", number, " newer") for number in range(GONE, 2 * GONE)] + [item("o:", COUNT)],
        )


def flaw(fake: FakeProcess, folder: Path, what: str) -> str | None:
    """What is wrong after one that was gone on with; None: nothing."""
    report, there = json.loads((folder / "report.json").read_text()), held(fake)
    old = {key[2:]: {**one, "key": ""} for key, one in there.items() if key.startswith("o:")}
    new = {key[2:]: {**one, "key": ""} for key, one in there.items() if key.startswith("n:")}
    if not report["balanced"]:
        return "the report does not balance"
    if what == "copy":
        if old != new or len(old) != COUNT + 1 - GONE:
            return f"{len(old)} old names, {len(new)} new ones"
        return None if report["checked"]["tally"]["equal"] == len(old) else "they are not counted as equal"
    if old or len(new) != COUNT:
        return f"{len(old)} old names are left, and {len(new)} new ones"
    lines = [json.loads(line) for line in Path(report["dump"]["file"]).read_text().splitlines()]
    if [line["key"] for line in lines] != [f"o:{number:03}" for number in range(COUNT)]:
        return f"the dump has {len(lines)} lines"
    tally = report["deleted"]["tally"]
    if tally["deleted"] + tally["gone"] != COUNT or report["exit"]:
        return f"counted {tally}"
    return None


def kill_at(fake: FakeProcess, folder: Path, what: str, moment: int) -> str | None:
    """Kill there, go on, and look."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    begin(fake, folder, what)
    delete = what == "delete"
    died = child(lambda: work(fake, folder, moment, delete=delete))
    if died != 0:
        return f"it was not killed ({died})"
    if child(lambda: work(fake, folder, NOT_YET, delete=delete)) != LIVED:
        return "the second process failed"
    return flaw(fake, folder, what)


def main() -> None:
    what, part, parts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name,
        contextlib.closing(FakeProcess()) as fake,
    ):
        folder = Path(name) / "work"
        folder.mkdir()
        begin(fake, folder, what)
        assert child(lambda: work(fake, folder, NOT_YET, delete=what == "delete")) == LIVED
        total, wrong = int((folder / "passed").read_text()), [flaw(fake, folder, what)]
        end = total - 3 * (what == "delete")  # behind the close of the task nothing is left to go on with
        moments = range(part, end, parts)
        found = {moment: kill_at(fake, folder, what, moment) for moment in moments}
    wrong += [f"{moment}: {said}" for moment, said in found.items() if said is not None]
    print(json.dumps({"moments": total, "tried": len(moments), "wrong": [one for one in wrong if one]}))


if __name__ == "__main__":
    main()
