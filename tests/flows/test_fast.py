"""The fast verify: what it reads, what it finds, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from migrate.core.listing import Sampling
from migrate.core.record import Origin, Record, digest
from migrate.errors import StoreUnavailable
from migrate.formats.report import validate
from migrate.formats.text import verify_text
from migrate.stores.memory import MemoryStore, veiled
from tests.flows.test_verify import DIFFERENT, MANY, changed
from tests.flows.world import FakeClock, Script, classes, key, record, sweep, verify

RUN = "00000000000000bb"
NEVER_PICKED = 10**12


@pytest.fixture
def copied(store: MemoryStore, clock: FakeClock) -> MemoryStore:
    assert sweep(Script.of(MANY), store, clock).complete
    return store


def stamped(source: Script, lying: Iterable[Record] = ()) -> Script:
    """The source with digests in its listing, of other values for the `lying` records."""
    told = {one.key: one.value for one in source.answers.values() if isinstance(one, Record)}
    told |= {one.key: one.value for one in lying}
    source.pages = [[head._replace(stamped=digest(told[head.key])) for head in page] for page in source.pages]
    return source


def test_a_perfect_copy_is_clean_and_no_value_is_read(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = stamped(changed())
    ended = verify(source, copied, clock, ledger, one_in=NEVER_PICKED)
    assert (ended.exit, classes(ended), source.read_keys) == (0, {"equal": 23}, {})
    assert ended.document["proofs"] == {"bytes": 0, "digest": 0, "listing": 23}
    validate(ended.document, "verify-report")
    assert ended.document["fast"]["values_sampled"] == 0
    text = verify_text(ended.document)
    assert "compared by listing 23" in text
    assert "does not open the last gate" in text


def test_the_sample_is_read_and_counted_and_nothing_else(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = stamped(changed())
    ended = verify(source, veiled(copied), clock, ledger, one_in=4)
    picked = {one.key for one in MANY if Sampling(4, f"{RUN} 1").picks(one.key)}
    assert 0 < len(picked) < 23
    assert set(source.read_keys) == picked
    assert ended.document["proofs"] == {"bytes": 0, "digest": len(picked), "listing": 23 - len(picked)}
    assert ended.document["fast"]["values_sampled"] == len(picked)


def test_rows_from_before_kvferry_that_a_listing_proves_are_counted_beside_too(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    for one in MANY[:5]:
        store.put(one, Origin.LEGACY)
    sweep(Script.of(MANY), store, clock)
    ended = verify(stamped(changed()), store, clock, ledger, one_in=NEVER_PICKED)
    assert (classes(ended), ended.document["legacy_equal"]) == ({"equal": 23}, 5)


def test_a_full_verify_says_nothing_of_stamps_and_reads_every_value(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = stamped(changed())
    ended = verify(source, copied, clock, ledger)
    assert (len(source.read_keys), ended.document["fast"]) == (23, None)
    assert ended.document["proofs"] == {"bytes": 23, "digest": 0, "listing": 0}


@pytest.mark.parametrize("one_in", [1, 3, NEVER_PICKED])
@pytest.mark.parametrize(("kind", "answer"), DIFFERENT)
def test_honest_stamps_show_each_difference_as_a_full_verify_does(
    copied: MemoryStore, clock: FakeClock, ledger: Path, kind: str, answer: Record, one_in: int
) -> None:
    fast = verify(stamped(changed(answer)), copied, clock, ledger, one_in=one_in)
    full = verify(changed(answer), copied, clock, ledger, run="00000000000000d0")
    assert (fast.exit, classes(fast)) == (full.exit, classes(full)) == (1, classes(fast))
    assert fast.document["classes"][kind]["settled"] == 1


def test_what_one_side_lacks_is_found(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    ended = verify(stamped(changed(without=[0, 11, 22])), copied, clock, ledger, one_in=NEVER_PICKED)
    assert (ended.exit, classes(ended)) == (1, {"equal": 20, "extra": 3})


def test_keys_without_a_stamp_are_read(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    source = stamped(changed())
    source.pages[1][2:4] = [head._replace(stamped=None) for head in source.pages[1][2:4]]  # type: ignore[index]
    ended = verify(source, copied, clock, ledger, one_in=NEVER_PICKED)
    assert (ended.exit, set(source.read_keys)) == (0, {key(10), key(11)})
    assert ended.document["proofs"] == {"bytes": 2, "digest": 0, "listing": 21}


def test_a_lying_stamp_is_found_by_the_sample_that_holds_it_and_by_a_full_verify_always(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    def source() -> Script:
        return stamped(changed(record(3, b"another login")), lying=[MANY[3]])

    missed = verify(source(), copied, clock, ledger, one_in=NEVER_PICKED)
    assert (missed.exit, classes(missed)) == (0, {"equal": 23})
    one_in = next(number for number in range(2, 99) if Sampling(number, f"{RUN} 2").picks(key(3)))
    found = verify(source(), copied, clock, ledger, one_in=one_in, fresh=True)
    assert (found.exit, classes(found)) == (1, {"equal": 22, "value": 1})
    full = verify(source(), copied, clock, ledger, run="00000000000000d0")
    assert (full.exit, classes(full)) == (1, {"equal": 22, "value": 1})


def test_one_that_was_interrupted_goes_on_and_reads_the_same_sample(
    copied: MemoryStore, clock: FakeClock, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each stretch ends with a full read, so that there is a middle.
    monkeypatch.setattr("migrate.core.listing._HEADS", 1)
    whole = stamped(changed())
    verify(whole, copied, clock, ledger, one_in=2)
    again = stamped(changed())
    broken = Down(again)
    ended = verify(broken, copied, clock, ledger.with_name("other.db"), one_in=2)  # type: ignore[arg-type]
    assert ended.error is not None
    behind = set(again.read_keys)
    assert behind
    ended = verify(again, copied, clock, ledger.with_name("other.db"), one_in=2)
    assert (ended.exit, classes(ended), ended.document["number"]) == (0, {"equal": 23}, 1)
    assert ended.document["source_keys"] == 23
    assert behind < set(again.read_keys)
    assert again.read_keys == whole.read_keys


class Down:
    """A source that cannot be listed behind its second page."""

    def __init__(self, source: Script) -> None:
        self._source = source

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def scan(self, prefix: str, cursor: str | None) -> object:
        if cursor == "2":
            raise StoreUnavailable("it is down", "wait")
        return self._source.scan(prefix, cursor)  # type: ignore[arg-type]


def test_no_value_and_no_session_id_reaches_the_report_and_no_value_the_ledger(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = stamped(changed(record(3, b"planted-value"), record("planted-id")))
    ended = verify(source, copied, clock, ledger, one_in=3)
    said = json.dumps(ended.document) + verify_text(ended.document)
    assert (ended.exit, "planted" in said) == (1, False)
    assert b"planted-value" not in b"".join(file.read_bytes() for file in ledger.parent.iterdir())


def test_a_key_of_the_sample_that_gives_no_value_is_not_equal(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = stamped(changed())
    del source.answers[key(3)]
    ended = verify(source, copied, clock, ledger, one_in=1)
    assert (ended.exit, classes(ended)) == (1, {"equal": 22, "extra": 1})


def test_the_next_fast_verify_samples_other_keys(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    first, again = stamped(changed()), stamped(changed())
    verify(first, copied, clock, ledger, one_in=4)
    verify(again, copied, clock, ledger, one_in=4, fresh=True)
    assert set(first.read_keys) != set(again.read_keys)
