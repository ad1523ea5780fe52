"""A dump into SQLite with validation, and its verify, against `sqlite-utils insert` of the same file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench.claims import Claim
from tests.bench.sessions import write_sessions
from tests.bench.timing import BIN, ROOT, Failed, Timed, run

SCHEMA = ROOT / "migrate" / "schemas" / "spotify-session.v1.json"
MEMORY = 150.0
"""MB that an export may take at any number of sessions."""


@dataclass(slots=True)
class Place:
    """A folder to measure in, with the dump and what became of it.

    `export_most`, `verify_most`: of sqlite-utils' time; None: reported only.
    """

    name: str
    folder: Path
    count: int
    export_most: float | None = None
    verify_most: float | None = None
    exports: list[Timed] = field(default_factory=list)
    verifies: list[Timed] = field(default_factory=list)
    inserts: list[Timed] = field(default_factory=list)

    @property
    def dump(self) -> Path:
        """The NDJSON file."""
        return self.folder / f"sessions-{self.count}.ndjson"

    def measure(self, rounds: int) -> None:
        """Ours, theirs, ours, theirs ..."""
        write_sessions(self.dump, self.count)
        for _ in range(rounds):
            self.exports.append(self.export())
            self.verifies.append(self.verify())
            self.inserts.append(self.insert())
        self._clear()

    def export(self) -> Timed:
        """`kvferry export` into a new file."""
        self._clear()
        stores = ["--source", f"dump:{self.dump}", "--target", f"sqlite:{self.folder / 'ours.db'}"]
        how = ["--ledger", str(self.folder / "ledger.db"), "--quiet", "--json"]
        timed = run([BIN / "kvferry", "export", *stores, "--schema", str(SCHEMA), *how], folder=self.folder)
        copied = json.loads(timed.output)["tally"]["copied"]
        if copied != self.count:
            raise Failed(f"the export copied {copied} of {self.count}")
        return timed

    def verify(self) -> Timed:
        """`kvferry verify` of what was exported last."""
        os.sync()
        stores = ["--source", f"dump:{self.dump}", "--target", f"sqlite:{self.folder / 'ours.db'}"]
        how = ["--ledger", str(self.folder / "ledger.db"), "--quiet", "--json", "--fresh"]
        return run([BIN / "kvferry", "verify", *stores, *how], folder=self.folder)

    def insert(self) -> Timed:
        """`sqlite-utils insert` into a new file."""
        self._clear()
        words = ["insert", str(self.folder / "theirs.db"), "sessions", str(self.dump), "--nl", "--pk", "key"]
        return run([BIN / "sqlite-utils", *words], folder=self.folder)

    def _clear(self) -> None:
        for name in ("ours.db*", "theirs.db*", "ledger.*"):
            for file in self.folder.glob(name):
                file.unlink()
        os.sync()  # what one run leaves to be written must not slow the next one down


def claims(disk: Path, memory: Path | None, *, quick: bool, rounds: int) -> Iterator[Claim]:
    """Everything about dumps; `memory` is a folder on tmpfs, None where there is none."""
    count = 50_000 if quick else 500_000
    places = [Place("disk", disk, count, None if quick else 0.5, None if quick else 0.25)]
    if memory is not None:
        places.append(Place("tmpfs", memory, count, None if quick else 0.75))
    for place in places:
        place.measure(rounds)
        yield from _compared(place)
    yield from _memory(places[0], quick=quick)


def _compared(place: Place) -> Iterator[Claim]:
    what = f"{place.count:,} sessions, {place.name}"
    theirs = median(one.wall for one in place.inserts)
    exports, verifies = place.exports, place.verifies
    yield Claim(
        f"export dump → SQLite vs sqlite-utils insert, {what}",
        "s",
        median(one.wall for one in exports),
        theirs,
        most=place.export_most,
    )
    yield Claim(
        f"verify dump = SQLite vs sqlite-utils insert, {what}",
        "s",
        median(one.wall for one in verifies),
        theirs,
        most=place.verify_most,
    )
    theirs_cpu = median(one.cpu for one in place.inserts)
    yield Claim(f"  CPU of that export, {what}", "s", median(one.cpu for one in exports), theirs_cpu)
    yield Claim(f"  CPU of that verify, {what}", "s", median(one.cpu for one in verifies), theirs_cpu)


def _memory(place: Place, *, quick: bool) -> Iterator[Claim]:
    """Peak memory, and that four times as many sessions take no more."""
    many = Place(place.name, place.folder, place.count * 4)
    write_sessions(many.dump, many.count)
    many.exports.append(many.export())
    many.verifies.append(many.verify())
    for verb, few, more in (
        ("export", place.exports, many.exports),
        ("verify", place.verifies, many.verifies),
    ):
        low, high = (max(one.peak for one in timed) for timed in (few, more))
        yield Claim(f"peak memory of {verb}, {place.count:,} sessions", "MB", low, most=MEMORY)
        yield Claim(f"peak memory of {verb}, {many.count:,} sessions", "MB", high, most=MEMORY)
        yield Claim(
            f"  the same at {many.count:,} as at {place.count:,}",
            "MB",
            high,
            low,
            most=None if quick else 1.1,
        )
    many._clear()
    if not quick:
        many.dump.unlink()
        many.dump.with_suffix(".done").unlink()
