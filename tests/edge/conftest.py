from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.edge import Edge
from tests.edge.stored import Stored
from tests.edge.watched import Watched


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs them all, so that one runtime serves them all."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("edge"))


@pytest.fixture(params=["per-session", "shards:4"])
def stored(request: pytest.FixtureRequest, edge: Edge) -> Iterator[Stored]:
    """The session store in either placement."""
    yield Stored(edge, request.param)
    edge.store("clock", None)


@pytest.fixture
def apart(edge: Edge) -> Iterator[Stored]:
    """The session store, each session in an object of its own."""
    yield Stored(edge)
    edge.store("clock", None)


@pytest.fixture
def watched(edge: Edge) -> Iterator[Watched]:
    """The session store with statistics of its own."""
    yield Watched(edge)
    edge.store("clock", None)
