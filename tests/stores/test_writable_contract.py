"""Every store that is written in bulk keeps the contract: in memory, and over the REST API that is faked.

The local runtime's is in tests/runtime/test_writing.py.
"""

from collections.abc import Callable, Iterator, Mapping

import pytest

from migrate.core.record import NEVER, Key, Record
from migrate.stores.kv_writing import KvWriter
from migrate.stores.memory import MemoryKv, MemoryKvWriter
from tests.fake_api import ACCOUNT, NAMESPACE, FakeApi, FakeServer
from tests.stores.connected import connected
from tests.stores.manual_clock import ManualClock
from tests.stores.writing_cases import CASES, Bed


class MemoryBed:
    dated = True

    def __init__(self) -> None:
        clock = ManualClock()
        self._kv = MemoryKv(clock=clock)
        self.writer = MemoryKvWriter(self._kv, clock=clock)
        self.now = clock.now

    def held(self) -> Mapping[str, Record]:
        keys = [head.key for head in self._kv.scan("", None).heads]
        return {key: record for key in keys if (record := self._kv.entry(key)) is not None}


class RestBed:
    dated = True

    def __init__(self, server: FakeServer, clock: ManualClock) -> None:
        self._fake = server.api
        self.now = clock.now
        self.writer = KvWriter(connected(server, clock), ACCOUNT, NAMESPACE, clock=clock)

    def held(self) -> Mapping[str, Record]:
        found = self._fake.namespace.entries(self.now())
        return {
            key: Record(
                Key(key), entry.value, entry.metadata, NEVER if entry.expiration is None else entry.expiration
            )
            for key, entry in found.items()
        }


@pytest.fixture(params=["memory", "rest"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    if request.param == "memory":
        yield MemoryBed()
        return
    clock = ManualClock()
    with FakeServer(FakeApi(clock=clock.now, monotonic=clock.monotonic)) as server:
        one = RestBed(server, clock)
        yield one
        one.writer.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_contract(bed: Bed, case: Callable[[Bed], None]) -> None:
    case(bed)
