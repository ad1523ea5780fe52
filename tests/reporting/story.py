"""A migration of two weeks, told by documents: what a ledger would have of it, and the verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from migrate.core.comparing import Kind
from migrate.core.difference import Aged, Reread, State
from migrate.core.document import Document, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.core.ports import Quarantined, Tally
from migrate.core.record import Key
from migrate.errors import Exit
from migrate.formats.export import ExportFacts, build_export
from migrate.formats.verify import PROVEN_BY, SOURCE_KEYS, TARGET_ROWS, VerifyFacts, build_verify
from migrate.gate.bundle import Bundle
from migrate.gate.exhibits import AUDIT, DEPLOYMENT, EXPORT, FENCE, LISTING, LIVE, VERIFY, Exhibit
from migrate.gate.history import Given, History
from migrate.gate.verdicts import verdict
from migrate.reporting.material import Material, Place

NOW = 1_763_640_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
SOURCE = "kv://0123456789abcdef0123456789abcdef/fedcba9876543210fedcba9876543210"
TARGET = "do+https://bridge.example.com"
PREFIX = "spotify_session:"
COMMIT = "8c1f0d5e3b7a4926d1e0f8c7b6a5948372615049"
OLD, NEW = "5f3a9c20-8a2b-4d11", "e77b0d41-93cc-4c02"
SECRET = bytes(range(32))
SESSIONS = 184_230


@dataclass(frozen=True)
class Beat:
    """Isolates of a stage and a version, from one day to another; days are before NOW."""

    stage: str
    version: str
    first: float
    last: float


BEATS = (
    Beat("kv", OLD, 14.0, 12.6),
    Beat("dual-write", OLD, 12.7, 9.6),
    Beat("shadow-read", NEW, 9.7, 8.05),
    Beat("object-first", NEW, 8.1, 10 / DAY),
)


WORK: Document = {
    "what": "repair",
    "started": moment(NOW - 8.85 * DAY),
    "finished": moment(NOW - 8.85 * DAY + 4 * MINUTE),
    "state": "complete",
    "exit": 0,
    "total": 16,
    "tally": {"written": 4, "kv_agrees": 12},
    "balanced": True,
}


def migration(**changes: Any) -> Material:
    """The whole story, up to a door that is open. `changes` are of the material."""
    exhibits = tuple(sorted(_exhibits(), key=lambda one: one.at))
    bundle = Bundle(SOURCE, TARGET, (PREFIX,), exhibits)
    passes = tuple(_passes())
    given = {
        "bundle": bundle,
        "history": History(tuple(verdicts(bundle)), passes, works=(WORK,)),
        "place": Place.LEDGER,
        "now": NOW,
    }
    return Material(**{**given, **changes})


def verdicts(bundle: Bundle) -> Iterator[Given]:
    """Asked too early, waived, opened; then the second door: shut, unproven, open."""
    waived = Policy(waivers={"one-version": "the preview of the payment team is bound to another namespace"})
    for door, days, policy in (
        (Door.OBJECT_FIRST, 8.8, Policy()),
        (Door.OBJECT_FIRST, 8.2, waived),
        (Door.OBJECT_ONLY, 6.0, Policy()),
        (Door.OBJECT_ONLY, 2.0, Policy()),
        (Door.OBJECT_ONLY, 0.01, Policy()),
    ):
        yield Given(given_at(bundle, door, NOW - days * DAY, policy))


def given_at(bundle: Bundle, door: Door, at: float, policy: Policy | None = None) -> Document:
    """The verdict that a gate would have given then."""
    known = tuple(one for one in bundle.exhibits if one.at <= at)
    then = Bundle(bundle.source, bundle.target, bundle.prefixes, known)
    return verdict(door, then, policy or Policy(), at, f"--source {SOURCE} --target {TARGET}")


def _exhibits() -> Iterator[Exhibit]:
    yield _exported(12.5, 55, 1, copied=151_800, expired_in_flight=312, quarantined=2, complete=False)
    yield _exported(12.4, 14, 1, copied=183_400, equal=21, expired_in_flight=809, quarantined=2)
    yield _exported(8.9, 21, 2, copied=1_213, updated=940, equal=181_004, newer_here=3, tombstoned=871)
    yield _verified(8.87, 62, "shadow-read", 1, value=12, missing=4, healed=231, drained=18)
    yield _verified(8.4, 58, "shadow-read", 2, healed=97, drained=11)
    yield _verified(0.08, 57, "object-first", 3, healed=41, drained=9)
    for days in (8.8, 8.2, 6.0, 2.0, 0.01):
        at = NOW - days * DAY - 5
        yield Exhibit(LIVE, at, live(at))
        yield Exhibit(DEPLOYMENT, at, _deployed(at))
        up = moment(NOW - 8.45 * DAY) if days < 8.45 else None
        yield Exhibit(FENCE, at, {"asked": moment(at), "since": up, "leased": moment(NOW - 8.88 * DAY)})
        writes = ["src/login.ts:41"] if days > 8.5 else []
        audit = {"audited": moment(at), "commit": COMMIT, "dirty": False, "whole": True, "writes": writes}
        yield Exhibit(AUDIT, at, {**audit, "caches_seconds": 60.0})
    for days in (6.0, 2.0, 0.01):
        at = NOW - days * DAY - 3
        told = {"started": moment(at - 40), "finished": moment(at), "keys": int(SESSIONS - days * 900)}
        yield Exhibit(LISTING, at, {**told, "hours": {"never": "0" * 32}})


def _passes() -> Iterator[Document]:
    for what, number, state, days, took in (
        ("export", 1, "complete", 12.5, 3 * HOUR),
        ("export", 2, "complete", 8.9, 21 * MINUTE),
        ("verify", 1, "complete", 8.87, HOUR),
        ("verify", 2, "abandoned", 8.7, None),
        ("repair", 1, "complete", 8.85, 4 * MINUTE),
    ):
        started = NOW - days * DAY
        told: Document = {"what": what, "number": number, "state": state, "started": moment(started)}
        told["finished"] = None if took is None else moment(started + took)
        yield {**told, "tally": {"written": 4, "kept": 12}} if what == "repair" else told


def _exported(days: float, minutes: float, sweep: int, complete: bool = True, **counts: int) -> Exhibit:
    started, finished = NOW - days * DAY, NOW - days * DAY + minutes * MINUTE
    facts = ExportFacts(
        run="3fa9c2d01b77e842",
        source=SOURCE,
        target=TARGET,
        prefixes=[PREFIX],
        sweep=sweep,
        started=started,
        finished=finished,
        complete=complete,
        tally=Counter({"listed": sum(counts.values()), **counts}),
        exit=Exit.CLEAN if complete else Exit.UNFINISHED,
        next="kvferry verify",
        configuration="0123456789ab",
        requests={"lists": sum(counts.values()) // 1000 + 1, "bulk reads": sum(counts.values()) // 100 + 1},
        throttled=41.5,
        settle=120.0,
        quarantined=[Quarantined(Key(f"{PREFIX}q{n}"), "its expiration is unknown") for n in range(2)][
            : counts.get("quarantined", 0)
        ],
        note="" if complete else "interrupted by the operator",
    )
    return Exhibit(EXPORT, finished, build_export(facts, Fingerprints(SECRET)))


def _verified(
    days: float,
    minutes: float,
    stage: str,
    number: int,
    value: int = 0,
    missing: int = 0,
    healed: int = 0,
    drained: int = 0,
) -> Exhibit:
    started, finished = NOW - days * DAY, NOW - days * DAY + minutes * MINUTE
    tally: Tally = Counter(
        equal=SESSIONS - 900,
        same_json=640,
        tombstoned=871,
        left_3600=1200,
        left_86400=30_100,
        left_172800=41_000,
        left_345600=60_300,
        left_604800=SESSIONS - 132_600,
    )
    tally |= Counter(
        {SOURCE_KEYS: SESSIONS, TARGET_ROWS: SESSIONS + 871, PROVEN_BY["digest"]: SESSIONS - 260}
    )
    settled = State.SETTLED.value
    counts: dict[str, dict[str, int]] = {
        Kind.VALUE.value: {settled: value},
        Kind.MISSING.value: {settled: missing},
        Kind.EQUAL.value: {State.HEALED.value: healed},
        Kind.EXPIRING.value: {State.DRAINED.value: drained},
    }
    facts = VerifyFacts(
        run="b81c77e0a5d2f394",
        number=number,
        source=SOURCE,
        target=TARGET,
        prefixes=[PREFIX],
        started=started,
        finished=finished,
        complete=True,
        tally=tally,
        counts=counts,
        settle=120.0,
        default_settle=120.0,
        rounds=3,
        next="kvferry status",
        configuration="0123456789ab",
        stage=stage,
        foreign=0,
        requests={"lists": SESSIONS // 1000 + 1, "bulk reads": SESSIONS // 100 + 1},
        ages=[
            Aged(Kind.MISSING, State.SETTLED, 300, missing),
            Aged(Kind.VALUE, State.SETTLED, 300, value // 2),
            Aged(Kind.VALUE, State.SETTLED, 3600, value - value // 2),
        ]
        if value
        else [],
        rereadings=[
            Reread(2, State.HEALED, healed - healed // 5),
            Reread(2, State.DRAINED, drained),
            *([Reread(2, State.SETTLED, value + missing)] if value else []),
            Reread(3, State.HEALED, healed // 5),
        ],
    )
    return Exhibit(VERIFY, finished, build_verify(facts, Fingerprints(SECRET)))


def live(at: float) -> Document:
    """What the statistics said then."""
    stages = []
    for beat in BEATS:
        first, last = NOW - beat.first * DAY, min(at - 10, NOW - beat.last * DAY)
        if first < at:
            recent = int(at - last < MINUTE)
            told = {"stage": beat.stage, "version": beat.version, "isolates": 6, "recent": 3 * recent}
            told |= {"first": moment(first), "last": moment(last), "age_seconds": round(at - last, 3)}
            stages.append(told)
    lag = 9.0 + (NOW - at) / DAY
    return {
        "asked": moment(at),
        "standing": "seen",
        "said": "at work",
        "stages": stages,
        "counters": {"canary_fallback_hit": 811, "fallback_hit": 14, "object_put": 90_214},
        "rose": {"fallback_hit": moment(NOW - 7.8 * DAY)} if at > NOW - 7.8 * DAY else {},
        "journal": {"entries": 0, "oldest": None, "age_seconds": None},
        "canary": {
            "standing": "counted",
            "said": "the counter of fallback hits counted the canary",
            "newest": None,
            "lag": {"seconds": round(lag, 3), "at": moment(at - HOUR), "horizon_seconds": round(3 * lag, 3)},
            "reads": {},
        },
    }


def _deployed(at: float) -> Document:
    versions = [{"version": NEW, "percentage": 100.0}]
    since = NOW - (8.15 if at > NOW - 8.15 * DAY else 9.7) * DAY
    if at < NOW - 8.15 * DAY:
        versions = [{"version": NEW, "percentage": 60.0}, {"version": OLD, "percentage": 40.0}]
    asked: Document = {"asked": moment(at), "script": "shop", "since": moment(since), "versions": versions}
    return {**asked, "tag": COMMIT[:12]}
