from __future__ import annotations

from dataclasses import replace

from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import Outcome, Quarantined
from migrate.errors import Exit
from migrate.formats.export import SAMPLES, ExportFacts, build_export
from migrate.formats.report import validate
from tests.formats.conftest import PREFIX, key, tally


def test_the_report_is_valid_and_names_every_outcome(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    document = build_export(exported, fingerprints)
    validate(document, "export-report")
    assert set(document["tally"]) == {outcome.value for outcome in Outcome}
    assert (document["listed"], document["tally"]["copied"], document["balanced"]) == (1000, 990, True)
    assert document["started"] == {"unix": 1_763_620_860.0, "iso": "2025-11-20T06:41:00Z"}
    assert (document["state"], document["exit"]) == ("complete", 3)


def test_an_account_that_does_not_balance_is_never_a_success(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    lost = tally(copied=999)
    lost["listed"] += 1
    document = build_export(replace(exported, tally=lost, exit=Exit.CLEAN), fingerprints)
    assert (document["balanced"], document["exit"]) == (False, 3)
    validate(document, "export-report")


def test_negative_counts_do_not_balance_even_when_the_sum_fits(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    odd = tally(copied=5, waiting_to_settle=-2)
    document = build_export(replace(exported, tally=odd, exit=Exit.CLEAN), fingerprints)
    assert (document["balanced"], document["exit"]) == (False, 3)


def test_an_exit_code_that_was_earned_stays(exported: ExportFacts, fingerprints: Fingerprints) -> None:
    for code in (Exit.CLEAN, Exit.AGAINST, Exit.INTERRUPTED):
        assert build_export(replace(exported, exit=code), fingerprints)["exit"] == code


def test_samples_are_capped_and_the_rest_is_counted(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    many = [Quarantined(key(n), "too large") for n in range(SAMPLES + 5)]
    facts = replace(exported, quarantined=many, tally=tally(quarantined=100))
    found = build_export(facts, fingerprints)["quarantined"]
    assert (found["count"], len(found["samples"]), found["more"]) == (100, SAMPLES, 100 - SAMPLES)
    assert found["samples"][0] == {
        "fingerprint": f"{PREFIX}#{fingerprints.of(key(0))}",
        "reason": "too large",
    }
