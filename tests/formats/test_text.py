from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import Outcome
from migrate.errors import Exit
from migrate.formats.export import ExportFacts, build_export
from migrate.formats.text import equation, export_text, verify_text
from migrate.formats.verify import VerifyFacts, build_verify
from tests.formats.conftest import NEXT, tally

EQUATION = (
    "listed 1,000 = copied 990 + updated 0"
    " + already present 4 (equal 4, newer here 0, waiting to settle 0)"
    " + tombstoned 1 + expired in flight 0 + deleted in flight 0 + quarantined 3 + failed 2"
)


def test_the_accounting_equation_is_one_line(exported: ExportFacts, fingerprints: Fingerprints) -> None:
    lines = export_text(build_export(exported, fingerprints)).splitlines()
    assert lines.count(EQUATION) == 1


@given(st.fixed_dictionaries({outcome.value: st.integers(0, 9999) for outcome in Outcome}))
def test_the_printed_equation_holds_for_every_outcome(counts: dict[str, int]) -> None:
    left, right = equation(sum(counts.values()), counts).split(" = ")
    terms = [part.partition(" (")[0] for part in right.split(" + ")]
    figures = [int(term.rsplit(" ", 1)[1].replace(",", "")) for term in terms]
    assert sum(figures) == sum(counts.values()) == int(left.removeprefix("listed ").replace(",", ""))
    inner = right.partition("(")[2].partition(")")[0]
    present = [int(part.rsplit(" ", 1)[1].replace(",", "")) for part in inner.split(", ")]
    assert sum(present) == figures[2]


def test_an_account_that_does_not_balance_says_so_loudly(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    lost = tally(copied=999)
    lost["listed"] += 1
    text = export_text(build_export(replace(exported, tally=lost, exit=Exit.CLEAN), fingerprints))
    assert "THE ACCOUNT DOES NOT BALANCE: listed 1,000, accounted for 999." in text
    assert "DOES NOT BALANCE" not in export_text(build_export(exported, fingerprints))


def test_the_last_line_says_what_to_type_next(
    exported: ExportFacts, differing: VerifyFacts, fingerprints: Fingerprints
) -> None:
    for text in (
        export_text(build_export(exported, fingerprints)),
        verify_text(build_verify(differing, fingerprints)),
    ):
        assert text.splitlines()[-1] == f"next: {NEXT}"
        assert text.endswith("\n")


def test_an_export_shows_where_how_long_and_what_was_left(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    text = export_text(build_export(replace(exported, partial="--limit 1000"), fingerprints))
    assert "sweep 1 of run 0123456789abcdef is complete\n" in text
    assert "took      4 min 34 s (2025-11-20T06:41:00Z to 2025-11-20T06:45:34Z)\n" in text
    assert "requests  list 1, bulk get 10; throttled for 3.5 s\n" in text
    assert "partial   --limit 1000\n" in text
    assert "quarantined 3:\n  spotify_session:#" in text
    assert "  … and 1 more\n" in text  # of the two that failed one is named


def test_a_verify_shows_classes_differences_and_doubts(
    differing: VerifyFacts, fingerprints: Fingerprints
) -> None:
    text = verify_text(build_verify(differing, fingerprints))
    assert "verify 1 of run 0123456789abcdef: differences\n" in text
    assert "compared 1,010 keys: source 1,000, target 1,000\n" in text
    assert "against the copy: 2 settled differences\n" in text
    assert "not proven: 1 key of the source could not be read\n" in text
    assert "value (value, metadata, expiration), settled\n" in text
    assert "    source  300 bytes, digest dddddddddddddddddddddd, expires 2025-11-20T09:11:00Z" in text
    assert "    target  not there\n" in text
    assert "    target  tombstone, expires unknown, version 1, origin dual\n" in text
    rows = {line.split()[1]: line.split()[2:] for line in text.splitlines() if line.startswith("  ! ")}
    assert rows == {"value": ["1", "1"], "missing": ["1", "1"]}


def test_a_rehearsal_is_named(clean: VerifyFacts, fingerprints: Fingerprints) -> None:
    text = verify_text(build_verify(replace(clean, settle=2.0), fingerprints))
    assert "settle    2 s, 3 rounds (rehearsal: settled after 2 s, less than 2 min" in text
    assert "rehearsal" not in verify_text(build_verify(clean, fingerprints))


def test_terminal_escapes_from_elsewhere_are_not_obeyed(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    facts = replace(exported, prefixes=["\x1b]0;x\x07:"], note="two\nlines\x1b[2J", partial="\x1b[31m")
    text = export_text(build_export(facts, fingerprints))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "two\\nlines" in text
