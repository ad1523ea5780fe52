"""How an audit is written: one file per format, each a function from a Report to text."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from audits.report import Report

FORMATS = {
    "text": "audits.formats.text:full",
    "concise": "audits.formats.text:concise",
    "json": "audits.formats.json:indented",
    "jsonl": "audits.formats.json:lines",
    "sarif": "audits.formats.sarif:sarif",
    "github": "audits.formats.github:workflow",
    "gitlab": "audits.formats.gitlab:code_quality",
    "junit": "audits.formats.junit:junit",
    "markdown": "audits.formats.markdown:summary",
}
"""The formats of an audit, the default first, and where they are made."""

INVENTORY = {
    "text": "audits.formats.inventory:text",
    "json": "audits.formats.inventory:indented",
    "csv": "audits.formats.inventory:comma_separated",
}
"""The formats of an inventory, the default first."""


def render(report: Report, name: str, *, inventory: bool = False) -> str:
    """The report, or its inventory, in a format; KeyError for one that there is not."""
    module, function = (INVENTORY if inventory else FORMATS)[name].split(":")
    made: Callable[[Report], str] = getattr(importlib.import_module(module), function)
    text = made(report)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file's name that is no UTF-8
        return text.encode("utf-8", "replace").decode()
    return text
