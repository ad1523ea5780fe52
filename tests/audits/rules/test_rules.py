"""What holds for every rule: its documentation, and its documented examples."""

import re
from pathlib import Path

import pytest

import audits.rules
from audits.rules import RULES, documentation, lookup
from audits.rules.documentation import SECTIONS
from audits.rules.rule import Settings
from tests.audits.conftest import NOW

NAMES = [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_is_found_by_name_and_by_code(rule):
    assert lookup(rule.name) is lookup(rule.code) is lookup(rule.code.lower()) is rule
    assert re.fullmatch(r"KV\d{3}", rule.code)
    assert lookup(rule.name + "x") is None


def test_names_and_codes_are_unique_and_the_rules_are_in_the_order_of_codes():
    assert len(set(NAMES)) == len(NAMES)
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))


def test_a_rule_lives_in_the_file_of_its_name():
    folder = Path(audits.rules.__file__).parent
    for name in NAMES:
        assert (folder / f"{name.replace('-', '_')}.py").is_file()


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_documentation_has_every_section(rule):
    explained = documentation.of(rule)
    assert explained.title
    assert tuple(name for name, text in explained.sections if text) == SECTIONS
    assert explained.bad
    assert explained.good
    assert rule.summary[0].islower()
    assert not rule.summary.endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_every_bad_example_is_found_and_no_good_one(rule, audited):
    explained = documentation.of(rule)
    settings = Settings(now=NOW, pedantic=rule.pedantic)
    for code in explained.bad:
        assert rule.name in {one.finding.rule for one in audited(code, settings).findings}, code
    for code in explained.good:
        assert rule.name not in {one.finding.rule for one in audited(code, settings).findings}, code


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_findings_say_in_one_line_what_is_wrong(rule, audited):
    for code in documentation.of(rule).bad:
        for one in audited(code, select=(rule.name,)).findings:
            assert one.finding.code == rule.code
            assert one.finding.severity <= rule.severity
            assert "\n" not in one.finding.message
            assert not one.finding.message.endswith(".")
            assert list(one.finding.signals) == sorted(one.finding.signals)
