import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.fake_api import FakeApi, FakeServer

if TYPE_CHECKING:
    from tests.edge.edge import Edge

# Whoever starts the tests in the background may have had interrupts ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


# On a busy machine an example may take any time; that says nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """Cloudflare's production API, faked, on 127.0.0.1: `fake.url` to call it, `fake.api` to change it."""
    with FakeServer(FakeApi()) as server:
        yield server


IN_MEMORY = Path("/dev/shm")
ENOUGH = 500_000_000  # bytes


@contextlib.contextmanager
def _in_memory() -> Iterator[Path]:
    # Every object is a file that is synced when it is made: in memory that takes a tenth of the time.
    in_memory = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ENOUGH
    place = IN_MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(dir=place, prefix="kvferry-edge-") as folder:
        yield Path(folder)


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """An empty folder, in memory where there is room for it."""
    with _in_memory() as folder:
        yield folder


@pytest.fixture(scope="session")
def running() -> "Iterator[Edge]":
    from tests.edge.edge import Edge

    with _in_memory() as folder, Edge(folder) as edge:
        yield edge


@pytest.fixture
def edge(running: "Edge") -> "Iterator[Edge]":
    """The running runtime, for tests of xdist's group "edge": one worker runs them all.

    Every test takes names of its own: what others left is still there.
    """
    yield running
    running.set_clock(None)
