"""What opens a door for a command that destroys, and what does not although it says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrate.core.document import Document, moment
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.errors import Exit
from migrate.formats import report
from migrate.formats.verdict import digest_of
from migrate.gate.bundle import Bundle
from migrate.gate.exhibits import LISTING, LIVE, Exhibit
from migrate.gate.using import Use, refusal
from migrate.gate.verdicts import verdict
from tests.gate.exhibited import HOUR, NOW, live
from tests.gate.test_gate import here, open_bundle, reports

__all__ = ["here", "reports"]
DOORS = pytest.mark.parametrize("door", Door)


def use(bundle: Bundle, door: Door, later: float = 60.0, **changes: Any) -> Use:
    given = {"source": bundle.source, "target": bundle.target, "prefixes": bundle.prefixes}
    return Use(**{"door": door, **given, "now": NOW + later, "stores": "--source s --target t", **changes})


def of(bundle: Bundle, door: Door, policy: Policy | None = None) -> Document:
    return verdict(door, bundle, policy or Policy(), NOW, "")


@DOORS
def test_a_verdict_that_is_open_opens_its_door(reports, door):
    bundle = open_bundle(reports, door)
    document = of(bundle, door)
    assert refusal(document, bundle, use(bundle, door)) is None
    assert refusal(document, bundle, use(bundle, door), [document]) is None
    read_again = json.loads(json.dumps(document))
    assert refusal(read_again, bundle, use(bundle, door), [document]) is None


@pytest.mark.parametrize("door", [Door.OBJECT_FIRST, Door.OBJECT_ONLY])
def test_a_verdict_for_another_door_opens_none(reports, door):
    bundle = open_bundle(reports, door)
    found = refusal(of(bundle, door), bundle, use(bundle, Door.CLEANUP))
    assert found is not None
    assert (found.exit, found.said) == (Exit.USAGE, f"the verdict is for another door: {door}")
    assert found.todo == "kvferry gate --for cleanup --source s --target t"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": "kv://other/namespace"}, "another source"),
        ({"target": "sqlite:/other.db"}, "another target"),
        ({"prefixes": ("cache:",)}, "other prefixes"),
        ({"prefixes": ("spotify_session:", "cache:")}, "other prefixes"),
        ({"prefixes": ("",)}, "other prefixes"),
    ],
)
def test_a_verdict_is_for_its_stores_and_prefixes_only(reports, changes, said):
    bundle = open_bundle(reports, Door.CLEANUP)
    document = of(bundle, Door.CLEANUP)
    found = refusal(document, bundle, use(bundle, Door.CLEANUP, **changes))
    assert found is not None
    assert found.exit is Exit.USAGE
    assert said in found.said
    other = replace(bundle, **changes)  # somebody else's evidence does not help it
    assert refusal(document, other, use(bundle, Door.CLEANUP)) is not None


def reopened(told: Document) -> None:
    told |= {"verdict": "open", "exit": 0}


def passed(told: Document) -> None:
    reopened(told)
    for one in told["conditions"]:
        one["standing"] = "passed"


def waived(told: Document) -> None:
    reopened(told)
    for one in told["conditions"]:
        one["waived"] = None if one["standing"] == "passed" else "because"


def shorter(told: Document) -> None:
    reopened(told)
    del told["conditions"][0]


def made_up(told: Document) -> None:
    told["evidence"][0]["sha256"] = "0" * 64
    told["evidence_digest"] = digest_of([one["sha256"] for one in told["evidence"]])


def left_out(told: Document) -> None:
    del told["evidence"][0]


def unfounded(told: Document) -> None:
    told["conditions"][0]["evidence"] = []


def longer(told: Document) -> None:
    told["expires"] = moment(NOW + 900 * HOUR)


def postponed(told: Document) -> None:
    told |= {"issued": moment(NOW + 30 * HOUR), "expires": moment(NOW + 40 * HOUR)}


def edited(document: Document, how: Callable[[Document], None]) -> Document:
    """A verdict that somebody helped along; it still keeps its schema."""
    told = copy.deepcopy(document)
    how(told)
    report.validate(told, "verdict")
    return told


SHUT = (reopened, passed, shorter)
OPEN = (left_out, made_up, longer, postponed, shorter, unfounded)


def shut(bundle: Bundle) -> Bundle:
    """An isolate of an earlier stage is at work."""
    worse = live(Door.CLEANUP)
    worse["stages"][0]["stage"] = "object-first"
    others = [one for one in bundle.exhibits if one.kind != LIVE]
    return replace(bundle, exhibits=(*others, Exhibit(LIVE, NOW - 5, worse)))


@pytest.mark.parametrize("how", [*SHUT, *OPEN])
def test_a_verdict_that_was_edited_opens_nothing(reports, how):
    bundle = open_bundle(reports, Door.CLEANUP)
    if how in SHUT:
        bundle = shut(bundle)
        assert of(bundle, Door.CLEANUP)["verdict"] != "open"
    document = edited(of(bundle, Door.CLEANUP), how)
    for later in (60.0, 35 * HOUR):
        found = refusal(document, bundle, use(bundle, Door.CLEANUP, later))
        assert found is not None
        assert found.exit is Exit.USAGE


def test_a_waiver_that_nobody_asked_for_is_in_no_verdict_of_the_ledger(reports):
    bundle = shut(open_bundle(reports, Door.CLEANUP))
    honest = of(bundle, Door.CLEANUP)
    told = edited(honest, waived)
    found = refusal(told, bundle, use(bundle, Door.CLEANUP), [honest])
    assert found is not None
    assert found.exit is Exit.USAGE
    assert "no such verdict" in found.said


def test_evidence_that_was_changed_afterwards_opens_nothing(reports):
    bundle = open_bundle(reports, Door.CLEANUP)
    document = of(bundle, Door.CLEANUP)
    first = bundle.exhibits[-1]
    other = replace(
        bundle, exhibits=(*bundle.exhibits[:-1], replace(first, document={**first.document, "keys": 8}))
    )
    found = refusal(document, other, use(bundle, Door.CLEANUP))
    assert found is not None
    assert "not what they were" in found.said


def test_a_verdict_past_its_time_opens_nothing(reports):
    bundle = open_bundle(reports, Door.CLEANUP)
    document = of(bundle, Door.CLEANUP)
    end = document["expires"]["unix"]
    assert refusal(document, bundle, use(bundle, Door.CLEANUP, later=end - NOW - 1)) is None
    for later in (end - NOW, end - NOW + HOUR, -60.0):
        found = refusal(document, bundle, use(bundle, Door.CLEANUP, later=later))
        assert found is not None
        assert found.exit is Exit.USAGE


@pytest.mark.parametrize(("how", "exit_code"), [("shut", Exit.AGAINST), ("unproven", Exit.UNFINISHED)])
def test_a_verdict_that_is_not_open_opens_nothing(reports, how, exit_code):
    bundle = open_bundle(reports, Door.CLEANUP)
    if how == "shut":
        bundle = shut(bundle)
    else:
        bundle = replace(bundle, exhibits=tuple(one for one in bundle.exhibits if one.kind != LIVE))
    document = of(bundle, Door.CLEANUP)
    found = refusal(document, bundle, use(bundle, Door.CLEANUP))
    assert found is not None
    assert (found.exit, found.said) == (exit_code, f"the verdict is {how}")


def test_what_has_been_found_since_speaks_against_it(reports):
    bundle = open_bundle(reports, Door.CLEANUP)
    document = of(bundle, Door.CLEANUP)
    worse = live(Door.CLEANUP)
    worse["asked"] = moment(NOW + 30)
    worse["stages"][0] |= {"stage": "object-first", "last": moment(NOW + 25)}
    newer = replace(bundle, exhibits=(*bundle.exhibits, Exhibit(LIVE, NOW + 30, worse)))
    found = refusal(document, newer, use(bundle, Door.CLEANUP))
    assert found is not None
    assert (found.exit, found.said.split(":")[0]) == (
        Exit.AGAINST,
        "by all that is known now the door is shut",
    )


def test_a_waiver_of_the_verdict_holds_when_it_is_used(reports):
    bundle = open_bundle(reports, Door.CLEANUP)
    poorer = replace(bundle, exhibits=tuple(one for one in bundle.exhibits if one.kind != LISTING))
    document = of(poorer, Door.CLEANUP, Policy(waivers={"kv-quiet": "it is a rehearsal"}))
    assert document["verdict"] == "open"
    assert refusal(document, poorer, use(bundle, Door.CLEANUP), [document]) is None
