"""An audit as JUnit XML, for CI servers: a suite per rule, and a failed test per finding.

A rule without findings is one passed test; one that was not run is left out. How many findings are
not shown, and why, stands in each suite's properties.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from audits.auditing import Reported
from audits.formats.wording import plural, xml
from audits.report import Report, word
from audits.rules.rule import Rule


def junit(report: Report) -> str:
    """The report as XML text, well-formed whatever the findings hold."""
    audit = report.audit
    root = Element("testsuites", name="kvferry audit")
    for rule in audit.request.rules:
        found = [one for one in audit.findings if one.finding.rule == rule.name]
        suite = _suite(root, rule, found)
        aside = {
            "suppressed": [one.finding.rule for one in audit.suppressed],
            "baselined": [one.finding.rule for one in audit.baselined],
            "unchanged": [one.finding.rule for one in audit.unchanged],
        }
        for name, rules in aside.items():
            SubElement(suite[0], "property", name=name, value=str(rules.count(rule.name)))
    if not audit.collected:
        suite = SubElement(
            root, "testsuite", name="collected", tests="1", failures="0", errors="1", skipped="0"
        )
        case = SubElement(suite, "testcase", classname="kvferry.audit", name="files", time="0")
        SubElement(case, "error", message="there is nothing to audit", type="collected")
    for figure in ("tests", "failures", "errors"):
        root.set(figure, str(sum(int(suite.get(figure, "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, rule: Rule, found: list[Reported]) -> Element:
    suite = SubElement(root, "testsuite", name=rule.name)
    SubElement(suite, "properties")
    for one in found:
        place = one.finding.place
        name = xml(f"{place.path}:{place.line}:{place.column}")
        case = SubElement(suite, "testcase", classname=f"kvferry.audit.{rule.name}", name=name, time="0")
        case.set("file", xml(place.path))
        case.set("line", str(place.line))
        failure = SubElement(
            case, "failure", message=xml(one.finding.message), type=word(one.finding.severity)
        )
        failure.text = xml(f"{one.source.strip()}\n{one.finding.code} {one.fingerprint}")
    if not found:
        SubElement(
            suite, "testcase", classname=f"kvferry.audit.{rule.name}", name=plural(0, "finding"), time="0"
        )
    suite.set("tests", str(max(1, len(found))))
    suite.set("failures", str(len(found)))
    suite.set("errors", "0")
    suite.set("skipped", "0")
    return suite
