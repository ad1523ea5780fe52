"""What is known absorbs what is equal and not worse, one for one."""

import itertools

import pytest

from audits.finding import Finding, Severity
from audits.fingerprint import Mark
from audits.known import Known, either, known, match, moved
from audits.operation import Confidence, Evidence, Place

LEVELS = (Severity.WARNING, Severity.ERROR)


def one(identity="a", severity=Severity.ERROR, callers=0, source="", path="src/a.ts", shape="s"):
    return Known(path, "put-without-ttl", "KV.put(a)", severity, callers, identity, shape, source)


def new(now, before):
    absorbed, _ = match(now, before)
    return [at for at in range(len(now)) if at not in absorbed]


def test_one_known_finding_absorbs_one_of_two_equal_ones():
    assert new([one(), one()], [one()]) == [1]
    assert new([one(), one(), one()], [one(), one()]) == [2]


def test_what_is_there_no_more_is_left():
    absorbed, left = match([one("a")], [one("a"), one("a"), one("b")])
    assert (absorbed, left) == ({0}, [one("a"), one("b")])


@pytest.mark.parametrize(
    ("now", "hidden"),
    [
        (one(severity=Severity.WARNING, callers=1), True),
        (one(severity=Severity.ERROR, callers=1), False),
        (one(severity=Severity.WARNING, callers=2), False),
        (one(severity=Severity.NOTE, callers=0), True),
    ],
)
def test_a_finding_that_is_worse_is_new(now, hidden):
    assert (new([now], [one(severity=Severity.WARNING, callers=1)]) == []) is hidden


def test_the_new_one_of_two_equal_ones_is_the_one_whose_line_is_new():
    before = [one(source="put('a', old)")]
    assert new([one(source="put('a', fresh)"), one(source="put('a', old)")], before) == [0]
    assert new([one(source="put('a', old)"), one(source="put('a', fresh)")], before) == [1]


EVERY = [one(severity=level, callers=many) for level in LEVELS for many in (0, 1, 2)]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_nothing_new_is_shown_of_what_did_not_change(size):
    for now in itertools.combinations_with_replacement(EVERY, size):
        for before in itertools.permutations(now):
            assert new(now, before) == []


def test_very_many_equal_findings_are_no_trouble():
    many = [one(source=f"line {number}", callers=number % 7) for number in range(30_000)]
    assert new(many, many[::-1]) == []
    assert len(new(many, many[1:])) == 1


def test_never_more_is_absorbed_than_is_known_and_nothing_that_is_worse():
    for now in itertools.combinations_with_replacement(EVERY, 3):
        for before in itertools.combinations_with_replacement(EVERY, 2):
            absorbed, left = match(now, before)
            assert len(absorbed) + len(left) == 2
            for at in absorbed:
                assert any(o.severity >= now[at].severity and o.callers >= now[at].callers for o in before)


@pytest.mark.parametrize(
    ("kinds", "callers"),
    [
        ((), 0),
        (("without-ttl", "without-ttl"), 2),
        (("entry", "dropped", "through-helper"), 3),
        (("read",), 0),
    ],
)
def test_places_that_do_what_the_rule_forbids_are_counted(kinds, callers):
    place = Place("a.ts", 1, 1, 1, 2, 0, 1)
    related = tuple(Evidence(kind, "x", place) for kind in kinds)
    found = Finding("r", "KV002", place, place, Severity.ERROR, Confidence.HIGH, "m", related=related)
    assert known(found, Mark("f", "i", "s", "about"), "  line").callers == callers


def test_what_two_know_is_known_once():
    assert sorted(either([one(), one("b")], [one(source="x")])) == sorted([one(source="x"), one("b")])
    assert either([one(), one()], [one(source="x")]) == [one(source="x"), one()]


def test_the_findings_of_a_renamed_file_go_with_it():
    old = one("old", path="old.ts")
    now = one("new", path="new.ts")
    assert new([now], moved([now], [old], {"old.ts"}, {"new.ts"})) == []
    assert new([now, now], moved([now, now], [old], {"old.ts"}, {"new.ts"})) == [1]


@pytest.mark.parametrize(
    ("gone", "fresh", "shape"),
    [(set(), {"new.ts"}, "s"), ({"old.ts"}, set(), "s"), ({"old.ts"}, {"new.ts"}, "other")],
)
def test_a_copy_or_another_call_is_new(gone, fresh, shape):
    now = one("new", path="new.ts", shape=shape)
    assert new([now], moved([now], [one("old", path="old.ts")], gone, fresh)) == [0]
