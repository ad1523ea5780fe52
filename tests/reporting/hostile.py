"""A report in which everything that somebody else can write is written by somebody who means harm."""

from __future__ import annotations

from dataclasses import replace

from migrate.core.document import Document
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.formats.report import validate
from migrate.gate.bundle import Bundle
from migrate.gate.exhibits import EXPORT, LIVE, Exhibit
from migrate.gate.history import Given
from migrate.reporting.review import build_report
from tests.reporting.story import NOW, given_at, live, migration

WORDS = (
    "<script>document.title='ran'</script>",
    "</style><style>*{display:none}</style>",
    "</title><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "| a | b | [link](javascript:alert(1)) `tick` ``` fence",
    "@somebody #1 https://evil.example.com www.evil.example.com",
    "--> <!-- ]]> &lt;b&gt;",
)


def hostile() -> tuple[Document, tuple[str, ...]]:
    """The report, and what must be read in it as it is."""
    found = migration()
    exhibits = list(found.bundle.exhibits)
    last = max((one for one in exhibits if one.kind == EXPORT), key=lambda one: one.at)
    samples = [{"fingerprint": f"x#{at:012x}", "reason": word} for at, word in enumerate(WORDS)]
    told = {**last.document, "note": " ".join(WORDS)}
    told["quarantined"] = {"count": len(WORDS), "samples": samples, "more": 0}
    exhibits.remove(last)
    beats = live(NOW - 4)
    beats["stages"] = [{**one, "version": WORDS[0]} for one in beats["stages"]]
    beats["counters"] = {WORDS[2]: 3}
    beats["canary"]["said"] = WORDS[1]
    exhibits += [Exhibit(EXPORT, last.at, told), Exhibit(LIVE, NOW - 4, beats)]
    bundle = Bundle(found.bundle.source, found.bundle.target, (WORDS[0],), tuple(exhibits))
    policy = Policy(waivers=dict.fromkeys(("audit-clean",), "\n".join(WORDS)))
    verdicts = [given_at(bundle, door, NOW - 2, policy) for door in Door]
    verdicts = [{**one, "notes": list(WORDS)} for one in verdicts]
    history = replace(found.history, verdicts=tuple(map(Given, verdicts)))
    document = build_report(replace(found, bundle=bundle, history=history))
    validate(document, "report")
    return document, WORDS
