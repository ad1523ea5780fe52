"""KV written through the bridge: the contract of bulk writing, and what becomes of lost answers."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import httpx
import pytest

from migrate.bridge_keys import VARIABLE, find_bridge_keys
from migrate.clock import SystemClock
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.record import NEVER, Key, Record
from migrate.core.writing import Reason
from migrate.errors import ConfigError, StoreUnavailable
from migrate.stores.cloudflare import Api
from migrate.stores.durable import Bridge, BridgedKv
from migrate.stores.kv_local import LocalKvSource
from tests.edge.edge import Edge
from tests.stores.durable_side import keys
from tests.stores.manual_clock import ManualClock
from tests.stores.writing_cases import CASES, Bed

ADDRESS = "kv://account/BARE"


def connected(edge: Edge, name: str = "kv-bare", scopes: tuple[str, ...] = ("kv",), **options) -> Bridge:
    found = find_bridge_keys({VARIABLE: keys(*scopes)}, None, 0)  # type: ignore[arg-type]
    options = {"clock": SystemClock(), **options}
    return Bridge(edge.bridge(name).url.rstrip("/"), found, **options)


class Brisk(SystemClock):
    """The real time, and short waits."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.05))


class BridgedBed:
    """Written through a bridge without a prefix, looked at over the local runtime's own API."""

    dated = True

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.writer = BridgedKv(connected(edge), ADDRESS, clock=Brisk())
        base = edge.kv_address("BARE").removeprefix("kv+").rpartition("/")[0]
        api = Api(base, None, clock=SystemClock(), log=MemoryRequestLog(), rate=Rate(10**6, 1), patience=5)
        self._source = LocalKvSource(api, "BARE")
        self.clear()

    def now(self) -> float:
        return time.time()

    def held(self) -> Mapping[str, Record]:
        page = self._source.scan("", None)
        # A value alone comes as it is; together with others it has lost a mark at its beginning.
        alone = {one.key: self.edge.kv_item("BARE", one.key) for one in page.records or ()}
        return {one.key: one._replace(value=alone[one.key][0]) for one in page.records or ()}

    def clear(self) -> None:
        self.writer.delete([head.key for head in self._source.scan("", None).heads])

    def close(self) -> None:
        self.edge.bridge("kv-bare").set_kv()
        self.edge.bridge("kv-bare").set_clock(None)
        self.writer.close()
        self._source.close()


@pytest.fixture
def bed(edge: Edge) -> Iterator[BridgedBed]:
    one = BridgedBed(edge)
    yield one
    one.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_contract(bed: BridgedBed, case: Callable[[Bed], None]) -> None:
    case(bed)


def record(name: str, value: bytes = b"v", until: int | None = None) -> Record:
    return Record(Key(name), value, None, NEVER if until is None else until)


def test_more_than_one_request_takes_are_written_in_several(bed: BridgedBed) -> None:
    wanted = [record(f"s{number:04}", str(number).encode()) for number in range(210)]
    assert bed.writer.put(wanted) == dict.fromkeys((one.key for one in wanted), None)
    assert {key: one.value for key, one in bed.held().items()} == {one.key: one.value for one in wanted}
    assert bed.writer.delete([one.key for one in wanted]) == dict.fromkeys((one.key for one in wanted), None)
    assert bed.held() == {}


def test_large_values_are_sent_in_bodies_that_fit(bed: BridgedBed) -> None:
    wanted = [record(f"s{number}", bytes([number]) * 1_900_000) for number in range(6)]
    assert set(bed.writer.put(wanted).values()) == {None}
    assert {key: one.value for key, one in bed.held().items()} == {one.key: one.value for one in wanted}
    assert bed.writer.put([record("big", b"x" * 1_990_001)]) == {"big": Reason.TOO_LARGE}


def test_what_kv_does_not_take_at_once_is_tried_again(bed: BridgedBed) -> None:
    bed.edge.bridge("kv-bare").set_kv("KV PUT failed: 500 Internal Server Error")
    assert bed.writer.put([record("a"), record("b")]) == {"a": None, "b": None}
    bed.edge.bridge("kv-bare").set_kv(*["KV PUT failed: 500 Internal Server Error"] * 10)
    assert bed.writer.put([record("c")]) == {"c": Reason.FAILED}
    assert set(bed.held()) == {"a", "b"}


def test_numbers_that_no_worker_can_hold_are_said_to_be_unable_to_pass(bed: BridgedBed) -> None:
    exact = Record(Key("a"), b"v", '{"n":12345678901234567890}', NEVER)
    assert bed.writer.put([exact, record("b")]) == {"a": Reason.UNABLE, "b": None}
    assert set(bed.held()) == {"b"}


class Losing(httpx.BaseTransport):
    """Loses the answers to the first few requests after the first one, which have been done."""

    def __init__(self, lost: int, then: Callable[[], None] = lambda: None) -> None:
        self._real, self._lost, self._then = httpx.HTTPTransport(), lost, then
        self.asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._real.handle_request(request)
        if request.url.path.endswith("/kv"):
            self.asked += 1
            if self.asked <= self._lost:
                response.read()
                self._then()
                raise httpx.ReadError("lost")
        return response

    def close(self) -> None:
        self._real.close()


def test_a_request_whose_answer_was_lost_is_sent_again_in_its_time(bed: BridgedBed) -> None:
    losing = Losing(1)
    clock = ManualClock(time.time())
    writer = BridgedKv(connected(bed.edge, transport=losing, clock=clock), ADDRESS, clock=clock)
    assert writer.put([record("a")]) == {"a": None}
    assert losing.asked == 2
    writer.close()


def test_where_nobody_answers_in_time_nothing_is_known(bed: BridgedBed) -> None:
    losing = Losing(1000)
    clock = ManualClock(time.time())
    writer = BridgedKv(connected(bed.edge, transport=losing, clock=clock), ADDRESS, clock=clock)
    with pytest.raises(StoreUnavailable):
        writer.put([record("a")], not_after=clock.now() + 10)
    assert set(bed.held()) == {"a"}, "and it was written"
    writer.close()


def test_what_is_too_late_when_it_is_sent_again_is_not_said_to_be_unwritten(bed: BridgedBed) -> None:
    now = time.time()
    bridge = bed.edge.bridge("kv-bare")
    losing = Losing(1, then=lambda: bridge.set_clock(now + 40))
    clock = ManualClock(now)
    writer = BridgedKv(connected(bed.edge, transport=losing, clock=clock), ADDRESS, clock=clock)
    with pytest.raises(StoreUnavailable):
        writer.put([record("a")], not_after=now + 15)
    assert set(bed.held()) == {"a"}
    writer.close()


def test_a_bridge_or_a_key_that_cannot_write_kv_is_named_before_anything_is_sent(edge: Edge) -> None:
    unkeyed = connected(edge, scopes=("import", "delete"))
    with closing(unkeyed), pytest.raises(ConfigError, match="no key for kv"):
        BridgedKv(unkeyed, ADDRESS, clock=SystemClock())
    unbound = connected(edge, "shards")
    with closing(unbound), pytest.raises(ConfigError, match="no KV namespace is bound") as error:
        BridgedKv(unbound, ADDRESS, clock=SystemClock())
    assert "--kv-binding" in str(error.value.hint)
