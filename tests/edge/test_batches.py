"""Random walks of the model, interleaved step by step, on the real store, objects and exporter."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from migrate import reading
from migrate.core import settling
from migrate.core.record import Key, Row
from tests.edge.batch import Batch, Build, Counts, Disagreement
from tests.edge.edge import EDGE, HERE, MUTANTS
from tests.edge.ground import APART, BROKEN
from tests.model.named import names
from tests.model.walking import LOOKS
from tests.model.world import STAGES

WALKS, SEEDS = 40, range(1, 14)

EXPORTER = {
    # what a walk is told of the exporter; each is met by the seeds below
    "export: read KV",
    "export: import",
    "sweep: read row",
    "sweep: read KV",
    "sweep: read KV again",
    "sweep: apply",
    "sweep: bury",
    "verify: begin",
    "verify: read KV",
    "verify: read row",
    "verify: open",
}


def test_the_code_does_what_the_model_does_at_every_kind_of_step(edge):
    """In one test, so that what the walks met is counted wherever the others run."""
    counts = Counts()
    for seed in SEEDS:
        counts.add(Batch(edge, seed, WALKS).run())
    assert counts.walks >= 500
    assert min(counts.steps, counts.reads) > 10_000
    assert counts.rows > 1000
    assert counts.names.keys() >= EXPORTER
    done = [name for name in counts.names if " at " in name]
    assert len(done) > 100
    for stage in STAGES:
        assert {f"put at {stage}", f"touch at {stage}", f"delete at {stage}"} <= {
            name.split(":")[0] for name in done
        }


@pytest.mark.parametrize("seed", [101, 102])
def test_with_an_object_for_each_session(edge, seed):
    found = Batch(edge, seed, WALKS, build=APART).run()
    assert found.names["export: import"] > 0


@pytest.mark.parametrize("seed", [201, 202])
def test_with_sessions_that_only_kv_has_at_object_first(edge, seed):
    found = Batch(edge, seed, WALKS, missing=True).run()
    assert min(found.names[LOOKS], found.names["get at object-first: import"]) > 0


def test_a_seed_is_the_same_walks_again(edge):
    first, second = (Batch(edge, 7, 10).run() for _ in range(2))
    assert first == second
    assert first.names != Batch(edge, 8, 10).run().names


def met_by(edge, build: Build, first: int = SEEDS[0]) -> str:
    """What the first walk says that sees the mutant, from this seed on."""
    for seed in SEEDS[first - 1 :]:
        try:
            Batch(edge, seed, WALKS, build=build).run()
        except Disagreement as found:
            return str(found)
    return ""


@pytest.mark.parametrize(
    ("mutant", "first", "seen"),
    [
        ("LAX", 1, "at shadow-read: KV"),
        ("DISOBEYING", 1, "a read at shadow-read"),
        ("UNCOMPARED", 5, "touch at shadow-read: object done"),
        ("OVERWRITING", 2, "the row is"),
        ("UNTIMED", 1, "came too late was done"),
        ("UNVERSIONED", 3, "the row is"),
    ],
)
def test_code_that_breaks_a_rule_disagrees(edge, mutant, first, seen):
    assert mutant in MUTANTS
    said = met_by(edge, BROKEN[mutant], first)
    assert said.startswith("seed ")
    assert seen in said.splitlines()[0]


class Later(Mapping[Key, Row]):
    """Rows that are read when they are asked for: after KV."""

    def __init__(self, look: Any, keys: Sequence[Key]) -> None:
        self._look, self._keys, self._rows = look, keys, None

    def _found(self) -> Mapping[Key, Row]:
        if self._rows is None:
            self._rows = self._look(self._keys)
        return self._rows

    def __getitem__(self, key: Key) -> Row:
        return self._found()[key]

    def __iter__(self):
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())


def test_a_sweep_that_reads_kv_before_the_row_disagrees(edge, monkeypatch):
    def rows(self, heads):
        return None if self.look is None else Later(self.look, [head.key for head in heads])

    monkeypatch.setattr(reading.Reading, "_rows", rows)
    assert "KV is read before the row" in met_by(edge, Build())


def test_a_sweep_that_believes_one_reading_disagrees(edge, monkeypatch):
    monkeypatch.setattr(settling, "saw", lambda old, record: True)
    assert met_by(edge, Build())


# ---------------------------------------------------------------- names


def test_the_steps_of_the_model_and_of_the_code_share_their_names():
    source = (HERE / "worker" / "walking.ts").read_text()
    parts = dict(re.findall(r'^  "?([\w.]+)"?: "([\w ]+)",$', source, re.MULTILINE))
    pattern = re.compile(r"(\w+) at ([\w-]+): (reads row|reads KV|import|object|KV)(?: half)?(?: (.+))?")
    offered, _ = names(range(300))
    found = [pattern.fullmatch(name) for name in offered]
    assert None not in found
    assert {one[3] for one in found} == set(parts.values())
    calls = set(re.findall(r"^  (\w+)\(ask", (EDGE / "src" / "half-calls.ts").read_text(), re.MULTILINE))
    assert {name for name in parts if not name.startswith("kv.")} == calls
    stages = re.search(r"STAGES = \[(.*)\]", (EDGE / "src" / "store" / "stages.ts").read_text())
    assert tuple(re.findall(r'"([\w-]+)"', stages[1])) == STAGES
    assert {one[2] for one in found} == set(STAGES)
