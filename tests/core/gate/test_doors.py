"""Each condition of each door: with it alone broken, the door does not open."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import pytest

from migrate.core.canary import Standing as Flown
from migrate.core.comparing import Kind, Stage
from migrate.core.gate.data import export_complete, horizon_long_enough
from migrate.core.gate.doors import DOORS, conditions, name
from migrate.core.gate.evidence import Evidence, Heartbeats, RolledBack
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Condition, Door, Standing, Word, judge
from tests.core.gate.world import DAY, HOUR, NOW, asked, evidence, with_live, with_verify

FAILED, UNPROVEN = Standing.FAILED, Standing.UNPROVEN
FIRST, ONLY, CLEANUP = Door.OBJECT_FIRST, Door.OBJECT_ONLY, Door.CLEANUP


@dataclass(frozen=True)
class Case:
    doors: tuple[Door, ...]
    condition: str
    standing: Standing
    broken: Callable[[Evidence], Evidence]
    why: str


def beats(*more: Heartbeats) -> Callable[[Evidence], Evidence]:
    return lambda found: with_live(found, heartbeats=(*found.live.heartbeats, *more))


def lingering(found: Evidence, ago: float) -> Heartbeats:
    """Of another version, at the same stage as the one that is deployed."""
    return Heartbeats(
        found.live.heartbeats[0].stage, "preview", found.live.at - DAY * 30, found.live.at - ago
    )


def heard(found: Evidence, stage: Stage, first: float, last: float) -> Evidence:
    return with_live(found, heartbeats=(Heartbeats(stage, "new", first, last),))


def export(**changes: object) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, exports=(replace(found.exports[-1], **changes),))


def audit(**changes: object) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, audited=replace(found.audited, **changes))


def verify(**changes: object) -> Callable[[Evidence], Evidence]:
    return lambda found: with_verify(found, **changes)


def deployed(**changes: object) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, deployed=replace(found.deployed, **changes))


def drained(**changes: object) -> Callable[[Evidence], Evidence]:
    """Nothing was exported."""
    return lambda found: with_verify(replace(found, exports=()), **changes)


def leased(until: float) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, fenced=replace(found.fenced, leased=until))


def canary(**changes: object) -> Callable[[Evidence], Evidence]:
    return lambda found: with_live(found, canary=replace(found.live.canary, **changes))


def second(**changes: object) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, listings=(found.listings[0], replace(found.listings[1], **changes)))


def rolled_back(at: float, *, whole: bool = True) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, rolled_back=RolledBack("r", at, whole))


ALL = tuple(Door)
VERIFIED = (FIRST, ONLY)
CASES = [
    Case(ALL, "stage-everywhere", FAILED, beats(Heartbeats(Stage.KV, "new", NOW - 99, NOW - 20)), "kv"),
    Case(
        ALL,
        "stage-everywhere",
        FAILED,
        beats(Heartbeats(Stage.DUAL_WRITE, "new", NOW - 99, NOW - 20)),
        "dual-write",
    ),
    Case(
        ALL,
        "stage-everywhere",
        UNPROVEN,
        beats(Heartbeats(Stage.DUAL_WRITE, "old", NOW - DAY, NOW - 60)),
        "a minute ago",
    ),
    Case(ALL, "stage-everywhere", UNPROVEN, lambda found: with_live(found, heartbeats=()), "nobody"),
    Case(
        ALL,
        "stage-everywhere",
        FAILED,
        lambda found: heard(found, Stage.KV, NOW - 30 * DAY, NOW - 29 * DAY),
        "long ago only",
    ),
    Case(
        ALL,
        "stage-everywhere",
        UNPROVEN,
        lambda found: heard(found, Stage.OBJECT_ONLY, NOW - 20 * DAY, NOW - HOUR),
        "silent for an hour",
    ),
    Case(
        ALL,
        "stage-everywhere",
        UNPROVEN,
        lambda found: heard(found, Stage.OBJECT_ONLY, NOW - 60, NOW - 10),
        "for a minute",
    ),
    Case(
        (ONLY,),
        "stage-everywhere",
        UNPROVEN,
        lambda found: heard(found, Stage.OBJECT_FIRST, NOW - 6 * DAY, NOW - 10),
        "not for the whole window",
    ),
    Case(ALL, "one-version", UNPROVEN, lambda found: replace(found, deployed=None), "not asked"),
    Case(ALL, "one-version", FAILED, deployed(versions={"new": 90.0, "old": 10.0}), "two"),
    Case(ALL, "one-version", UNPROVEN, deployed(since=NOW - 60), "a minute ago"),
    Case(ALL, "one-version", FAILED, deployed(versions={"other": 100.0}), "others are heard"),
    Case(
        ALL, "one-version", FAILED, lambda found: beats(lingering(found, 29.0))(found), "others are at work"
    ),
    Case(ALL, "one-version", UNPROVEN, lambda found: beats(lingering(found, 31.0))(found), "others may be"),
    Case(ALL, "one-version", UNPROVEN, lambda found: beats(lingering(found, 929.0))(found), "until just now"),
    Case(
        ALL,
        "one-version",
        UNPROVEN,
        lambda found: with_live(
            found, heartbeats=tuple(replace(b, version="") for b in found.live.heartbeats)
        ),
        "nameless",
    ),
    Case(ALL, "not-rolled-back", UNPROVEN, rolled_back(NOW - 5), "after the verify"),
    Case(ALL, "not-rolled-back", UNPROVEN, rolled_back(NOW - 5, whole=False), "begun after the verify"),
    Case((FIRST,), "export-complete", UNPROVEN, export(whole=False), "partial"),
    Case((FIRST,), "export-complete", FAILED, export(balanced=False), "does not add up"),
    Case((FIRST,), "export-complete", FAILED, export(quarantined=1), "quarantine"),
    Case((FIRST,), "export-complete", FAILED, export(failed=1), "failed"),
    Case(
        (FIRST,), "export-complete", UNPROVEN, drained(settled={Kind.MISSING: 1}), "none, and one is missing"
    ),
    Case(
        (FIRST,),
        "export-complete",
        UNPROVEN,
        drained(pending={Kind.MISSING: 1}),
        "none, and one may be missing",
    ),
    Case(
        (FIRST,),
        "export-complete",
        UNPROVEN,
        drained(settled={Kind.QUARANTINED: 1}),
        "none, and a quarantine",
    ),
    Case(VERIFIED, "verify-full", UNPROVEN, verify(whole=False), "partial"),
    Case(VERIFIED, "verify-full", UNPROVEN, verify(full=False), "fast"),
    Case(VERIFIED, "verify-full", UNPROVEN, verify(rehearsed=True), "rehearsal"),
    Case(VERIFIED, "verify-full", UNPROVEN, verify(unread=1), "unread"),
    Case(VERIFIED, "verify-full", UNPROVEN, verify(unnamed=1), "unnamed"),
    Case(VERIFIED, "verify-full", UNPROVEN, verify(keys=0), "nothing there"),
    Case(VERIFIED, "horizon-long-enough", UNPROVEN, verify(horizon=109.0), "a second short"),
    Case(VERIFIED, "horizon-long-enough", UNPROVEN, canary(lag=24.0), "a slower canary"),
    Case(VERIFIED, "horizon-long-enough", UNPROVEN, audit(caches=3600.0), "a cacheTtl of an hour"),
    Case(
        VERIFIED,
        "horizon-long-enough",
        UNPROVEN,
        audit(kept=1),
        "kept in the isolate",
    ),
    Case((FIRST,), "horizon-long-enough", UNPROVEN, lambda found: with_live(found, canary=None), "no canary"),
    Case(
        (FIRST,),
        "verify-after-older-stages",
        UNPROVEN,
        verify(started=NOW - 7 * HOUR + 30 + 100),
        "begun within H",
    ),
    Case(
        (FIRST,),
        "nothing-written-since",
        UNPROVEN,
        lambda found: replace(found, fenced=None),
        "unknown fence",
    ),
    Case(
        (FIRST,),
        "nothing-written-since",
        UNPROVEN,
        lambda found: replace(found, fenced=replace(found.fenced, since=None)),
        "fence down",
    ),
    Case(
        (FIRST,),
        "nothing-written-since",
        UNPROVEN,
        lambda found: replace(found, fenced=replace(found.fenced, since=NOW - 2 * HOUR + 1)),
        "fence late",
    ),
    Case((FIRST,), "nothing-written-since", UNPROVEN, export(at=NOW - HOUR), "export during the verify"),
    Case(
        (FIRST,),
        "nothing-written-since",
        UNPROVEN,
        leased(NOW - HOUR),
        "somebody else's export in the verify",
    ),
    Case((FIRST,), "nothing-written-since", UNPROVEN, leased(NOW + 30), "somebody else is writing"),
    Case((FIRST,), "nothing-written-since", UNPROVEN, export(at=NOW - 2 * HOUR - 299), "a lease may run"),
    *(
        Case((FIRST,), "stores-agree", standing, verify(**{part: {kind: 1}}), f"{part} {kind}")
        for part, standing in (("settled", FAILED), ("pending", UNPROVEN))
        for kind in (Kind.VALUE, Kind.METADATA, Kind.EXPIRATION, Kind.LEGACY, Kind.LEGACY_STALE)
    ),
    Case((FIRST,), "nothing-that-kv-lacks", FAILED, verify(settled={Kind.EXTRA: 1}), "settled"),
    Case((FIRST,), "nothing-that-kv-lacks", FAILED, verify(settled={Kind.LEGACY_EXTRA: 1}), "older"),
    Case((FIRST,), "nothing-that-kv-lacks", UNPROVEN, verify(pending={Kind.EXTRA: 1}), "pending"),
    Case((ONLY,), "fallback-unused", FAILED, canary(standing=Flown.UNCOUNTED), "a dead counter"),
    Case((ONLY,), "fallback-unused", UNPROVEN, canary(standing=Flown.UNPROVEN), "an old canary"),
    Case((ONLY,), "fallback-unused", UNPROVEN, canary(standing=Flown.RESTS), "a canary that rests"),
    Case((ONLY,), "fallback-unused", UNPROVEN, lambda found: with_live(found, canary=None), "no canary"),
    Case(VERIFIED, "horizon-long-enough", UNPROVEN, canary(lag=None), "a lag that was never measured"),
    Case(
        (ONLY,),
        "fallback-unused",
        UNPROVEN,
        lambda found: with_live(found, rose={"fallback_hit": NOW - DAY}),
        "a hit in the window",
    ),
    Case(
        (ONLY,), "fallback-unused", UNPROVEN, lambda found: with_live(found, since=NOW - DAY), "counted a day"
    ),
    Case((ONLY,), "fallback-unused", UNPROVEN, lambda found: with_live(found, since=None), "never counted"),
    *(
        Case((ONLY,), "nothing-only-in-kv", standing, verify(**{part: {kind: 1}}), f"{part} {kind}")
        for part, standing in (("settled", FAILED), ("pending", UNPROVEN))
        for kind in (Kind.MISSING, Kind.QUARANTINED)
    ),
    Case((ONLY,), "nothing-only-in-kv", UNPROVEN, verify(stage=Stage.SHADOW_READ), "an earlier stage's"),
    Case(
        (ONLY,), "nothing-only-in-kv", UNPROVEN, verify(started=NOW - 10 * DAY), "begun before object-first"
    ),
    Case((CLEANUP,), "kv-quiet", FAILED, second(hours={math.inf: "other"}), "changed"),
    Case((CLEANUP,), "kv-quiet", UNPROVEN, second(started=NOW - 795), "too close"),
    Case((CLEANUP,), "kv-quiet", UNPROVEN, lambda found: replace(found, listings=found.listings[1:]), "one"),
    Case((CLEANUP,), "kv-quiet", UNPROVEN, lambda found: replace(found, listings=()), "none"),
    Case(
        (CLEANUP,),
        "kv-quiet",
        UNPROVEN,
        lambda found: replace(
            found, listings=tuple(replace(one, started=NOW - 5 * DAY) for one in found.listings)
        ),
        "listed before they were gone",
    ),
    Case(ALL, "no-foreign-writer", FAILED, verify(foreign=1), "one"),
    Case(ALL, "no-foreign-writer", UNPROVEN, verify(foreign=None), "nobody looked"),
    Case(ALL, "audit-clean", FAILED, audit(writes=1), "a write"),
    Case(ALL, "audit-clean", UNPROVEN, audit(revision="f" * 40), "another commit"),
    Case(ALL, "audit-clean", UNPROVEN, audit(revision=None), "no commit"),
    Case(ALL, "audit-clean", UNPROVEN, audit(dirty=True), "changed files"),
    Case(ALL, "audit-clean", UNPROVEN, audit(whole=False), "files unread"),
    Case(ALL, "audit-clean", UNPROVEN, lambda found: replace(found, tagged=None), "no tag"),
    Case(ALL, "audit-clean", UNPROVEN, lambda found: replace(found, tagged=""), "an empty tag"),
    Case(ALL, "one-configuration", FAILED, verify(configuration="other"), "other rules"),
]
EACH = [(door, case) for case in CASES for door in case.doors]


def told(door: Door, found: Evidence, policy: Policy | None = None) -> dict[str, Condition]:
    return {one.name: one for one in conditions(asked(door, found, policy))}


@pytest.mark.parametrize("door", Door)
def test_a_door_opens_when_everything_speaks_for_it(door):
    found = conditions(asked(door, evidence(door)))
    assert [(one.name, one.said) for one in found if one.standing is not Standing.PASSED] == []
    assert judge(found) is Word.OPEN


@pytest.mark.parametrize(("door", "case"), EACH, ids=[f"{d}-{c.condition}-{c.why}" for d, c in EACH])
def test_with_one_condition_broken_it_does_not(door, case):
    found = told(door, case.broken(evidence(door)))
    assert found[case.condition].standing is case.standing
    assert found[case.condition].todo
    assert judge(found.values()) is not Word.OPEN


@pytest.mark.parametrize("door", Door)
def test_every_condition_of_every_door_is_broken_above(door):
    assert {name(question) for question in DOORS[door]} == {c.condition for d, c in EACH if d is door}


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize("part", [field.name for field in fields(Evidence)])
def test_no_evidence_of_a_kind_is_never_taken_for_good_evidence(door, part):
    bare = replace(evidence(door), **{part: getattr(Evidence(), part)})
    before, after = told(door, evidence(door)), told(door, bare)
    changed = [one for one in after.values() if one != before[one.name]]
    assert all(one.standing is UNPROVEN for one in changed if one.standing is not Standing.PASSED)
    assert judge(conditions(asked(door, Evidence()))) is not Word.OPEN
    used = {
        "live": Door,
        "deployed": Door,
        "exports": set[Door](),  # here the verify shows that there was nothing to copy
        "verifies": Door,
        "fenced": {FIRST},
        "audited": Door,
        "listings": {CLEANUP},
        "rolled_back": set[Door](),  # there is one only where something was given back
        "tagged": Door,
    }
    assert (judge(after.values()) is Word.OPEN) == (door not in used[part])


@pytest.mark.parametrize("door", Door)
def test_after_a_rollback_a_new_verify_opens_the_door_again(door):
    found = evidence(door)
    before = rolled_back(found.verifies[-1].started - 1)(found)
    assert judge(conditions(asked(door, before))) is Word.OPEN


@pytest.mark.parametrize("door", Door)
def test_what_is_old_proves_nothing_any_more(door):
    later = {one.name: one for one in conditions(asked(door, evidence(door), later=25 * HOUR))}
    aged = [one for one in later.values() if "ago" in one.said]
    assert aged
    assert all(one.standing is UNPROVEN and one.todo for one in aged)
    assert judge(later.values()) is Word.UNPROVEN


def test_what_speaks_against_a_door_does_so_however_old_it_is():
    broken = with_verify(evidence(FIRST), settled={Kind.VALUE: 1})
    late = {one.name: one for one in conditions(asked(FIRST, broken, later=25 * HOUR))}
    assert late["stores-agree"].standing is FAILED


def test_a_missing_row_shuts_object_only_and_not_object_first():
    assert (
        judge(conditions(asked(FIRST, with_verify(evidence(FIRST), settled={Kind.MISSING: 3})))) is Word.OPEN
    )
    assert judge(conditions(asked(ONLY, with_verify(evidence(ONLY), settled={Kind.MISSING: 3})))) is Word.SHUT


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize("part", ["settled", "pending"])
def test_sessions_in_motion_are_neither_against_a_door_nor_a_doubt(door, part):
    found = with_verify(evidence(door), **{part: {Kind.IN_MOTION: 200}})
    assert judge(conditions(asked(door, found))) is Word.OPEN


@pytest.mark.parametrize(
    ("door", "stage"), [(FIRST, "shadow-read"), (ONLY, "object-first"), (CLEANUP, "object-only")]
)
def test_the_verify_to_type_next_says_the_stage(door, stage):
    found = told(door, replace(evidence(door), verifies=()))
    typed = [one.todo for one in found.values() if "kvferry verify" in one.todo and "--fence" in one.todo]
    assert typed
    assert all(f"kvferry verify --fence --stage {stage} " in todo for todo in typed)


def drained(longest: float = DAY, at: float = NOW - 5 * DAY, **changes: object) -> Evidence:
    found = with_verify(evidence(ONLY), settled={Kind.MISSING: 3}, longest=longest, **changes)
    first, last = found.listings
    empty = (replace(first, keys=0, started=at, at=at + 10), replace(last, keys=0))
    return replace(found, listings=empty)


def test_a_kv_that_has_drained_holds_nothing_that_could_be_lost():
    assert told(ONLY, drained())["nothing-only-in-kv"].standing is UNPROVEN  # listed more than a day ago
    assert told(ONLY, drained(at=NOW - 1000))["nothing-only-in-kv"].standing is Standing.PASSED


@pytest.mark.parametrize(
    "found",
    [
        drained(lasting=1, at=NOW - 1000),
        drained(longest=9 * DAY, at=NOW - 1000),
        replace(drained(at=NOW - 1000), listings=drained(at=NOW - 1000).listings[1:]),
        replace(drained(), listings=tuple(replace(one, keys=1) for one in drained().listings)),
    ],
    ids=["one that never expires", "too early", "one listing", "not empty"],
)
def test_and_one_that_may_not_have_is_no_proof(found):
    assert told(ONLY, found)["nothing-only-in-kv"].standing is FAILED


def test_a_waived_condition_opens_the_door_and_stays_what_it_is():
    policy = Policy(waivers={"audit-clean": "the code is in another repository"})
    found = told(FIRST, replace(evidence(FIRST), audited=replace(evidence(FIRST).audited, writes=2)), policy)
    assert judge(found.values()) is Word.OPEN
    assert found["audit-clean"].standing is FAILED
    assert found["audit-clean"].waived == "the code is in another repository"
    assert all(one.waived is None for one in found.values() if one.name != "audit-clean")


@pytest.mark.parametrize(
    ("standings", "word"),
    [
        ([], Word.UNPROVEN),
        ([Standing.PASSED], Word.OPEN),
        ([Standing.PASSED, UNPROVEN], Word.UNPROVEN),
        ([UNPROVEN, FAILED, Standing.PASSED], Word.SHUT),
    ],
)
def test_the_worst_condition_decides(standings, word):
    assert judge(Condition("c", standing, "") for standing in standings) is word


HOUR_NOW = NOW - NOW % HOUR


@pytest.mark.parametrize(
    ("first", "then", "standing"),
    [
        ({HOUR_NOW: "a", math.inf: "x"}, {math.inf: "x"}, Standing.PASSED),
        ({HOUR_NOW - HOUR: "a", HOUR_NOW: "b"}, {HOUR_NOW: "c"}, Standing.PASSED),
        ({NOW + 2 * HOUR: "a"}, {NOW + 2 * HOUR: "b"}, FAILED),
        ({NOW + 2 * HOUR: "a"}, {}, FAILED),
        ({}, {NOW + 2 * HOUR: "a"}, FAILED),
    ],
    ids=["expired", "expires in this hour", "written", "deleted", "new"],
)
def test_what_has_only_expired_between_two_listings_was_written_by_nobody(first, then, standing):
    one, other = evidence(CLEANUP).listings
    found = replace(evidence(CLEANUP), listings=(replace(one, hours=first), replace(other, hours=then)))
    assert told(CLEANUP, found)["kv-quiet"].standing is standing


def test_how_long_isolates_keep_what_they_read_is_part_of_h_once_it_is_told() -> None:
    found = audit(kept=1)(evidence(Door.OBJECT_FIRST))
    short = asked(Door.OBJECT_FIRST, found, Policy(isolate_cache=10.0))
    long = asked(Door.OBJECT_FIRST, found, Policy(isolate_cache=600.0))
    assert (short.horizon, long.horizon) == (110.0, 650.0)
    standings = [horizon_long_enough(one).standing for one in (short, long)]
    assert standings == [Standing.PASSED, Standing.UNPROVEN]


def test_where_nothing_is_in_kv_only_no_export_is_asked_for() -> None:
    found = replace(evidence(Door.OBJECT_FIRST), exports=())
    assert judge(conditions(asked(Door.OBJECT_FIRST, found))) is Word.OPEN
    for short in ({"whole": False}, {"full": False}, {"rehearsed": True}, {"unread": 1}, {"keys": 0}):
        answer = export_complete(asked(Door.OBJECT_FIRST, with_verify(found, **short)))
        assert answer.standing is Standing.UNPROVEN
