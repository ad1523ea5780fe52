from __future__ import annotations

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

from migrate.core.comparing import AGAINST
from migrate.core.fingerprint import Fingerprints
from migrate.formats.junit import verify_junit
from migrate.formats.verify import VerifyFacts, build_verify
from tests.formats.conftest import DIFFERENCE, PREFIX, key


def parsed(facts: VerifyFacts, fingerprints: Fingerprints) -> ElementTree.Element:
    return ElementTree.fromstring(verify_junit(build_verify(facts, fingerprints)))


def test_a_clean_verify_is_a_passed_test_per_class_against(
    clean: VerifyFacts, fingerprints: Fingerprints
) -> None:
    root = parsed(clean, fingerprints)
    assert {suite.get("name") for suite in root} == {str(kind) for kind in AGAINST} | {"proven"}
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == (str(len(AGAINST) + 1), "0", "0")
    assert root.findall(".//failure") == root.findall(".//error") == []


def test_each_settled_difference_is_a_failure(differing: VerifyFacts, fingerprints: Fingerprints) -> None:
    root = parsed(differing, fingerprints)
    failed = {case.get("name"): case for case in root.iter("testcase") if case.find("failure") is not None}
    assert set(failed) == {f"{PREFIX}#{fingerprints.of(key(n))}" for n in (1, 2)}
    failure = failed[f"{PREFIX}#{fingerprints.of(key(1))}"].find("failure")
    assert failure is not None
    assert failure.get("message") == "value: value, metadata, expiration"
    assert "digest " + "e" * 22 in (failure.text or "")
    assert (root.get("failures"), root.get("errors")) == ("2", "3")
    value = root.find("testsuite[@name='value']")
    assert value is not None
    assert (value.get("tests"), value.get("failures"), value.get("time")) == ("1", "1", "130.000")


def test_differences_that_are_not_listed_still_fail(clean: VerifyFacts, fingerprints: Fingerprints) -> None:
    facts = replace(clean, counts={"value": Counter(settled=5000)}, differences=[DIFFERENCE])
    root = parsed(facts, fingerprints)
    names = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert names[1:] == ["4999 more settled differences"]


def test_it_is_well_formed_whatever_the_report_holds(clean: VerifyFacts, fingerprints: Fingerprints) -> None:
    nasty = '<a href="x">&]]>\x00\x1b\ufffe\ud800\''
    facts = replace(
        clean,
        prefixes=[nasty],
        partial=nasty,
        counts={"value": Counter(settled=1)},
        differences=[replace(DIFFERENCE, key=nasty + "rest-of-key")],  # type: ignore[arg-type]
    )
    text = verify_junit(build_verify(facts, fingerprints))
    root = ElementTree.fromstring(text)
    (error,) = root.findall(".//error")
    assert error.get("message") == 'it was partial: <a href="x">&]]>\ufffd\ufffd\ufffd\ufffd\''
    text.encode("utf-8")


def test_json_that_was_not_compared_is_named_with_what_is_missing(
    differing: VerifyFacts, fingerprints: Fingerprints
) -> None:
    def said(facts: VerifyFacts) -> list[str | None]:
        found = parsed(facts, fingerprints).iter("property")
        return [one.get("value") for one in found if one.get("name") == "json_not_compared"]

    assert said(differing) == []
    facts = replace(differing, undecided=2, concealed="a key for values")
    assert said(facts) == ["JSON was not compared for 2 keys: give a key for values to find out"]
