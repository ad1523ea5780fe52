"""The verify report as JUnit XML, for CI servers: one suite per class that speaks against the copy.

Each settled difference is a failed test; a class without any is one passed test. What keeps the
verify from being proof is an error in the suite `proven`.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from migrate.core.document import Document
from migrate.formats.text import projected_field, side_text, uncompared

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def verify_junit(document: Document) -> str:
    """The report as XML text, well-formed whatever the report holds."""
    root = Element("testsuites", name="kvferry verify")
    for name, found in document["classes"].items():
        if found["against"]:
            _class(root, name, found["settled"], document)
    _proven(root, document)
    for figure in ("tests", "failures", "errors"):
        root.set(figure, str(sum(int(suite.get(figure, "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _class(root: Element, name: str, settled: int, document: Document) -> None:
    listed = [one for one in document["differences"] if one["class"] == name and one["state"] == "settled"]
    suite = SubElement(root, "testsuite", name=_xml(name))
    if not settled:
        _case(suite, name, "no settled difference")
    for one in listed:
        text = f"source: {side_text(one['source'])}\ntarget: {side_text(one['target'])}"
        fields = ", ".join(one["fields"]) or "the key itself"
        _case(suite, name, one["fingerprint"], ("failure", f"{name}: {fields}", text))
    if settled > len(listed):
        rest = f"{settled - len(listed)} more settled differences"
        _case(suite, name, rest, ("failure", f"{name}: {rest}", ""))
    _figures(suite, document)


def _proven(root: Element, document: Document) -> None:
    suite = SubElement(root, "testsuite", name="proven")
    _properties(suite, document)
    for reason in document["unproven_because"]:
        _case(suite, "proven", reason, ("error", reason, ""))
    if not document["unproven_because"]:
        _case(suite, "proven", "everything was read and has settled")
    _figures(suite, document)


def _properties(suite: Element, document: Document) -> None:
    """By which rules and on whose word it was compared, how many sessions are equal only by the project
    list, and how many may be the same JSON, for all that is known."""
    found = SubElement(suite, "properties")
    SubElement(found, "property", name="configuration", value=_xml(document["configuration"]))
    if document["authority"] is not None:
        SubElement(found, "property", name="authority", value=document["authority"])
    for entry in document["project"]:
        SubElement(found, "property", name="project", value=_xml(projected_field(entry)))
    number = str(document["equal_by_projection"])
    SubElement(found, "property", name="equal_by_projection", value=number)
    undecided = document["json_not_compared"]
    if undecided is not None:
        SubElement(found, "property", name="json_not_compared", value=_xml(uncompared(undecided)))


def _case(suite: Element, group: str, name: str, problem: tuple[str, str, str] | None = None) -> None:
    case = SubElement(suite, "testcase", classname=f"kvferry.verify.{_xml(group)}", name=_xml(name), time="0")
    if problem is not None:
        tag, message, text = problem
        SubElement(case, tag, message=_xml(message), type=_xml(group)).text = _xml(text)


def _figures(suite: Element, document: Document) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", "0")
    suite.set("timestamp", document["started"]["iso"].removesuffix("Z"))
    suite.set("time", f"{max(0.0, document['finished']['unix'] - document['started']['unix']):.3f}")


def _xml(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
