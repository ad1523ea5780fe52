"""What a report says of a migration, and that it says nothing that the evidence does not."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from migrate.core.document import Document, moment
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.formats.report import validate
from migrate.gate.exhibits import EXPORT, FENCE, LIVE, ROLLED_BACK, VERIFY, Exhibit
from migrate.gate.history import Given, History
from migrate.reporting.material import Material, Place
from migrate.reporting.review import build_report
from tests.reporting.story import DAY, HOUR, NOW, given_at, live, migration


def report(material: Material) -> Document:
    document = build_report(material)
    validate(document, "report")
    return document


def door(document: Document, name: Door) -> Document:
    found: Document = next(one for one in document["doors"] if one["door"] == name)
    return found


def with_exhibits(material: Material, *exhibits: Exhibit) -> Material:
    return replace(material, bundle=replace(material.bundle, exhibits=tuple(exhibits)))


def with_verdicts(material: Material, *documents: Document, intact: bool = True) -> Material:
    given = tuple(Given(one, intact) for one in documents)
    return replace(material, history=replace(material.history, verdicts=given))


@pytest.fixture(scope="module")
def told() -> Document:
    return report(migration())


def test_the_answer_is_yes_while_the_verdict_on_object_only_is_open_and_nothing_speaks_against_it(told):
    assert told["answer"]["word"] == "yes"
    assert told["answer"]["next"] == "deploy SESSION_STAGE=object-only"
    assert (told["alarms"], told["exit"]) == ([], 0)


@pytest.mark.parametrize(
    ("later", "word", "state"),
    [(0.0, "yes", "open"), (12 * HOUR, "yes", "open"), (24 * HOUR, "unproven", "expired")],
)
def test_a_verdict_that_has_expired_opens_nothing_and_is_marked(later, word, state):
    document = report(migration(now=NOW + later))
    found = door(document, Door.OBJECT_ONLY)
    assert (document["answer"]["word"], found["state"]) == (word, state)
    assert [one["expired"] for one in found["verdicts"]] == [state == "expired", True, True]
    assert [one["newest"] for one in found["verdicts"]] == [True, False, False]


def test_a_policy_of_ones_own_is_told_with_what_it_lets_pass():
    found = migration()
    lax = Policy(max_age=30 * DAY, window=60.0)
    asked = given_at(found.bundle, Door.OBJECT_ONLY, NOW, lax)
    only = door(report(with_verdicts(found, asked)), Door.OBJECT_ONLY)
    (verdict,) = only["verdicts"]
    assert verdict["policy"] == [
        {"name": "max_age", "value": 30 * DAY, "usual": DAY},
        {"name": "window", "value": 60.0, "usual": None},
    ]
    assert only["said"].endswith("; asked with a policy of its own: max_age, window")
    usual = door(report(found), Door.OBJECT_ONLY)
    assert [one["policy"] for one in usual["verdicts"]] == [[], [], []]


def test_a_verdict_that_was_never_open_is_what_it_is_and_does_not_expire_into_something_else():
    found = migration()
    shut = found.history.verdicts[0].document
    assert shut["verdict"] == "shut"
    first = door(report(with_verdicts(replace(found, now=NOW + 99 * DAY), shut)), Door.OBJECT_FIRST)
    assert (first["state"], first["verdicts"][0]["expired"]) == ("shut", True)
    assert first["said"].endswith(f"when asked at {shut['issued']['iso']}")


def test_the_newest_verdict_and_the_earlier_ones_are_there_for_each_door(told):
    words = {one["door"]: [each["verdict"] for each in one["verdicts"]] for one in told["doors"]}
    assert words == {
        "object-first": ["open", "shut"],
        "object-only": ["open", "unproven", "unproven"],
        "cleanup": [],
    }
    assert door(told, Door.CLEANUP)["state"] == "unasked"
    assert door(told, Door.CLEANUP)["next"].startswith("kvferry gate --for cleanup --source kv://")


def test_each_condition_has_its_standing_evidence_age_and_next_command(told):
    conditions = {one["name"]: one for one in door(told, Door.OBJECT_FIRST)["conditions"]}
    assert (conditions["export-complete"]["then"], conditions["export-complete"]["now"]) == (
        "passed",
        "unproven",
    )
    assert conditions["export-complete"]["todo"].startswith("kvferry export --source kv://")
    assert conditions["export-complete"]["age_seconds"] > 8 * DAY
    digests = {one["sha256"][:12] for one in told["of"]["documents"]}
    assert all(set(one["evidence"]) <= digests and one["evidence"] for one in conditions.values())


def test_a_waiver_is_shown_for_ever_also_when_its_verdict_has_expired_and_a_later_one_needs_none():
    found = migration(now=NOW + 400 * DAY)
    found = with_verdicts(
        found,
        *(one.document for one in found.history.verdicts),
        given_at(found.bundle, Door.OBJECT_FIRST, NOW),
    )
    (waiver,) = report(found)["waivers"]
    assert (waiver["door"], waiver["condition"], waiver["standing"]) == (
        "object-first",
        "one-version",
        "failed",
    )
    assert waiver["reason"] == "the preview of the payment team is bound to another namespace"


def test_the_same_waiver_twice_is_told_once_with_both_times():
    found = migration()
    waived = Policy(waivers={"audit-clean": "read by two of us"})
    twice = [given_at(found.bundle, Door.CLEANUP, NOW - days * DAY, waived) for days in (3, 1)]
    (waiver,) = report(with_verdicts(found, *twice))["waivers"]
    assert (waiver["verdicts"], waiver["first"], waiver["last"]) == (
        2,
        moment(NOW - 3 * DAY),
        moment(NOW - DAY),
    )


def test_what_was_found_since_a_verdict_was_given_shuts_its_door():
    found = migration()
    worse = live(NOW - 5)
    worse["stages"][-1]["stage"] = "shadow-read"
    document = report(with_exhibits(found, *found.bundle.exhibits, Exhibit(LIVE, NOW - 5, worse)))
    assert door(document, Door.OBJECT_ONLY)["state"] == "shut"
    assert "a verdict opened it, but by what is known now it is shut" in document["answer"]["said"]
    assert (document["answer"]["word"], document["exit"]) == ("no", 0)


def opened(told: Document) -> None:
    told |= {"verdict": "open", "exit": 0}


def passed(told: Document) -> None:
    opened(told)
    for one in told["conditions"]:
        one["standing"] = "passed"


def longer(told: Document) -> None:
    told["expires"] = moment(NOW + 900 * HOUR)


def unfounded(told: Document) -> None:
    told["evidence"][0]["sha256"] = "0" * 64


def postponed(told: Document) -> None:
    told |= {"issued": moment(NOW + HOUR), "expires": moment(NOW + 9 * HOUR)}


def elsewhere(told: Document) -> None:
    told["target"] = "do+https://other.example.com"


def broader(told: Document) -> None:
    told["prefixes"] = ["spotify_session:", "cart:"]


@pytest.mark.parametrize("how", [opened, passed, longer, unfounded, postponed, elsewhere, broader])
def test_a_verdict_that_does_not_check_out_is_shown_as_refused_and_opens_nothing(how):
    found = migration()
    told = copy.deepcopy(found.history.verdicts[3].document)
    assert told["verdict"] == "unproven"
    how(told)
    validate(told, "verdict")
    document = report(with_verdicts(found, told))
    (verdict,) = door(document, Door.OBJECT_ONLY)["verdicts"]
    assert verdict["refused"]
    assert not verdict["newest"]
    assert (door(document, Door.OBJECT_ONLY)["state"], document["answer"]["word"]) == ("refused", "unproven")
    assert (document["exit"], len(document["alarms"])) == (1, 1)


def test_a_verdict_that_was_edited_in_its_bundle_is_refused_even_where_its_evidence_agrees():
    found = migration()
    told = copy.deepcopy(found.history.verdicts[1].document)
    next(one for one in told["conditions"] if one["waived"])["waived"] = "a better reason"
    document = report(with_verdicts(found, told, intact=False))
    (verdict,) = door(document, Door.OBJECT_FIRST)["verdicts"]
    assert verdict["refused"] == "it is not what it was when the bundle was made"
    assert [one["refused"] for one in document["waivers"]] == [True]


def test_an_older_verdict_still_counts_beside_one_that_is_refused():
    found = migration()
    told = copy.deepcopy(found.history.verdicts[-1].document)
    told["expires"] = moment(NOW + 900 * HOUR)
    told["issued"] = moment(told["issued"]["unix"] + 1)
    document = report(with_verdicts(found, *(one.document for one in found.history.verdicts), told))
    assert [one["refused"] is None for one in door(document, Door.OBJECT_ONLY)["verdicts"][:2]] == [
        False,
        True,
    ]
    assert (document["answer"]["word"], document["exit"]) == ("yes", 1)


def changed(material: Material, kind: str, how: Any) -> Material:
    """The newest document of a kind, otherwise."""
    last = max((one for one in material.bundle.exhibits if one.kind == kind), key=lambda one: one.at)
    document = copy.deepcopy(last.document)
    how(document)
    others = [one for one in material.bundle.exhibits if one is not last]
    return with_exhibits(material, *others, Exhibit(kind, last.at, document))


def lost(told: Document) -> None:
    told["tally"]["copied"] -= 1


def claimed(told: Document) -> None:
    told["balanced"] = False


def short(told: Document) -> None:
    told["classes"]["equal"]["keys"] -= 1


def hidden(told: Document) -> None:
    told["against"] = 7


@pytest.mark.parametrize(
    ("kind", "how"), [(EXPORT, lost), (EXPORT, claimed), (VERIFY, short), (VERIFY, hidden)]
)
def test_an_account_that_does_not_hold_is_an_alarm_whatever_it_says_of_itself(kind, how):
    document = report(changed(migration(), kind, how))
    accounts = document["exports" if kind == EXPORT else "verifies"]
    assert [one["holds"] for one in accounts] == [False, *[True] * (len(accounts) - 1)]
    assert document["exit"] == 1
    assert any("does not hold" in one for one in document["alarms"])
    assert any("does not hold" in one["said"] and one["means"] == "bad" for one in document["timeline"])


def test_a_task_whose_account_does_not_hold_is_an_alarm_too():
    found = migration()
    short = {**found.history.works[0], "balanced": False}
    document = report(replace(found, history=replace(found.history, works=(short,))))
    assert [(one["what"], one["total"], one["holds"]) for one in document["works"]] == [("repair", 16, False)]
    assert document["exit"] == 1
    assert [one.startswith("the account of the repair of") for one in document["alarms"]] == [True]


def test_each_account_adds_up_and_names_every_term(told):
    for one in told["exports"]:
        assert one["listed"] == one["accounted"] == sum(term["keys"] for term in one["terms"])
    for one in told["verifies"]:
        assert one["compared"] == one["accounted"] == sum(term["keys"] for term in one["terms"])
    assert [one["holds"] for one in told["exports"] + told["verifies"]] == [True] * 6
    assert told["exports"][-1]["quarantined"] == {
        "count": 2,
        "reasons": [{"reason": "its expiration is unknown", "keys": 2}],
        "more": 0,
    }


def test_the_timeline_has_everything_in_order_also_what_left_no_report(told):
    times = [one["started"]["unix"] for one in told["timeline"]]
    assert times == sorted(times)
    whats = [one["what"] for one in told["timeline"]]
    assert {name: whats.count(name) for name in dict.fromkeys(whats)} == {
        "stage": 4,
        "export": 3,
        "deployment": 2,
        "verify": 4,
        "repair": 1,
        "audit": 5,
        "gate": 5,
        "fence": 1,
        "listing": 3,
    }
    said = {one["said"]: one["means"] for one in told["timeline"]}
    assert said["number 2 abandoned"] == "open"
    assert said["number 1 complete: written 4, kept 12"] == "good"
    assert said["up: no sweep replaces a row any more"] == "neutral"
    assert said["object-first: shut"] == "bad"


def test_a_fence_that_came_down_is_told():
    found = migration()
    down = Exhibit(FENCE, NOW - 1, {"asked": moment(NOW - 1), "since": None, "leased": None})
    entries = report(with_exhibits(found, *found.bundle.exhibits, down))["timeline"]
    assert [one["said"] for one in entries if one["what"] == "fence"] == [
        "up: no sweep replaces a row any more",
        "down, when a gate asked",
    ]


def test_going_through_a_door_that_no_verdict_had_open_is_told(told):
    assert door(told, Door.OBJECT_FIRST)["gone_through"] == {"at": moment(NOW - 8.1 * DAY), "open": True}
    document = report(migration(history=History()))
    assert door(document, Door.OBJECT_FIRST)["gone_through"] == {"at": moment(NOW - 8.1 * DAY), "open": False}
    assert door(document, Door.OBJECT_ONLY)["gone_through"] is None


def only(at: float) -> Exhibit:
    """The application is at object-only, since an hour."""
    told = live(at)
    told["stages"].append(
        {
            **told["stages"][-1],
            "stage": "object-only",
            "first": moment(NOW + HOUR),
            "last": moment(at - 1),
            "age_seconds": 1.0,
        }
    )
    return Exhibit(LIVE, at, told)


@pytest.mark.parametrize(("asked", "word"), [(True, "yes"), (False, "unproven")])
def test_once_the_application_has_forgotten_kv_the_answer_is_whether_it_was_allowed_to(asked, word):
    found = migration(now=NOW + 3 * DAY)
    found = with_exhibits(found, *found.bundle.exhibits, only(NOW + 3 * DAY))
    document = report(found if asked else replace(found, history=History()))
    assert door(document, Door.OBJECT_ONLY)["gone_through"] == {"at": moment(NOW + HOUR), "open": asked}
    assert document["answer"]["word"] == word


def test_who_came_back_through_a_door_is_not_behind_it_any_more():
    found = migration()
    worse = live(NOW - 5)
    for one in worse["stages"]:
        one["recent"] = int(one["stage"] == "shadow-read")
    document = report(with_exhibits(found, *found.bundle.exhibits, Exhibit(LIVE, NOW - 5, worse)))
    assert door(document, Door.OBJECT_FIRST)["gone_through"] is None


def test_a_rollback_is_told_once_and_who_was_behind_a_door_before_it_is_so_no_more():
    found = migration()
    begun = {"started": moment(NOW - DAY), "finished": None}
    ended = {**begun, "finished": moment(NOW - DAY + HOUR)}
    exhibits = [Exhibit(ROLLED_BACK, NOW - DAY, begun), Exhibit(ROLLED_BACK, NOW - DAY + HOUR, ended)]
    document = report(with_exhibits(found, *found.bundle.exhibits, *exhibits))
    assert [one["finished"] for one in document["timeline"] if one["what"] == "rollback"] == [
        ended["finished"]
    ]
    assert door(document, Door.OBJECT_FIRST)["gone_through"] is None


def test_a_finished_migration_has_no_fallback_any_more():
    found = migration()
    document = report(replace(found, history=replace(found.history, finished=NOW - 60)))
    assert document["answer"]["word"] == "yes"
    assert document["timeline"][-1]["what"] == "finish"


def test_stages_and_lags_are_of_all_times_that_anybody_asked(told):
    assert [one["stage"] for one in told["traffic"]["stages"]] == [
        "kv",
        "dual-write",
        "shadow-read",
        "object-first",
    ]
    assert [one["at_work"] for one in told["traffic"]["stages"]] == [0, 0, 0, 3]
    assert [one["seconds"] for one in told["traffic"]["lags"]] == [17.8, 17.2, 15.0, 11.0, 9.01]


def test_cost_is_what_the_reports_counted(told):
    cost = told["cost"]
    assert cost["total"]["reads"] == sum(one["reads"] for one in cost["runs"]) == 1_073_067
    assert cost["total"]["lists"] == 1_078
    assert cost["reading"] == {"least": 0.0, "most": 0.5419}
    assert cost["clearing"]["most"] == round(cost["clearing"]["keys"] * 5 / 1_000_000, 4)


def test_without_any_evidence_the_report_says_what_is_missing():
    found = migration(history=History())
    document = report(with_exhibits(found))
    assert {one["state"] for one in document["doors"]} == {"unasked"}
    assert {one["now"] for door in document["doors"] for one in door["conditions"]} == {"unproven"}
    assert document["answer"]["word"] == "unproven"
    assert len(document["unseen"]) == 4 + 7
    assert (document["timeline"], document["exports"], document["verifies"]) == ([], [], [])


def test_a_bundle_says_that_it_is_one_and_what_it_lacks(told):
    found = migration(place=Place.BUNDLE, bundled=NOW - HOUR, sha256="0" * 64)
    document = report(found)
    assert any(one.startswith("The ledger:") for one in document["unseen"])
    assert not any("earlier release" in one for one in document["unseen"])
    older = report(replace(found, history=History(), remembered=False))
    assert any(one.startswith("Verdicts, broken-off runs and tasks:") for one in older["unseen"])
    assert not any(one.startswith("The ledger:") for one in told["unseen"])


def test_what_reports_of_an_earlier_release_do_not_say_is_said():
    def earlier(told: Document) -> None:
        del told["course"], told["lifetimes"]["left"]

    document = report(changed(migration(), VERIFY, earlier))
    assert (document["verifies"][0]["ages"], document["verifies"][0]["left"]) == (None, None)
    assert sum("1 verify by an earlier release" in one for one in document["unseen"]) == 2


def test_the_report_names_the_digests_of_what_it_was_made_of():
    found = migration()
    digests = {one.digest for one in found.bundle.exhibits}
    assert {one["sha256"] for one in report(found)["of"]["documents"]} == digests
    less = with_exhibits(found, *found.bundle.exhibits[1:])
    assert report(less)["of"]["evidence_digest"] != report(found)["of"]["evidence_digest"]
