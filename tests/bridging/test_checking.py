from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate import __version__
from migrate.bridge_keys import Scope
from migrate.bridging.checking import checks, verdict
from migrate.bridging.deployment import Deployment
from migrate.bridging.facts import Account, Facts, KeyAnswer, Measured, Refusal
from migrate.bridging.reporting import build_bridge_check
from migrate.errors import Exit, StoreUnavailable
from migrate.formats.report import render, validate
from migrate.stores.durable.bridge import Health, Limits
from migrate.stores.scripts import ClassBinding, OwnedClass

NOW = 1_700_000_000.0
LIMITS = Limits(1_990_000, 8_388_608, 1000, 1000, 500, 1000, 5000)
HEALTH = Health(
    "per-session",
    "spotify_session:",
    LIMITS,
    ahead=0.1,
    bridge_ahead=-0.2,
    version=__version__,
    class_version=__version__,
    script="shop",
    class_name="UserSessions",
    stats=True,
    kv=True,
    kv_namespace="0f2a",
)
FOLDER = Deployment(
    Path("b"), "bridge", "shop", "UserSessions", None, "per-session", "spotify_session:", None, None, None, ()
)
CLASS = OwnedClass("space", "shop", "UserSessions")
BOUND = (ClassBinding("USER_SESSIONS", "UserSessions", "shop", "space"),)
ACCOUNT = Account(BOUND, (), CLASS)
READY = Facts(
    NOW,
    __version__,
    "do+https://b.example.com",
    "bridge",
    FOLDER,
    keys=(KeyAnswer(Scope.IMPORT, NOW + 60, None),),
    health=HEALTH,
    missing=(),
    measured=Measured(1000, 1000, 8_388_608),
    account=ACCOUNT,
)


def standings(facts: Facts) -> dict[str, str]:
    """The worst standing of each check."""
    found: dict[str, str] = {}
    for check in checks(facts):
        worst = ("ok", "note", "failed")
        found[check.name] = max(found.get(check.name, "ok"), str(check.standing), key=worst.index)
    return found


def document(facts: Facts) -> dict[str, Any]:
    found = checks(facts)
    made = build_bridge_check(facts, found, *verdict(facts, found), NOW + 1)
    validate(made, "bridge-check")
    assert render(made, "text")
    return made


def test_a_bridge_that_is_well_is_ready() -> None:
    assert set(standings(READY).values()) == {"ok"}
    made = document(READY)
    assert (made["verdict"], made["exit"]) == ("ready", 0)
    assert (made["script"], made["class"], made["namespace"], made["environment"]) == (
        "shop",
        "UserSessions",
        "space",
        None,
    )


def no(problem: str) -> dict[str, Any]:
    refusal = Refusal("the bridge says no", "do this", problem)
    return {
        "keys": (KeyAnswer(Scope.IMPORT, NOW + 60, refusal),),
        "health": None,
        "missing": None,
        "measured": None,
    }


@pytest.mark.parametrize(
    ("changes", "name", "said", "todo"),
    [
        (no("unauthorized"), "authentication", "the key for import is refused", "kvferry bridge keys"),
        (no("unconfigured"), "secret", "the bridge says no", "do this"),
        (no("toolkit"), "class", "the bridge says no", "do this"),
        (no("protocol"), "versions", "the bridge says no", "do this"),
        (no(""), "reached", "the bridge says no", "do this"),
        (
            {"keys": (KeyAnswer(Scope.IMPORT, NOW, None),)},
            "authentication",
            "the key for import has expired",
            "kvferry bridge keys",
        ),
        ({"health": replace(HEALTH, ahead=61.0)}, "clocks", "the objects' clock is 1 min 1 s ahead", "clock"),
        (
            {"health": replace(HEALTH, bridge_ahead=-61.0)},
            "clocks",
            "the bridge's clock is 1 min 1 s behind",
            "",
        ),
        ({"missing": ("kvferryCount",)}, "class", "lacks kvferryCount", "toolkit of this release"),
        (
            {"health": replace(HEALTH, script="other")},
            "class",
            "b is for class UserSessions of shop",
            "deploy b",
        ),
        ({"health": replace(HEALTH, environment="staging")}, "class", "b is for class", "deploy b"),
        ({"health": replace(HEALTH, placement="shards:16")}, "placement", "b says per-session", "for ever"),
        ({"health": replace(HEALTH, prefix="p:")}, "placement", "b says 'spotify_session:'", "deploy b"),
        (
            {"measured": Measured(250, 250, 8_388_608, Refusal("too many calls", ""))},
            "limits",
            "too many calls",
            '"KVFERRY_RECORDS": "250"',
        ),
        (
            {"measured": Measured(1000, 4, 1_048_576)},
            "limits",
            "1,048,576",
            '"KVFERRY_BODY_BYTES": "1048576"',
        ),
        (
            {"deployment": replace(FOLDER, owned=("UserSessions",))},
            "ownership",
            "b would make",
            "script_name",
        ),
        ({"account": replace(ACCOUNT, owned=(CLASS,))}, "ownership", "owns UserSessions", "never delete"),
        (
            {"account": replace(ACCOUNT, bindings=(*BOUND, ClassBinding("A", "Own", None, None)))},
            "ownership",
            "owns Own",
            "never delete",
        ),
        ({"account": replace(ACCOUNT, bindings=None)}, "account", "no Worker bridge", "deploy"),
        ({"account": replace(ACCOUNT, bindings=())}, "account", "is not bound to class", "deploy"),
        (
            {"account": replace(ACCOUNT, target=None)},
            "account",
            "has no class UserSessions of shop",
            "deploy",
        ),
    ],
)
def test_what_is_wrong_fails_and_names_its_remedy(
    changes: dict[str, Any], name: str, said: str, todo: str
) -> None:
    facts = replace(READY, **changes)
    failed = [check for check in checks(facts) if check.standing == "failed"]
    assert {check.name for check in failed} == {name}
    assert said in failed[0].said
    assert todo in failed[0].todo
    assert failed[0].todo
    made = document(facts)
    assert (made["verdict"], made["exit"]) == ("not ready", 1)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"health": replace(HEALTH, ahead=2.5)}, "clocks"),
        ({"health": replace(HEALTH, version="0.0.9")}, "versions"),
        ({"health": replace(HEALTH, class_version="0.0.9")}, "versions"),
        (
            {"account": None, "unasked": Refusal("Cloudflare was not asked: no API token", "give one")},
            "account",
        ),
        ({"notes": ("other users may read the keys",)}, "authentication"),
    ],
)
def test_what_is_worth_knowing_does_not_stand_in_the_way(changes: dict[str, Any], name: str) -> None:
    facts = replace(READY, **changes)
    assert {one for one, standing in standings(facts).items() if standing == "note"} == {name}
    assert verdict(facts, checks(facts)) == ("ready", Exit.CLEAN)


def test_a_bridge_that_does_not_answer_is_no_evidence() -> None:
    refused = Refusal("no answer", "again", final=False)
    facts = replace(
        READY,
        keys=(KeyAnswer(Scope.IMPORT, NOW + 60, refused),),
        health=None,
        missing=None,
        measured=None,
        error=StoreUnavailable("no answer"),
    )
    assert standings(facts)["reached"] == "note"
    made = document(facts)
    assert (made["verdict"], made["exit"], made["note"]) == ("unfinished", 3, "no answer")


def test_evidence_comes_before_what_could_not_be_found_out() -> None:
    facts = replace(READY, missing=("kvferryCount",), error=StoreUnavailable("no answer"))
    assert verdict(facts, checks(facts)) == ("not ready", Exit.AGAINST)


def test_a_refused_key_is_the_clocks_fault_when_it_is_wrong() -> None:
    facts = replace(READY, **no("unauthorized"), date_ahead=-4000.0)
    todo = {check.name: check.todo for check in checks(facts) if check.standing == "failed"}
    assert "set this machine's clock" in todo["authentication"]
    assert "clocks" in todo


def test_a_key_that_led_to_a_problem_behind_it_was_taken() -> None:
    facts = replace(READY, **no("toolkit"))
    assert standings(facts)["authentication"] == "ok"
    assert standings(facts)["reached"] == "ok"


def statistics(facts: Facts) -> tuple[str, str, str]:
    (check,) = [one for one in checks(facts) if one.name == "statistics"]
    return str(check.standing), check.said, check.todo


UNCOUNTED = replace(READY, health=replace(HEALTH, stats=False))


def test_statistics_that_answer_are_well() -> None:
    assert statistics(READY)[0] == "ok"


def test_without_statistics_nothing_fails_and_it_is_said_what_stays_unproven() -> None:
    standing, said, todo = statistics(UNCOUNTED)
    assert (standing, "unproven" in said, "MIGRATION_STATS" in todo) == ("note", True, True)
    assert document(UNCOUNTED)["verdict"] == "ready"


def test_statistics_that_the_folder_binds_must_be_there() -> None:
    standing, _, todo = statistics(replace(UNCOUNTED, deployment=replace(FOLDER, stats=True)))
    assert (standing, todo) == ("failed", "deploy b")


def test_statistics_that_do_not_answer_fail() -> None:
    standing, said, todo = statistics(replace(READY, uncounted=Refusal("no methods", "", "toolkit")))
    assert (standing, "no methods" in said, "deploy shop again" in todo) == ("failed", True, True)


def kv(facts: Facts) -> tuple[str, str, str]:
    (check,) = [one for one in checks(facts) if one.name == "kv"]
    return str(check.standing), check.said, check.todo


def test_the_namespace_that_is_bound_is_told() -> None:
    assert kv(READY)[:2] == ("ok", "SESSIONS_KV is bound, namespace 0f2a; only a key for kv writes it")
    assert kv(replace(READY, deployment=replace(FOLDER, kv="0f2a")))[0] == "ok"
    untold = replace(READY, health=replace(HEALTH, kv_namespace=None))
    assert "KVFERRY_KV_NAMESPACE" in kv(untold)[1]


def test_a_bridge_without_a_namespace_copies_as_well() -> None:
    without = replace(READY, health=replace(HEALTH, kv=False, kv_namespace=None))
    standing, _, todo = kv(without)
    assert (standing, "--kv-binding" in todo) == ("note", True)
    assert document(without)["verdict"] == "ready"


def test_another_namespace_than_the_folders_fails() -> None:
    other = replace(READY, deployment=replace(FOLDER, kv="77aa"))
    assert kv(other)[:2] == ("failed", "the bridge writes namespace 0f2a, and b says 77aa")
    missing = replace(other, health=replace(HEALTH, kv=False, kv_namespace=None))
    assert kv(missing)[::2] == ("failed", "deploy b")
