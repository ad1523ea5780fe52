from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from migrate.core.comparing import AGAINST, Kind
from migrate.core.difference import State
from migrate.core.fingerprint import Fingerprints
from migrate.errors import Exit
from migrate.formats.report import validate
from migrate.formats.text import verify_text
from migrate.formats.verify import SHOWN, VerifyFacts, build_verify, doubts, verdict
from tests.formats.conftest import DIFFERENCE, DIFFERENCES, key


def test_a_clean_report_is_valid(clean: VerifyFacts, fingerprints: Fingerprints) -> None:
    document = build_verify(clean, fingerprints)
    validate(document, "verify-report")
    assert (document["verdict"], document["exit"], document["unproven_because"]) == ("clean", 0, [])
    assert (document["compared"], document["source_keys"], document["target_rows"]) == (1000, 1000, 1000)
    assert document["rehearsal"] is None


def test_a_report_with_everything_in_it_is_valid(differing: VerifyFacts, fingerprints: Fingerprints) -> None:
    document = build_verify(differing, fingerprints)
    validate(document, "verify-report")
    assert (document["verdict"], document["exit"], document["against"]) == ("differences", 1, 2)
    assert document["compared"] == 1010
    assert document["settling"] == {"open": 0, "settled": 2, "healed": 5, "drained": 2, "unsettled": 1}
    assert [one["class"] for one in document["differences"]] == ["value", "missing", "extra"]
    first, missing, extra = document["differences"]
    assert first["source"]["digest"] == "d" * 22
    assert first["target"]["expiration"] == "never"
    assert missing["target"] is None
    assert extra["target"]["tombstone"]
    assert extra["target"]["expiration"] == "unknown"


@pytest.mark.parametrize("kind", sorted(AGAINST))
def test_a_settled_difference_of_each_class_against_is_exit_1(clean: VerifyFacts, kind: Kind) -> None:
    assert verdict(replace(clean, counts={kind: Counter(settled=1)})) == ("differences", Exit.AGAINST)


@pytest.mark.parametrize("kind", sorted(set(Kind) - AGAINST))
def test_other_classes_are_not_against(clean: VerifyFacts, kind: Kind) -> None:
    assert verdict(replace(clean, counts={kind: Counter(settled=1, drained=1, healed=1)}))[1] == Exit.CLEAN
    assert verdict(replace(clean, tally=Counter({kind: 5})))[1] == Exit.CLEAN


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"complete": False}, "did not finish"),
        ({"partial": "--sample 10"}, "partial: --sample 10"),
        ({"errors": {"target": 2}}, "2 keys of the target could not be read"),
        ({"skipped": 1}, "1 key left out"),
        ({"counts": {"value": Counter(unsettled=1)}}, "1 difference did not settle"),
        ({"counts": {"missing": Counter(open=3)}}, "3 differences did not settle"),
        ({"counts": {"expiring": Counter(open=1)}}, "1 expiring session did not drain"),
    ],
)
def test_what_was_not_proven_is_exit_3_and_says_why(
    clean: VerifyFacts, change: dict[str, object], reason: str
) -> None:
    facts = replace(clean, **change)  # type: ignore[arg-type]
    assert verdict(facts) == ("unproven", Exit.UNFINISHED)
    assert len(doubts(facts)) == 1
    assert reason in doubts(facts)[0]


def test_a_settled_difference_outweighs_what_was_not_proven(clean: VerifyFacts) -> None:
    facts = replace(clean, complete=False, partial="--sample 10", counts={"value": Counter(settled=1)})
    assert verdict(facts) == ("differences", Exit.AGAINST)
    assert len(doubts(facts)) == 2


def test_a_shorter_horizon_is_a_rehearsal_and_says_so(clean: VerifyFacts, fingerprints: Fingerprints) -> None:
    document = build_verify(replace(clean, settle=5.0), fingerprints)
    assert "never satisfies a gate" in document["rehearsal"]
    validate(document, "verify-report")
    never_stale = build_verify(replace(clean, settle=0.0, default_settle=0.0), fingerprints)
    assert never_stale["rehearsal"] is None


def test_differences_are_capped_and_the_rest_is_counted(
    clean: VerifyFacts, fingerprints: Fingerprints
) -> None:
    many = [replace(DIFFERENCE, key=key(n)) for n in range(SHOWN + 10)]
    facts = replace(clean, differences=many, counts={"value": Counter(settled=5000, healed=7)})
    document = build_verify(facts, fingerprints)
    assert (len(document["differences"]), document["more"]) == (SHOWN, 5000 - SHOWN)
    assert document["classes"]["value"]["keys"] == 5007


def test_what_healed_or_was_never_against_is_not_listed(
    clean: VerifyFacts, fingerprints: Fingerprints
) -> None:
    quiet = [
        replace(DIFFERENCE, state=State.HEALED),
        replace(DIFFERENCE, kind=Kind.NEWER),
        replace(DIFFERENCE, kind=Kind.EXPIRING, state=State.DRAINED),
    ]
    document = build_verify(replace(clean, differences=[*quiet, *DIFFERENCES]), fingerprints)
    assert len(document["differences"]) == len(DIFFERENCES)


@pytest.mark.parametrize(
    ("concealed", "way"), [("a key for values", "give a key for values"), (None, "use --recheck")]
)
def test_what_json_was_not_compared_is_said_and_how_to_find_out(
    clean: VerifyFacts, fingerprints: Fingerprints, concealed: str | None, way: str
) -> None:
    counts = {"value": Counter(settled=3), "extra": Counter(settled=1)}
    facts = replace(clean, counts=counts, proofs={"digest": 3}, undecided=3, concealed=concealed)
    document = build_verify(facts, fingerprints)
    validate(document, "verify-report")
    assert document["json_not_compared"] == {"keys": 3, "missing": concealed}
    assert document["proofs"]["digest"] == 3
    assert f"not compared for 3 keys: {way}" in verify_text(document)
    assert not facts.only_undecided
    assert replace(facts, undecided=4).only_undecided
    assert not replace(facts, undecided=4, exact=True).only_undecided
    assert build_verify(replace(facts, exact=True), fingerprints)["json_not_compared"] is None
