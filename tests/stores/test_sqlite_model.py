"""The SQLite target against the store in memory: the same calls give the same answers."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from migrate.core.ports import (
    Batch,
    Checkpoint,
    Claim,
    Outcome,
    Quarantined,
    Replacement,
    RunId,
    Sighting,
    TooLate,
)
from migrate.core.record import NEVER, UNKNOWN, Key, Origin, Record, digest
from migrate.stores.memory import MemoryStore
from migrate.stores.sqlite import SessionGone, SqliteSessions, SqliteSource, SqliteTarget
from migrate.stores.sqlite.reading import bounds
from tests.stores.manual_clock import NOW, ManualClock

# ---------------------------------------------------------------- ranges of keys

edges = "ab\0\x7f\ud7ff\ue000\uffff\U00010000\U0010ffff"
texts = st.text(st.sampled_from(edges), max_size=4) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=4
)


@given(texts, st.none() | texts, st.none() | texts, texts)
@settings(max_examples=1500, deadline=None)
def test_the_bounds_hold_exactly_the_keys_that_are_meant(prefix, after, upto, tail):
    for key in {tail, prefix + tail, (after or "") + tail, (upto or "") + tail, prefix}:
        low, high = bounds(prefix, after, upto)
        within = low <= key and (isinstance(high, bytes) or key < high)
        meant = key.startswith(prefix) and (after is None or key > after) and (upto is None or key <= upto)
        assert within == meant
    assert isinstance(low, str)
    (low + (high if isinstance(high, str) else "")).encode()


# ---------------------------------------------------------------- a model

keys = st.sampled_from([Key(key) for key in ("p:a", "p:b", "p:\uffee", "p:\U0001f600", "q")])
values = st.sampled_from([b"", b"{}", b"1", b"\xff"])
metadata = st.sampled_from([None, '{"m":1}', '{"m": 1}', "0"])
expirations = st.sampled_from([NEVER, int(NOW) + 40, int(NOW) + 41, int(NOW) + 500])
records = st.builds(Record, keys, values, metadata, expirations)
outcomes = st.sampled_from([None, Outcome.WAITING, Outcome.DELETED])
sightings = st.builds(
    Sighting,
    keys,
    st.none() | st.integers(1, 5),
    st.none() | values.map(digest),
    metadata,
    expirations | st.just(UNKNOWN),
    st.integers(0, 9).map(float),
    outcomes,
)
replacements = st.builds(Replacement, records, st.integers(1, 3), st.sampled_from([NOW + 30, NOW + 9999]))
batches = st.builds(
    Batch,
    records=st.lists(records, max_size=5, unique_by=lambda record: record.key),
    replacements=st.lists(replacements, max_size=2, unique_by=lambda wanted: wanted.record.key),
    quarantined=st.lists(
        st.builds(Quarantined, keys, st.just("bad")), max_size=2, unique_by=lambda bad: bad.key
    ),
    released=st.lists(keys, max_size=2, unique=True),
    sightings=st.lists(sightings, max_size=3, unique_by=lambda seen: seen.key),
    settled=st.lists(keys, max_size=2, unique=True),
    tally=st.dictionaries(st.sampled_from(["listed", "failed"]), st.integers(-2, 2)).map(Counter),
    not_after=st.sampled_from([float("inf"), NOW + 60]),
)


class SqliteAgainstMemory(RuleBasedStateMachine):
    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "sessions.db"
        self.clock = ManualClock()
        self.model = MemoryStore(clock=self.clock, page=2)
        self.apps = {
            origin: SqliteSessions(self.path, origin, clock=self.clock, touch_every=0)
            for origin in ("app", "dual")
        }
        self.source = SqliteSource(self.path, clock=self.clock, page=2)
        self.reopen()
        run = RunId("r")
        assert self.target.open_sweep(run, 1) == self.model.open_sweep(run, 1)
        self.mark = Checkpoint(1, "p:")

    def reopen(self):
        self.target = SqliteTarget(self.path, clock=self.clock)
        for store in (self.target, self.model):
            store.acquire(Claim("t", "w", "h", 1))

    @rule()
    def restart(self):
        self.target.close()
        self.reopen()

    @rule(seconds=st.sampled_from([1.0, 7.5, 39.0]))
    def wait(self, seconds):
        self.clock.time += seconds

    @rule(batch=batches)
    def apply(self, batch):
        answers = []
        for store in (self.target, self.model):
            try:
                answers.append(store.apply(batch, self.mark))
            except TooLate:
                answers.append(None)
        assert answers[0] == answers[1]
        if answers[0] is not None:
            self.mark = replace(answers[0], last_key=Key("p:"))

    @rule(record=records, origin=st.sampled_from(["app", "dual"]))
    def put(self, record, origin):
        if record.metadata is not None:
            record = record._replace(metadata='{"m":1}')
        try:
            self.apps[origin].put(
                record.key,
                record.value,
                expiration=None if record.expiration is NEVER else record.expiration,
                metadata=None if record.metadata is None else {"m": 1},
            )
        except SessionGone:
            assert not self.model.put(record, Origin(origin))
        else:
            assert self.model.put(record, Origin(origin))

    @rule(key=keys, origin=st.sampled_from(["app", "dual"]))
    def delete(self, key, origin):
        self.apps[origin].delete(key)
        self.model.remove(key, Origin(origin))

    @precondition(lambda self: len(self.mark.tally) > 3)
    @rule()
    def begin_the_gates_verify(self):
        self.target.begin_gate_verify()
        self.model.begin_gate_verify()

    @precondition(lambda self: len(self.mark.tally) > 3)
    @rule()
    def lift_the_fence(self):
        self.target.end_gate_verify()
        self.model.end_gate_verify()

    @invariant()
    def both_hold_the_same(self):
        if not hasattr(self, "target"):
            return
        for prefix, after, upto in (("", None, None), ("p:", Key("p:a"), Key("p:\uffee"))):
            ours = list(self.target.rows_between(prefix, after, upto))
            assert ours == list(self.model.rows_between(prefix, after, upto))
        assert list(self.target.quarantined("")) == list(self.model.quarantined(""))
        assert self.target.fenced_since() == self.model.fenced_since()
        assert self.target.sightings(1, "p:", 3, 8.0) == self.model.sightings(1, "p:", 3, 8.0)
        assert self.target.checkpoints(1) == self.model.checkpoints(1)

    @invariant()
    def both_list_the_same(self):
        if hasattr(self, "source"):
            assert walk(self.source) == walk(self.model)

    def teardown(self):
        if hasattr(self, "target"):
            for store in (self.target, self.source, *self.apps.values()):
                store.close()
            self.folder.cleanup()


def walk(source):
    found, cursor = [], None
    while True:
        page = source.scan("p:", cursor)
        found += page.records
        cursor = page.next
        if cursor is None:
            return found


TestSqliteAgainstMemory = SqliteAgainstMemory.TestCase
TestSqliteAgainstMemory.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
