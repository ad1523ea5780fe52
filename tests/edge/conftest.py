import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.edge import Edge

IN_MEMORY = Path("/dev/shm")
ENOUGH = 500_000_000  # bytes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs them all, so that one runtime serves them all."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("edge"))


@pytest.fixture(scope="session")
def running() -> Iterator[Edge]:
    # Every object is a file that is synced when it is made: in memory that takes a tenth of the time.
    in_memory = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ENOUGH
    place = IN_MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(dir=place, prefix="kvferry-edge-") as folder, Edge(Path(folder)) as edge:
        yield edge


@pytest.fixture
def edge(running: Edge) -> Iterator[Edge]:
    """The running runtime. Every test takes names of its own: what others left is still there."""
    yield running
    running.set_clock(None)
