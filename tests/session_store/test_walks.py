import random
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.model.world import STAGES
from tests.session_store.mutants import MUTANTS
from tests.session_store.sides import Stores
from tests.session_store.walks import Disagreement, Walk, walks

SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def file():
    """A file on a disk that need not be waited for: each half is on the disk before the next one begins."""
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="kvferry-walks-", dir=where) as folder:
        yield Path(folder) / "sessions.db"


@pytest.mark.parametrize("seed", range(5))
def test_the_store_and_the_exporter_walk_where_the_model_walks(file, seed):
    taken = walks(file, seed, 100)
    for step in ("object half lands late", "KV half lands late", "sweep: read KV again", "export: import"):
        assert any(step in name for name in taken), f"no walk came to: {step}"
    assert {name.split(" at ")[1].split(":")[0] for name in taken if " at " in name} == set(STAGES)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.__name__)
def test_a_store_without_a_rule_is_caught(file, monkeypatch, mutant):
    with closing(Stores.at(file)) as stores:
        mutant(monkeypatch, stores)
        assert disagreement(stores, 1500), "the walks see no difference"


def disagreement(stores: Stores, walks: int) -> Disagreement | None:
    for number in range(walks):
        try:
            Walk(stores, random.Random(number)).run(24)
        except Disagreement as found:
            return found
    return None
