from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.limiting import Budget
from migrate.cost.room import Room
from migrate.cost.survey import Survey
from migrate.errors import BudgetSpent, Exit, StoreBroken
from migrate.formats.plan_checks import checks, missing_permissions, verdict
from migrate.formats.plan_facts import Check, Listing, Notebook, PlanFacts, Refused, Space, Standing, Token
from tests.formats.plan_samples import DENIED, NOW, SURVEY, facts, local, place, remote, rows

OK, NOTE, FAILED = Standing.OK, Standing.NOTE, Standing.FAILED
NONE = Survey()
REFUSED = Listing(NONE, refused=DENIED)
ONLY = Listing(Survey(keys=10, pages=1, bulk_reads=1, never=10), complete=True)


def the(name: str, found: PlanFacts) -> Check:
    mine = [check for check in checks(found) if check.name == name]
    assert mine, f"there is no check {name}"
    return mine[-1]


def ended(found: PlanFacts) -> tuple[str, Exit]:
    return verdict(found, checks(found))


def test_when_all_is_well_every_check_is_ok_and_nothing_is_to_do() -> None:
    found = checks(facts())
    assert [check.name for check in found] == [
        "token",
        "namespace",
        "list",
        "clock",
        "target",
        "disk",
        "ledger",
    ]
    assert {check.standing for check in found} == {OK}
    assert not any(check.todo for check in found)
    assert ended(facts()) == ("ready", Exit.CLEAN)
    assert missing_permissions(facts()) == []


def test_a_local_source_has_no_token_no_namespace_and_no_clock() -> None:
    assert [check.name for check in checks(local())] == ["list", "target", "disk", "ledger"]
    assert ended(local()) == ("ready", Exit.CLEAN)


NO_SPACE = Refused("there is no such namespace or account (HTTP 404, code 10013)", "check the address")
MANY = [(f"id{number}", "title") for number in range(12)]

TABLE: list[tuple[str, str, Standing, str, dict[str, Any]]] = [
    # name of the check, what it says, how it stands, what to do, what differs from all being well
    (
        "token",
        'says that it is "disabled"',
        FAILED,
        "make another",
        {"remote": remote(token=Token("disabled"))},
    ),
    ("token", "active until 2027", OK, "", {"remote": remote(token=Token("active", NOW + 10**6))}),
    ("token", "too soon", NOTE, "extend", {"remote": remote(token=Token("active", NOW + 60))}),
    ("token", "tells nothing of it", NOTE, "", {"remote": remote(token=Token(refused=DENIED))}),
    (
        "token",
        "HTTP 403",
        FAILED,
        "CLOUDFLARE_API_TOKEN",
        {"remote": remote(token=Token(refused=DENIED)), "listing": REFUSED},
    ),
    (
        "token",
        "nothing is known of it yet",
        NOTE,
        "",
        {"remote": remote(token=Token(refused=DENIED), space=None), "listing": Listing(NONE)},
    ),
    (
        "namespace",
        "no such namespace in this account",
        FAILED,
        "one of those that it has: id0 (title), ",
        {"remote": remote(space=Space(None, NO_SPACE, MANY)), "listing": Listing(NONE, refused=NO_SPACE)},
    ),
    (
        "namespace",
        "no such namespace in this account",
        FAILED,
        "none at all",
        {"remote": remote(space=Space(None, NO_SPACE, [])), "listing": Listing(NONE, refused=NO_SPACE)},
    ),
    (
        "namespace",
        "HTTP 403",
        FAILED,
        "CLOUDFLARE_API_TOKEN",
        {"remote": remote(space=Space(None, DENIED)), "listing": REFUSED},
    ),
    ("namespace", "title may not be seen", NOTE, "", {"remote": remote(space=Space(None, DENIED))}),
    ("namespace", "no title", OK, "", {"remote": remote(space=Space(""))}),
    (
        "list",
        "the permission Workers KV Storage Read is missing",
        FAILED,
        "CLOUDFLARE_API_TOKEN",
        {"listing": REFUSED},
    ),
    (
        "list",
        "refused a request",
        FAILED,
        "shorter",
        {"listing": Listing(NONE, refused=Refused("refused a request", "shorter", denied=False))},
    ),
    (
        "list",
        "not complete after 1,000,000 keys: spent",
        NOTE,
        "",
        {"listing": Listing(SURVEY), "error": BudgetSpent("spent")},
    ),
    (
        "list",
        'no key begins with "spotify_session:"',
        NOTE,
        "right namespace",
        {"listing": Listing(Survey(pages=1), complete=True)},
    ),
    (
        "list",
        "there are keys, but none begins",
        NOTE,
        "--prefix",
        {"listing": Listing(Survey(pages=1), complete=True, elsewhere=True)},
    ),
    (
        "list",
        "not a single key",
        NOTE,
        "right namespace",
        {"listing": Listing(Survey(pages=1), complete=True), "prefixes": ("",)},
    ),
    (
        "expirations",
        "unknown for 3 sessions",
        FAILED,
        "--assume-never",
        {"listing": Listing(replace(SURVEY, unknown=3), complete=True)},
    ),
    (
        "expirations",
        "1 session expired already",
        NOTE,
        "",
        {"listing": Listing(replace(SURVEY, expired=1), complete=True)},
    ),
    ("clock", "agrees", OK, "", {"skew": -5.0}),
    ("clock", "5.1 s behind", NOTE, "NTP", {"skew": 5.1}),
    ("clock", "1 min ahead of", NOTE, "NTP", {"skew": -60.0}),
    ("clock", "1 min ahead of", FAILED, "NTP", {"skew": -60.1}),
    ("clock", "1 h behind", FAILED, "NTP", {"skew": 3600.0}),
    ("budget", "fits into", OK, "", {"remote": remote(budget=Budget(reads=1_000_000))}),
    ("budget", "takes 20 days", NOTE, "exit 3", {"remote": remote(budget=Budget(reads=50_000))}),
    ("budget", "never end", FAILED, "reads=100/day", {"remote": remote(budget=Budget(reads=99))}),
    ("target", "none was given", NOTE, "--target", {"place": None}),
    ("target", "the source itself", FAILED, "another file", {"source": "sqlite:/data/sessions.db"}),
    ("target", "no folder", FAILED, "mkdir", {"place": place(problem=Refused("no folder", "mkdir"))}),
    ("target", "there already", FAILED, "--fresh", {"place": place(whole_dump=True)}),
    ("target", "a new file", OK, "", {"place": place(size=0)}),
    ("target", "no rows under the prefix; not exported yet", OK, "", {"place": place(size=9, rows=rows())}),
    (
        "target",
        "app 2, copy 1,000, tombstones 3, quarantined 4; sweep 1 is not complete",
        OK,
        "",
        {
            "place": place(
                size=9, rows=rows(None, origins={"copy": 1000, "app": 2}, tombstones=3, quarantined=4)
            )
        },
    ),
    ("target", "sweep 2 is complete", OK, "", {"place": place(size=9, rows=rows(NOW, NOW))}),
    (
        "legacy",
        "7 rows from before kvferry",
        NOTE,
        "verify",
        {"place": place(size=9, rows=rows(origins={"legacy": 7}))},
    ),
    (
        "lease",
        "bo (process 7 on host) may be writing",
        NOTE,
        "status",
        {"place": place(size=9, rows=rows(lease="bo (process 7 on host)", lease_until=NOW + 1))},
    ),
    (
        "disk",
        "100 bytes free, about 2.0 kB needed",
        FAILED,
        "free some space",
        {"place": place(free=100, room=Room(2000, assumed=False))},
    ),
    (
        "disk",
        "if values have 1 KiB each",
        NOTE,
        "free some space",
        {"place": place(free=100, room=Room(2000, assumed=True))},
    ),
    (
        "disk",
        "about 100 bytes needed",
        OK,
        "",
        {"place": place(free=100, size=1900, rows=rows(), room=Room(2000, assumed=False))},
    ),
    ("ledger", "made just now", OK, "", {"notebook": Notebook("x.db", new=True, runs=0)}),
    ("ledger", "1 run; the last", OK, "", {"notebook": Notebook("x.db", new=False, runs=1, verdict="clean")}),
    ("found", "other users may read", NOTE, "", {"notes": ("other users may read the token",)}),
    ("source", "no such file", FAILED, "check", {"source_refused": Refused("no such file", "check")}),
]


@pytest.mark.parametrize(("name", "said", "standing", "todo", "changes"), TABLE)
def test_each_fact_makes_its_check_and_only_a_failed_one_shuts(
    name: str, said: str, standing: Standing, todo: str, changes: dict[str, Any]
) -> None:
    check = the(name, facts(**changes))
    assert said in check.said
    assert check.standing is standing
    assert todo in check.todo
    assert bool(todo) == bool(check.todo)
    failed = {one.name for one in checks(facts(**changes)) if one.standing is FAILED}
    assert (name in failed) == (standing is FAILED)
    if "error" not in changes:
        assert ended(facts(**changes)) == (("not ready", Exit.AGAINST) if failed else ("ready", Exit.CLEAN))


def test_a_hint_is_given_once_for_one_cause() -> None:
    found = facts(
        remote=remote(token=Token(refused=DENIED), space=Space(None, DENIED)), listing=REFUSED, place=None
    )
    assert [(check.name, check.todo) for check in checks(found) if check.standing is FAILED] == [
        ("token", DENIED.hint),
        ("namespace", ""),
        ("list", ""),
    ]


def test_a_refused_namespace_that_is_not_there_is_no_missing_permission() -> None:
    wrong = facts(remote=remote(space=Space(None, NO_SPACE, MANY)), listing=Listing(NONE, refused=NO_SPACE))
    assert missing_permissions(wrong) == []
    assert not [check for check in checks(wrong) if check.name == "list"]
    assert missing_permissions(facts(listing=REFUSED)) == ["Workers KV Storage Read"]
    assert missing_permissions(local(listing=REFUSED)) == []


def test_at_most_ten_namespaces_are_named() -> None:
    wrong = facts(remote=remote(space=Space(None, NO_SPACE, MANY)), listing=Listing(NONE, refused=NO_SPACE))
    assert the("namespace", wrong).todo.endswith("id9 (title) and 2 more")


def test_a_lease_that_is_overdue_is_nobodys() -> None:
    overdue = facts(place=place(size=9, rows=rows(lease="bo", lease_until=NOW)))
    assert not [check for check in checks(overdue) if check.name == "lease"]


def test_nothing_is_said_of_the_disk_before_all_keys_are_counted() -> None:
    assert not [check for check in checks(facts(listing=Listing(SURVEY))) if check.name == "disk"]


def test_what_ended_the_look_decides_the_exit_code() -> None:
    assert ended(facts(error=BudgetSpent("spent"))) == ("unfinished", Exit.UNFINISHED)
    assert ended(facts(error=StoreBroken("order"), skew=900.0)) == ("unfinished", Exit.UNFINISHED)


@given(
    st.floats(-7200, 7200),
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(0, 200)),
    st.integers(0, 10**7),
    st.booleans(),
)
def test_it_is_ready_just_when_no_check_failed(
    skew: float, unknown: int, reads: int | None, free: int, seen: bool
) -> None:
    found = facts(
        skew=skew,
        listing=replace(ONLY, survey=replace(ONLY.survey, unknown=unknown)),
        remote=remote(ONLY.survey, Budget(reads=reads)),
        place=place(free=free, room=Room(10**6, assumed=not seen)),
    )
    bad = abs(skew) > 60 or unknown > 0 or (reads is not None and reads < 10) or (seen and free < 10**6)
    assert ended(found) == (("not ready", Exit.AGAINST) if bad else ("ready", Exit.CLEAN))
