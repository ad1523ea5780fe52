"""The KV of a real `wrangler dev`, written and emptied: the same contract as at Cloudflare."""

import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from migrate.clock import SystemClock
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.record import NEVER, Key, Record
from migrate.core.writing import Reason
from migrate.stores.cloudflare import Api
from migrate.stores.kv_explorer import PATIENCE
from migrate.stores.kv_local_writing import LocalKvWriter
from migrate.stores.wrangler_state import WranglerState
from tests.runtime.runtime import LocalRuntime
from tests.stores.writing_cases import CASES, Bed


class RuntimeBed:
    """Written over its REST API, looked at in its files."""

    def __init__(self, runtime: LocalRuntime) -> None:
        api = Api(
            runtime.url,
            None,
            clock=SystemClock(),
            log=MemoryRequestLog(),
            rate=Rate(10**6, 1),
            patience=PATIENCE,
        )
        self.writer = LocalKvWriter(api, runtime.namespace_id(), clock=SystemClock())
        self.dated = runtime.version != "4.86"  # which forgets the expiration of a single write
        self._runtime = runtime

    def now(self) -> float:
        return time.time()

    def held(self) -> Mapping[str, Record]:
        if not self._runtime.database().exists():
            return {}
        source = WranglerState(self._runtime.folder, self._runtime.namespace_id(), SystemClock())
        try:
            page = source.scan("", None)
            found = source.read([head.key for head in page.heads])
            return {key: record for key, record in found.items() if isinstance(record, Record)}
        finally:
            source.close()


@pytest.fixture
def bed(runtime: LocalRuntime) -> Iterator[RuntimeBed]:
    one = RuntimeBed(runtime)
    yield one
    one.writer.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_contract(bed: RuntimeBed, case: Callable[[Bed], None]) -> None:
    case(bed)


def test_no_record_is_written_with_more_life_or_other_metadata_than_it_has(bed: RuntimeBed) -> None:
    later = int(time.time()) + 3600
    given = [Record(Key("dated"), b"v", None, later), Record(Key("falsy"), b"v", "false", NEVER)]
    done = bed.writer.put(given)
    if bed.dated:
        assert done == {"dated": None, "falsy": None}
        assert bed.held() == {record.key: record for record in given}
    else:
        assert done == {"dated": Reason.UNABLE, "falsy": Reason.UNABLE}
        assert bed.held() == {}
