"""The laws through the bridge, with one class that keeps them and two that break one each.

A copy that overwrites, and a delete without a tombstone, are made from the sources by the change
that `MUTANTS` names; each must make its law's test fail.
"""

import base64
import threading
import time
from collections import Counter

import pytest

from tests.edge.edge import MUTANTS
from tests.edge.sending import checkpoint, fresh, importing, key, record
from tests.edge.sides import side_of


def a_copy_never_beats_a_newer_write(side):
    session = fresh()
    side.app(session, "putSession", {"v": "newer"}, {"origin": "dual"})
    before = side.head(session)
    assert side.outcomes(record(session, b'{"v":"older"}')) == ["waiting_to_settle"]
    assert side.head(session) == before
    assert side.app(session, "getSession") == {"data": {"v": "newer"}}


def a_deleted_session_stays_deleted(side):
    session = fresh()
    side.outcomes(record(session))
    side.app(session, "deleteSession")
    grave = side.head(session)
    assert side.outcomes(record(session)) == ["tombstoned"]
    assert side.app(session, "putSession", "back") == {"outcome": "gone"}
    assert side.app(session, "getSession") is None
    assert side.head(session) == grave


def nothing_is_lost_or_resurrected_while_a_copy_runs(side):
    sessions = [fresh("busy") for _ in range(120)]
    written, deleted = sessions[:40], sessions[40:80]
    failures = []

    def work():
        try:
            for one, other in zip(written, deleted, strict=True):
                side.app(one, "putSession", {"v": "newer"})
                side.app(other, "deleteSession")
        except BaseException as error:
            failures.append(error)

    application = threading.Thread(target=work)
    application.start()
    for start in range(0, 120, 10):
        side.outcomes(*(record(session) for session in sessions[start : start + 10]))
    for start in range(0, 120, 60):
        side.outcomes(*(record(session) for session in sessions[start : start + 60]))
    application.join()
    assert not failures
    side.outcomes(*map(record, sessions))
    rows = side.bridge.ask("read", {"keys": [key(session) for session in sessions]})["rows"]
    for row in rows[:40]:
        assert row["origin"] == "app"
        assert row["value"] == "eyJ2IjoibmV3ZXIifQ=="
    assert all(row is not None and row["tombstone"] for row in rows[40:80])
    assert all(row["origin"] == "copy" for row in rows[80:])


CLASSES = ["shards", "wrapped"]
"""Our class, and somebody else's."""

SCENARIOS = {
    a_copy_never_beats_a_newer_write: "OVERWRITING",
    a_deleted_session_stays_deleted: "FORGETTING",
    nothing_is_lost_or_resurrected_while_a_copy_runs: "",
}


@pytest.mark.parametrize("law", SCENARIOS)
@pytest.mark.parametrize("name", CLASSES)
def test_the_class_keeps(edge, law, name):
    law(side_of(edge, name))


@pytest.mark.parametrize(
    ("law", "mutant"),
    [
        (a_copy_never_beats_a_newer_write, "OVERWRITING"),
        (nothing_is_lost_or_resurrected_while_a_copy_runs, "OVERWRITING"),
        (a_deleted_session_stays_deleted, "FORGETTING"),
        (nothing_is_lost_or_resurrected_while_a_copy_runs, "FORGETTING"),
        (a_deleted_session_stays_deleted, "UNWRAPPED"),
    ],
)
def test_a_class_that_breaks_the_law_is_seen(edge, law, mutant):
    assert mutant in MUTANTS
    with pytest.raises(AssertionError):
        law(side_of(edge, mutant.lower()))


@pytest.fixture(params=CLASSES)
def side(edge, request):
    return side_of(edge, request.param)


@pytest.mark.parametrize(
    ("origin", "outcome"),
    [("app", "newer_here"), ("dual", "waiting_to_settle"), ("copy", "waiting_to_settle")],
)
def test_what_a_record_meets_decides_its_outcome(side, origin, outcome):
    session = fresh()
    if origin == "copy":
        side.outcomes(record(session, b"1"))
    else:
        side.app(session, "putSession", "1", {"origin": origin})
    assert side.outcomes(record(session, b"2")) == [outcome]
    snapshot = side.outcomes(record(session, b"2"), differing="newer_here")
    assert snapshot == ["newer_here"]
    assert side.head(session)["version"] == 1


def test_each_of_many_records_has_the_outcome_that_it_would_have_alone(edge):
    # One object, and more rows than a statement takes.
    bridge = edge.bridge("single")
    sessions = [fresh("many") for _ in range(230)]

    def app(numbers, method, *args):
        calls = [
            ("USER_SESSIONS", "kvferry:shard:0/1", method, sessions[number], *args) for number in numbers
        ]
        edge.calls(calls)

    app(range(0, 230, 3), "putSession", {"v": "newer"})
    app(range(1, 230, 6), "deleteSession")
    records = [record(one, b'{"v":%d}' % number) for number, one in enumerate(sessions)]
    expected = ["newer_here", "tombstoned", "copied", "newer_here", "copied", "copied"]
    outcomes = bridge.ask("import", importing(*records))["outcomes"]
    assert outcomes == [expected[number % 6] for number in range(230)]
    found = bridge.ask("read", {"keys": [key(one) for one in sessions]})["rows"]
    kept = {"newer_here": '{"v":"newer"}', "tombstoned": None}
    for number, row in enumerate(found):
        value = row["value"] and base64.b64decode(row["value"]).decode()
        assert value == kept.get(expected[number % 6], f'{{"v":{number}}}')
    assert Counter(row["version"] for row in found) == {1: 230}
    copied = [row for row in found if row["origin"] == "copy"]
    assert {(row["sweep"], len(row["changes"])) for row in copied} == {(1, 1)}
    assert len(copied) == outcomes.count("copied")


def test_an_expired_row_is_present(side):
    session = fresh()
    past = int(time.time()) - 60
    side.outcomes(record(session, b"1", expiration=past))
    assert side.outcomes(record(session, b"2")) == ["waiting_to_settle"]
    assert side.head(session)["expiration"] == past
    assert side.app(session, "getSession") is None


def test_an_equal_record_is_equal_within_a_second_and_in_any_spelling_of_its_metadata(side):
    session = fresh()
    sent = record(session, metadata='{"a":1,"b":2}')
    side.outcomes(sent)
    again = {**sent, "metadata": '{"b": 2, "a": 1}', "expiration": sent["expiration"] + 1}
    assert side.outcomes(again) == ["equal"]
    assert side.outcomes({**sent, "expiration": sent["expiration"] + 2}) == ["waiting_to_settle"]


def test_a_copy_arrives_exactly(side):
    session = fresh("Schlüssel 😀 \0")
    side.outcomes(record(session, b"\x00\xff", metadata='{"a": 1}', expiration=2_000_000_000), sweep=7)
    (row,) = side.bridge.ask("read", {"keys": [key(session)]})["rows"]
    assert (row["key"], row["value"], row["metadata"]) == (key(session), "AP8=", '{"a": 1}')
    assert (row["expiration"], row["origin"], row["version"], row["sweep"]) == (2_000_000_000, "copy", 1, 7)
    assert row["tombstone"] is None


# ---------------------------------------------------------------- replacements


def replacing(session, version, value=b'"settled"', **changes):
    changes = {"notAfter": time.time() + 300, **changes}
    return importing(replacements=[{**record(session, value), "version": version, **changes}])


@pytest.mark.parametrize("origin", ["copy", "dual"])
def test_a_row_of_ours_is_replaced_and_keeps_origin_and_sweep(side, origin):
    session = fresh()
    if origin == "copy":
        side.outcomes(record(session), sweep=3)
    else:
        side.app(session, "putSession", "1", {"origin": "dual"})
    order = replacing(session, 1)
    assert side.bridge.ask("import", {**order, "sweep": 9})["outcomes"] == ["updated"]
    head = side.head(session)
    assert (head["origin"], head["version"], head["sweep"]) == (origin, 2, 3 if origin == "copy" else None)
    assert side.app(session, "getSession") == {"data": "settled"}


def test_nothing_else_is_replaced(side):
    app, changed, deleted, late = fresh(), fresh(), fresh(), fresh()
    side.app(app, "putSession", "1")
    for session in (changed, deleted, late):
        side.outcomes(record(session, b"A"))
    for value in ("B", "A"):
        side.app(changed, "putSession", value, {"origin": "dual"})
    side.app(deleted, "deleteSession")
    refused = [
        (replacing(app, 1), "newer_here"),
        (replacing(changed, 1), "waiting_to_settle"),
        (replacing(deleted, 2), "tombstoned"),
        (replacing(late, 1, notAfter=time.time() - 1), "waiting_to_settle"),
        (replacing(fresh(), 1), "waiting_to_settle"),
    ]
    for order, outcome in refused:
        session = order["replacements"][0]["key"]
        before = side.bridge.ask("heads", {"keys": [session]})
        assert side.bridge.ask("import", order)["outcomes"] == [outcome]
        assert side.bridge.ask("heads", {"keys": [session]}) == before


# ---------------------------------------------------------------- effect and progress


@pytest.mark.parametrize("placement", ["single", "shards", "per-session"])
def test_rows_and_checkpoint_are_saved_together_and_counted(edge, placement):
    bridge = edge.bridge(placement)
    sessions = [fresh() for _ in range(12)]
    bridge.ask("import", importing(record(sessions[0])))
    name = fresh("checkpoint")
    order = importing(
        *map(record, sessions),
        checkpoint=checkpoint(name, listed=12, failed=-1, copied=2),
        notes=[{"name": name + "/note", "body": "beside"}],
    )
    done = bridge.ask("import", order)
    assert Counter(done["outcomes"]) == {"copied": 11, "equal": 1}
    tally = {"listed": 12, "failed": -1, "copied": 13, "equal": 1}
    assert done["checkpoint"] == {"name": name, "version": 1, "body": "at 1", "tally": tally}
    found = bridge.ask("checkpoint", {"prefix": name, "limit": 10})
    note = {"name": name + "/note", "version": 1, "body": "beside", "tally": None}
    assert found == {"protocol": 1, "notes": [done["checkpoint"], note], "more": False}


def test_an_import_that_fails_at_its_end_has_written_nothing(edge):
    bridge, session, name = edge.bridge("breaking"), fresh(), fresh("checkpoint")
    assert bridge.refused("import", importing(record(session), checkpoint=checkpoint(name)))["status"] == 500
    assert edge.call("BREAKING", "kvferry:shard:0/1", "getSession", session) is None
    assert bridge.ask("heads", {"keys": [key(session)]})["rows"] == [None]
    assert bridge.ask("checkpoint", {"names": [name]})["notes"] == [None]
    # The tables that were made are gone as well, and the object knows it.
    edge.call("BREAKING", "kvferry:shard:0/1", "putSession", session, "v")
    assert edge.call("BREAKING", "kvferry:shard:0/1", "getSession", session) == {"data": "v"}


def test_no_checkpoint_is_saved_when_one_object_fails(edge):
    bridge, name = edge.bridge("failing"), fresh("checkpoint")
    order = importing(*(record(fresh()) for _ in range(12)), checkpoint=checkpoint(name))
    assert bridge.refused("import", order)["status"] == 500
    assert bridge.ask("checkpoint", {"names": [name]})["notes"] == [None]
    assert bridge.ask("import", {**order, "records": []})["checkpoint"]["version"] == 1


@pytest.mark.parametrize("placement", ["single", "shards"])
def test_a_repeated_import_changes_nothing_and_says_what_was_saved(edge, placement):
    bridge = edge.bridge(placement)
    sessions = [fresh() for _ in range(6)]
    order = importing(*map(record, sessions), checkpoint=checkpoint(fresh("checkpoint"), listed=6))
    order["expect"] = [{"name": order["checkpoint"]["name"], "version": 0}]
    done = bridge.ask("import", order)
    before = bridge.ask("heads", {"keys": list(map(key, sessions))})
    late = {**order, "notAfter": time.time() - 9, "records": [*order["records"], record(fresh("more"))]}
    for again in (order, late):
        answer = bridge.ask("import", again)
        assert answer["outcomes"] is None
        assert answer["checkpoint"] == done["checkpoint"]
    assert bridge.ask("heads", {"keys": list(map(key, sessions))}) == before
    assert bridge.ask("heads", {"keys": [late["records"][-1]["key"]]})["rows"] == [None]


def test_what_a_broken_off_import_wrote_counts_as_copied_when_it_is_repeated(side):
    sessions = [fresh() for _ in range(8)]
    order = importing(*map(record, sessions), checkpoint=checkpoint(fresh("checkpoint"), listed=8))
    side.outcomes(*order["records"][:5], batch=order["batch"])
    side.app(sessions[0], "putSession", "newer")
    side.app(sessions[1], "deleteSession")
    done = side.bridge.ask("import", order)
    assert done["checkpoint"]["tally"] == {"listed": 8, "copied": 8}
    assert side.app(sessions[0], "getSession") == {"data": "newer"}
    assert side.app(sessions[1], "getSession") is None


@pytest.mark.parametrize("placement", ["single", "shards"])
def test_a_record_that_is_inserted_releases_its_note_and_no_other_does(edge, placement):
    bridge = edge.bridge(placement)
    sessions = [fresh() for _ in range(9)]
    bridge.ask("import", importing(record(sessions[0])))
    stem = fresh("quarantine") + "/"
    notes = [{"name": stem + session, "body": "too big"} for session in sessions]
    bridge.ask("import", importing(notes=notes, notAfter=None))
    order = importing(*({**record(session), "releases": stem + session} for session in sessions[:8]))
    assert bridge.ask("import", order)["outcomes"] == ["equal"] + ["copied"] * 7
    left = bridge.ask("checkpoint", {"prefix": stem, "limit": 10})["notes"]
    assert [note["name"] for note in left] == [stem + sessions[0], stem + sessions[8]]


def test_an_import_whose_notes_are_not_as_expected_writes_nothing(side):
    lease, session = fresh("lease"), fresh()
    taken = importing(
        notes=[{"name": lease, "body": "me"}], expect=[{"name": lease, "version": 0}], notAfter=None
    )
    side.bridge.ask("import", taken)
    expect = [{"name": fresh("fence"), "version": 0}, {"name": lease, "version": 2}]
    others = [record(session), *(record(fresh()) for _ in range(8))]
    problem = side.bridge.refused("import", importing(*others, expect=expect))
    assert (problem["status"], problem["type"], problem["index"]) == (409, "urn:kvferry:problem:conflict", 1)
    rows = side.bridge.ask("heads", {"keys": [one["key"] for one in others]})["rows"]
    assert rows == [None] * 9
    expect[1]["version"] = 1
    assert (
        side.outcomes(*others, expect=expect, notes=[{"name": lease, "body": "me, again"}]) == ["copied"] * 9
    )
    (note,) = side.bridge.ask("checkpoint", {"names": [lease]})["notes"]
    assert note == {"name": lease, "version": 2, "body": "me, again", "tally": None}
    side.bridge.ask("import", importing(forget=[lease], notAfter=None))
    assert side.bridge.ask("checkpoint", {"names": [lease]})["notes"] == [None]


@pytest.mark.parametrize("placement", ["single", "shards"])
def test_an_import_past_its_time_is_refused_by_the_objects_own_clock(edge, placement):
    bridge = edge.bridge(placement)
    session, name = fresh(), fresh("checkpoint")
    order = importing(record(session), checkpoint=checkpoint(name))
    edge.set_clock(order["notAfter"] + 0.5)
    problem = bridge.refused("import", order)
    assert (problem["status"], problem["type"]) == (409, "urn:kvferry:problem:late")
    assert bridge.ask("heads", {"keys": [key(session)]})["rows"] == [None]
    assert bridge.ask("checkpoint", {"names": [name]})["notes"] == [None]
    edge.set_clock(order["notAfter"] - 0.5)
    assert bridge.ask("import", order)["outcomes"] == ["copied"]


def test_the_same_import_from_two_sides_at_once_is_done_once(side):
    sessions = [fresh() for _ in range(40)]
    order = importing(*map(record, sessions), checkpoint=checkpoint(fresh("checkpoint"), listed=40))
    order["expect"] = [{"name": order["checkpoint"]["name"], "version": 0}]
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(side.bridge.ask("import", order))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["checkpoint"]["tally"] for answer in answers] == [{"listed": 40, "copied": 40}] * 6
    assert [answer["checkpoint"]["version"] for answer in answers] == [1] * 6
    heads = side.bridge.ask("heads", {"keys": list(map(key, sessions))})["rows"]
    assert {head["version"] for head in heads} == {1}
