from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from migrate.core.comparing import Kind
from migrate.core.difference import Difference, ReadError, Seen, Side, Skip, State
from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import Quarantined, Tally
from migrate.core.record import NEVER, UNKNOWN, Key, Origin
from migrate.errors import Exit
from migrate.formats.export import ExportFacts
from migrate.formats.verify import VerifyFacts

PREFIX = "spotify_session:"
PLANTED = "planted-3f9c2d01"
KEY = Key(PREFIX + PLANTED)
START = 1_763_620_860.0
NEXT = "kvferry verify --source dump:a.json --target sqlite:b.db --prefix spotify_session:"


def key(number: int) -> Key:
    return Key(f"{KEY}-{number}")


@pytest.fixture
def fingerprints() -> Fingerprints:
    return Fingerprints(bytes(range(32)))


def tally(**counts: int) -> Tally:
    return Counter({"listed": sum(counts.values()), **counts})


@pytest.fixture
def exported() -> ExportFacts:
    return ExportFacts(
        run="0123456789abcdef",
        source="dump:a.json",
        target="sqlite:b.db",
        prefixes=[PREFIX],
        sweep=1,
        started=START,
        finished=START + 274,
        complete=True,
        tally=tally(copied=990, equal=4, tombstoned=1, quarantined=3, failed=2),
        exit=Exit.UNFINISHED,
        next=NEXT,
        configuration="0123456789ab",
        requests={"list": 1, "bulk get": 10},
        throttled=3.5,
        settle=120.0,
        quarantined=[Quarantined(key(n), "expiration is unknown") for n in range(3)],
        failed=[Quarantined(KEY, f"no answer for {KEY} ({PLANTED})")],
    )


SEEN = Seen("d" * 22, 300, int(START) + 9000, "m" * 22)
ROW = Seen("e" * 22, 301, NEVER, None, 3, Origin.COPY)
DIFFERENCE = Difference(
    key(1),
    Kind.VALUE,
    SEEN,
    ROW,
    START,
    START + 120,
    START,
    START + 120,
    rounds=1,
    state=State.SETTLED,
    fields=("value", "metadata", "expiration"),
)
DIFFERENCES = (
    DIFFERENCE,
    replace(DIFFERENCE, key=key(2), kind=Kind.MISSING, target=None, fields=()),
    replace(
        DIFFERENCE,
        key=key(3),
        kind=Kind.EXTRA,
        source=None,
        target=Seen(None, 0, UNKNOWN, None, 1, Origin.DUAL),
        state=State.UNSETTLED,
        fields=(),
    ),
)


@pytest.fixture
def clean() -> VerifyFacts:
    return VerifyFacts(
        run="0123456789abcdef",
        number=1,
        source="dump:a.json",
        target="sqlite:b.db",
        prefixes=[PREFIX],
        started=START,
        finished=START + 130,
        complete=True,
        tally=Counter(equal=998, same_json=2, source_keys=1000, target_rows=1000),
        counts={},
        settle=120.0,
        default_settle=120.0,
        rounds=3,
        next=NEXT,
        configuration="0123456789ab",
    )


@pytest.fixture
def differing(clean: VerifyFacts) -> VerifyFacts:
    return replace(
        clean,
        counts={
            "value": Counter(settled=1),
            "missing": Counter(settled=1),
            "extra": Counter(unsettled=1),
            "equal": Counter(healed=5),
            "expiring": Counter(drained=2),
        },
        differences=DIFFERENCES,
        errors={"source": 1},
        read_errors=[ReadError(key(7), Side.SOURCE, f"bad answer for {key(7)}", START)],
        skipped=1,
        skips=[Skip(key(8), f"not in the sample: {PLANTED}-8", START)],
    )
