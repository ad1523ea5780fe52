import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from migrate.clock import SystemClock
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.ports import Page, Source
from migrate.core.record import NEVER, Key, Record
from migrate.stores.cloudflare import Api
from migrate.stores.kv_explorer import PATIENCE
from migrate.stores.kv_local import LocalKvSource
from migrate.stores.wrangler_state import WranglerState
from tests.runtime.cases import PREFIX, awkward_seeds, many_seeds
from tests.runtime.runtime import BINDINGS, LocalRuntime, Seed


@contextmanager
def over_rest(runtime: LocalRuntime, binding: str = "SESSIONS") -> Iterator[LocalKvSource]:
    api = Api(
        runtime.url,
        None,
        clock=SystemClock(),
        log=MemoryRequestLog(),
        rate=Rate(10**6, 1),
        patience=PATIENCE,
    )
    source = LocalKvSource(api, runtime.namespace_id(binding))
    try:
        yield source
    finally:
        source.close()


@contextmanager
def from_disk(runtime: LocalRuntime, binding: str = "SESSIONS") -> Iterator[WranglerState]:
    source = WranglerState(runtime.folder, runtime.namespace_id(binding), SystemClock())
    try:
        yield source
    finally:
        source.close()


def pages(source: Source, prefix: str = "") -> list[Page]:
    found = [source.scan(prefix, None)]
    while (cursor := found[-1].next) is not None:
        found.append(source.scan(prefix, cursor))
    return found


def records(source: Source, prefix: str = "") -> list[Record]:
    """Everything, in the order of the listing: from the pages, or read where a page has none."""
    found: list[Record] = []
    for page in pages(source, prefix):
        if page.records is not None:
            assert [record.key for record in page.records] == [head.key for head in page.heads]
            found += page.records
            continue
        answers = source.read([head.key for head in page.heads])
        found += [answer for answer in answers.values() if isinstance(answer, Record)]
        assert len(answers) == len(page.heads)
    return found


def assert_is(record: Record, seed: Seed, seeded_at: float) -> None:
    assert (record.key, record.value) == (seed.key, seed.value)
    assert (None if record.metadata is None else json.loads(record.metadata)) == seed.metadata
    if seed.ttl is not None:
        assert isinstance(record.expiration, int)
        assert seeded_at - 1 <= record.expiration - seed.ttl <= time.time() + 1
    else:
        assert record.expiration == (NEVER if seed.expiration is None else seed.expiration)


def assert_are(found: list[Record], seeds: list[Seed], seeded_at: float) -> None:
    by_key = {seed.key: seed for seed in seeds}
    assert [record.key for record in found] == sorted(by_key, key=str.encode)
    for record in found:
        assert_is(record, by_key[record.key], seeded_at)


def test_both_give_every_awkward_case_exactly_as_it_was_seeded(runtime: LocalRuntime) -> None:
    seeds, started = awkward_seeds(), time.time()
    runtime.seed(seeds)
    with over_rest(runtime) as rest, from_disk(runtime) as disk:
        one, other = records(rest), records(disk)
        assert_are(one, seeds, started)
        assert_are(other, seeds, started)
        assert [record.expiration for record in one] == [record.expiration for record in other]


def test_both_list_the_prefix_and_nothing_else(runtime: LocalRuntime) -> None:
    seeds, started = awkward_seeds(), time.time()
    runtime.seed(seeds)
    wanted = [seed for seed in seeds if seed.key.startswith(PREFIX)]
    assert 0 < len(wanted) < len(seeds)
    with over_rest(runtime) as rest, from_disk(runtime) as disk:
        assert_are(records(rest, PREFIX), wanted, started)
        assert_are(records(disk, PREFIX), wanted, started)


def test_both_page_through_more_than_a_thousand_keys(runtime: LocalRuntime) -> None:
    seeds, started = many_seeds(1050), time.time()
    runtime.seed(seeds)
    for source in (over_rest, from_disk):
        with source(runtime) as one:
            assert [len(page.heads) for page in pages(one)] == [1000, 50]
            assert_are(records(one), seeds, started)


def test_both_read_single_keys_afresh_and_know_what_is_gone(runtime: LocalRuntime) -> None:
    seeds, started = awkward_seeds(), time.time()
    runtime.seed(seeds)
    runtime.delete([f"{PREFIX}plain"])
    runtime.set_expiration(f"{PREFIX}at", int(started) - 5)
    keys = [Key(seed.key) for seed in seeds] + [Key("none")]
    gone = {f"{PREFIX}plain", f"{PREFIX}at", "none"}
    by_key = {seed.key: seed for seed in seeds}
    for source in (from_disk, over_rest):  # reading through the runtime removes expired rows
        with source(runtime) as one:
            answers = one.read(keys)
            assert set(answers) == set(keys)
            assert {key for key, answer in answers.items() if answer is None} == gone
            for key in set(keys) - gone:
                answer = answers[key]
                assert isinstance(answer, Record)
                assert_is(answer, by_key[key], started)


def test_neither_lists_what_has_expired(runtime: LocalRuntime) -> None:
    runtime.seed([Seed("a", b"1", ttl=600), Seed("b", b"2", ttl=600), Seed("c", b"3")])
    runtime.set_expiration("b", int(time.time()) - 5)
    with from_disk(runtime) as disk:
        assert [record.key for record in records(disk)] == ["a", "c"]
    with over_rest(runtime) as rest:
        assert [record.key for record in records(rest)] == ["a", "c"]


def test_both_find_each_namespace_by_preview_id_id_or_binding(runtime: LocalRuntime) -> None:
    for binding in BINDINGS:
        runtime.seed([Seed(f"only in {binding}", b"v")], binding)
    for binding in BINDINGS:
        for source in (over_rest, from_disk):
            with source(runtime, binding) as one:
                assert [record.key for record in records(one)] == [f"only in {binding}"]


def test_an_empty_namespace_is_an_empty_listing(runtime: LocalRuntime) -> None:
    for source in (over_rest, from_disk):
        with source(runtime) as one:
            assert records(one) == []


def test_a_byte_order_mark_survives_on_disk_and_is_lost_over_rest(runtime: LocalRuntime) -> None:
    runtime.seed([Seed("bom", b"\xef\xbb\xbf{}")])
    with from_disk(runtime) as disk:
        assert [record.value for record in records(disk)] == [b"\xef\xbb\xbf{}"]
    with over_rest(runtime) as rest:
        assert [record.value for record in records(rest)] == [b"{}"]
