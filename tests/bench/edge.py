"""A dump into Durable Objects through the bridge, against bare Workers that put them by one RPC each.

Everything runs in Cloudflare's own local runtime. The rivals have their rows in the Worker already: what
is timed of them is one request. What is timed of kvferry is the copy: it reads the dump, takes the lease,
saves its checkpoints, writes its ledger and its report; the start of its process is a line of its own. Each
measurement has a runtime of its own, which has taken a few sessions in the same way before; and the disk
has taken everything that was written before.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from migrate.bridge_keys import VARIABLE
from tests.bench.claims import Claim
from tests.bench.sessions import PREFIX, write_sessions
from tests.bench.timing import Failed, run
from tests.edge.edge import EDGE, SECRET, Edge, valid_key

WORKERS = Path(__file__).parent / "worker"
MORE = 480
"""Bytes that make sessions of about 1 KB out of the other benchmarks'."""

_FEW = 500
"""Sessions that are put, or copied, before anything is timed."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where sessions go; `shards` 0: each into an object of its own."""

    name: str
    shards: int
    flying: int
    least: float


SHARDS = Placement("shards:16", 16, 1, 10.0)
OWN = Placement("per-session", 0, 100, 0.8)


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of ours: seconds of the export and of the verify (None: there is none), sessions that both
    found equal, seconds of CPU, peak memory in MB, and seconds that its process had besides."""

    export: float
    verify: float | None
    count: int
    cpu: float
    peak: float
    start: float


class Site(Edge):
    """The runtime with the rivals' Worker, which owns the classes, and the real bridge to it."""

    def __init__(self, folder: Path, placement: Placement) -> None:
        super().__init__(folder)
        self._placement = placement

    def _plan(self, modules: Path) -> dict[str, Any]:
        """Two Workers."""
        objects = {"USER_SESSIONS": "UserSessions", "BARE": "Bare"}
        owned = {binding: {"className": name, "useSQLite": True} for binding, name in objects.items()}
        reached = {"USER_SESSIONS": {**owned["USER_SESSIONS"], "scriptName": "application"}}
        variables = {
            "KVFERRY_BRIDGE_SECRET": SECRET,
            "KVFERRY_PLACEMENT": self._placement.name,
            "KVFERRY_PREFIX": PREFIX,
        }
        workers = [
            ("application", WORKERS / "rivals.ts", owned, {}),
            ("bridge", EDGE / "src" / "bridge-worker.ts", reached, variables),
        ]
        return {
            "modules": str(modules),
            "folder": str(self.state),
            "aliases": {"EDGE": str(EDGE / "src")},
            "workers": [
                {"name": name, "entry": str(entry), "durableObjects": classes, "bindings": bindings}
                for name, entry, classes, bindings in workers
            ],
        }

    def put(self, few: Path, dump: Path, binding: str) -> float:
        """Let a rival put the few, and then the dump's sessions, by RPC; returns the seconds of the dump."""
        self._put(few, binding)
        return self._put(dump, binding)

    def _put(self, dump: Path, binding: str) -> float:
        count = 0
        for some in _chunks(dump):
            count = self._ask("rows", some)
        order = {"binding": binding, "shards": self._placement.shards, "flying": self._placement.flying}
        os.sync()
        began = time.monotonic()
        if self._ask("put", order) != count:
            raise Failed("a rival did not put all that it was given")
        return time.monotonic() - began

    def _ask(self, path: str, body: Any) -> Any:
        answer = self.http.post(self._urls["application"] + path, content=json.dumps(body), timeout=600)
        if answer.status_code != 200:
            raise Failed(f"the rivals' Worker answers {answer.status_code}")
        return answer.json()

    def copy(self, few: Path, dump: Path) -> Copy:
        """Copy the few, and then the dump, into the objects; verify it, where they can be listed."""
        target = "do+" + self._urls["bridge"].rstrip("/")
        words = [few, dump, target, self.folder / "ledger.db"]
        if self._placement.shards:  # the rest cannot be listed without Cloudflare's API
            words.append("verify")
        keys = {VARIABLE: f"{valid_key('import')} {valid_key('values')}"}
        command = [sys.executable, "-m", "tests.bench.copying", *map(str, words)]
        timed = run(command, folder=self.folder, environment=keys)
        said = json.loads(timed.output)
        verify = said.get("verify")
        start = timed.wall - said["warm"] - said["export"] - (verify or 0.0)
        least = min(said["copied"], said.get("equal", said["copied"]))
        return Copy(said["export"], verify, least, said["cpu"], timed.peak, start)

    def memory(self) -> float:
        """The most that the runtime's processes have taken so far, in MB (10^6 bytes)."""
        return sum(
            _peak(process) for process in Path("/proc").glob("[0-9]*") if _session(process) == self.session
        )


def _session(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except OSError:  # it has ended since
        return 0


def _peak(process: Path) -> float:
    lines = (process / "status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


def _chunks(dump: Path) -> Iterator[list[dict[str, Any]]]:
    """The dump as the rivals' Worker takes it, 1,000 sessions at a time."""
    with dump.open(encoding="ascii") as lines:
        items = (json.loads(line) for line in lines)
        rows = (
            {"id": item["key"].removeprefix(PREFIX), "data": item["value"], "expiration": item["expiration"]}
            for item in items
        )
        while some := list(islice(rows, 1000)):
            yield some


def _write_few(path: Path, dump: Path) -> Path:
    """Some of the dump's sessions, under other keys."""
    with dump.open(encoding="ascii") as lines, path.open("w", encoding="ascii") as few:
        few.writelines(line.replace(PREFIX, f"{PREFIX}few-", 1) for line in islice(lines, _FEW))
    return path


@dataclass(slots=True)
class Race:
    """The measurements of one placement in one folder. `bare` and `loop`: seconds of a rival with a class
    of its own, and of one with ours."""

    placement: Placement
    count: int
    copies: list[Copy] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def run(self, folder: Path, rounds: int) -> None:
        """Ours, theirs, ours, theirs ..."""
        dump = write_sessions(folder / f"sessions-{self.count}.ndjson", self.count, MORE)
        few = _write_few(folder / "few.ndjson", dump)
        for _ in range(rounds):
            with self._site(folder) as site:
                copy = site.copy(few, dump)
                if copy.count != self.count:
                    raise Failed(f"only {copy.count} of {self.count} sessions were copied, or found equal")
                self.copies.append(copy)
                self.memory.append(site.memory())
            with self._site(folder) as site:
                self.bare.append(site.put(few, dump, "BARE"))
        with self._site(folder) as site:
            self.loop.append(site.put(few, dump, "USER_SESSIONS"))

    @contextmanager
    def _site(self, folder: Path) -> Iterator[Site]:
        with tempfile.TemporaryDirectory(dir=folder) as place, Site(Path(place), self.placement) as site:
            yield site


def claims(disk: Path, memory: Path | None, *, quick: bool, rounds: int) -> Iterator[Claim]:
    """Both placements, on disk and in memory; what is in memory is only reported.

    As for users of `wrangler dev`, objects are files, and each commit waits for the disk.
    """
    folders = [("disk", disk)] + ([("tmpfs", memory)] if memory is not None else [])
    for placement, count in ((SHARDS, 20_000), (OWN, 4_000)):
        for name, folder in folders:
            race = Race(placement, count // 10 if quick else count)
            race.run(folder, rounds)
            yield from _compared(race, name, limited=name == "disk" and not quick)


def _compared(race: Race, folder: str, *, limited: bool) -> Iterator[Claim]:
    placement, count = race.placement, race.count
    what = f"{placement.name}, {count:,} sessions, {folder}"
    ours = count / median(one.export for one in race.copies)
    least = placement.least if limited else None
    yield Claim(
        f"export → {what}, vs a bare Worker's RPCs, {placement.flying} at a time",
        "/s",
        ours,
        count / median(race.bare),
        least=least,
    )
    yield Claim(f"  the same, vs those RPCs into our class, {folder}", "/s", ours, count / median(race.loop))
    verifies = [one.verify for one in race.copies if one.verify is not None]
    if verifies:
        yield Claim(f"verify = {what}", "/s", count / median(verifies))
    yield Claim(
        f"  start of the process before and after, {folder}", "s", median(one.start for one in race.copies)
    )
    yield Claim(f"  CPU of that export, {folder}", "s", median(one.cpu for one in race.copies))
    yield Claim(f"  peak memory of that process, {folder}", "MB", max(one.peak for one in race.copies))
    yield Claim(f"  peak memory of the runtime meanwhile, {folder}", "MB", max(race.memory))
