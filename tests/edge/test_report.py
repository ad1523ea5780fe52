"""The report on a migration into real objects, from its first copy to its last door: true, and silent on
whoever was in it."""

from __future__ import annotations

import json

from migrate.bridge_keys import VARIABLE
from migrate.core.document import Document
from migrate.core.gate.verdict import Door
from migrate.formats import report
from migrate.gate.bundling import bundled
from migrate.reporting.making import of_bundle, of_stores
from tests.edge.edge import PREFIX
from tests.edge.test_gate import DAY, HOUR, SOURCE, Course, at_shadow_read, course
from tests.fake_api import TOKEN, Entry
from tests.reporting.test_secrets import IDS, VALUES, forms

__all__ = ["course"]


def made(course: Course) -> Document:
    ended = of_stores(SOURCE, course.target, settings=course.settings, prefixes=[PREFIX])
    report.validate(ended.document, "report")
    assert ended.document["exit"] == ended.exit
    return ended.document


def states(document: Document) -> list[tuple[str, str]]:
    return [(door["state"], document["answer"]["word"]) for door in document["doors"]]


def planted(course: Course) -> None:
    """Sessions that somebody would know again, some of them meant to harm whoever looks at them."""
    later = int(course.clock.time) + 60 * 86_400
    items = [
        (PREFIX + name, Entry(value.encode(), json.dumps({"of": value}), later))
        for name, value in zip(IDS, VALUES, strict=True)
    ]
    course.fake.api.namespace.load(items)


def test_a_report_follows_a_migration_through_its_doors_and_names_nobody(course: Course) -> None:
    planted(course)
    at_shadow_read(course)
    document = made(course)
    assert states(document) == [("unasked", "unproven")] * 3

    assert course.verify(fence=True)["verdict"] == "clean"
    course.beat("shadow-read", "v2")
    assert course.gate()["verdict"] == "open"
    course.wait(60)
    course.deploy("object-first", "v3")
    course.wait(8 * DAY)
    course.fly("object-first", "v3")
    assert course.verify("object-first")["verdict"] == "clean"
    course.beat("object-first", "v3")
    document = made(course)
    assert states(document) == [("expired", "unproven"), ("unasked", "unproven"), ("unasked", "unproven")]
    assert document["doors"][0]["gone_through"] is None  # no gate has heard of it

    assert course.gate(Door.OBJECT_ONLY)["verdict"] == "open"
    document = made(course)
    assert states(document)[1] == ("open", "yes")
    course.wait(60)
    course.deploy("object-only", "v4")
    course.wait(HOUR)
    course.beat("object-only", "v4")
    course.gate(Door.CLEANUP)
    course.wait(180)
    course.beat("object-only", "v4")
    assert course.gate(Door.CLEANUP)["verdict"] == "open"

    document = made(course)
    assert (document["answer"]["word"], document["alarms"], document["exit"]) == ("yes", [], 0)
    assert [door["gone_through"] and door["gone_through"]["open"] for door in document["doors"]] == [
        True,
        True,
        None,
    ]
    assert [one["stage"] for one in document["traffic"]["stages"]] == [
        "dual-write",
        "shadow-read",
        "object-first",
        "object-only",
    ]
    assert document["traffic"]["lags"]
    assert all(one["holds"] for one in document["exports"] + document["verifies"])
    assert document["cost"]["billed"]
    assert document["cost"]["total"]["lists"] > 0
    assert document["verifies"][0]["left"]

    told = bundled(SOURCE, course.target, settings=course.settings, prefixes=[PREFIX])
    file = course.settings.cwd / "evidence.json"
    file.write_text(json.dumps(told))
    other = of_bundle(file, course.clock.time).document
    assert other["timeline"] == document["timeline"]
    assert [door["verdicts"] for door in other["doors"]] == [door["verdicts"] for door in document["doors"]]

    secrets = [*IDS, *(PREFIX + one for one in IDS), *VALUES, TOKEN, course.environment[VARIABLE]]
    secrets += course.environment[VARIABLE].split()
    looked_for = {form for secret in secrets for form in forms(secret)}
    for one in (document, other):
        for fmt in report.formats("report"):
            text = report.render(one, fmt)
            assert [form for form in looked_for if form in text] == []


def test_a_report_asks_cloudflare_nothing(course: Course) -> None:
    at_shadow_read(course)
    course.gate()
    before = course.fake.api.stats.requests
    assert made(course)["doors"][0]["state"] == "unproven"
    assert course.fake.api.stats.requests == before
