"""An audit as JUnit XML, for CI servers: a suite per rule, and a failed test per finding.

A rule without findings is one passed test; one that was not run is left out.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from audits.auditing import Reported
from audits.formats.wording import plural, xml
from audits.report import Report, word
from audits.rules import RULES
from audits.rules.rule import Rule


def junit(report: Report) -> str:
    """The report as XML text, well-formed whatever the findings hold."""
    request = report.audit.request
    root = Element("testsuites", name="kvferry audit")
    for rule in RULES:
        found = [one for one in report.audit.findings if one.finding.rule == rule.name]
        asked = rule.name in request.select if request.select else not rule.pedantic
        if found or (asked and rule.name not in request.ignore):
            _suite(root, rule, found)
    if not report.audit.collected:
        suite = SubElement(
            root, "testsuite", name="collected", tests="1", failures="0", errors="1", skipped="0"
        )
        case = SubElement(suite, "testcase", classname="kvferry.audit", name="files", time="0")
        SubElement(case, "error", message="there is nothing to audit", type="collected")
    for figure in ("tests", "failures", "errors"):
        root.set(figure, str(sum(int(suite.get(figure, "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, rule: Rule, found: list[Reported]) -> None:
    suite = SubElement(root, "testsuite", name=rule.name)
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
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(found)))
    suite.set("errors", "0")
    suite.set("skipped", "0")
