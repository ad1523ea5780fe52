from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from migrate.core.limiting import Budget
from migrate.cost.effort import estimate
from migrate.cost.prices import prices
from migrate.cost.survey import Survey
from migrate.errors import BudgetSpent, ConfigError
from migrate.formats.plan import build_plan
from migrate.formats.plan_facts import Finding, Listing, PlanFacts, Refused, Space, Token, Words
from migrate.formats.report import render, validate
from tests.formats.plan_samples import DENIED, NOW, PREFIX, SURVEY, facts, local, place, remote, rows

SPENT = BudgetSpent("the budget of 2 lists a day is spent", "wait")
EVERY = [
    facts(),
    local(),
    facts(place=None, words=Words("kv:", None)),
    facts(listing=Listing(SURVEY), error=SPENT, remote=remote(budget=Budget(lists=2))),
    facts(listing=Listing(Survey()), error=SPENT, remote=remote(Survey(), token=None, space=None), skew=None),
    facts(listing=Listing(Survey(), refused=DENIED), remote=remote(Survey(), space=Space(None, DENIED))),
    facts(listing=Listing(Survey(pages=1, empty_pages=1), complete=True), remote=remote(Survey(pages=1))),
    facts(remote=remote(budget=Budget(reads=1)), skew=-90.0, prefixes=("", "é")),
    facts(place=place(problem=Refused("no", "do"), free=None)),
    facts(place=place(size=5, rows=rows(NOW, None, origins={"copy": 3}, lease="who"))),
    local(source_refused=Refused("no such file", "look"), listing=Listing(Survey())),
]


@pytest.mark.parametrize("found", EVERY)
def test_every_plan_keeps_its_schema_and_can_be_shown(found: PlanFacts) -> None:
    document = build_plan(found)
    validate(document, "plan")
    assert json.loads(render(document, "json")) == document
    shown = render(document, "text").splitlines()
    assert f"next: {document['next']}" in shown
    assert sum(one.startswith("then: ") for one in shown) == len(document["steps"]) - 1


def test_a_plan_has_no_junit() -> None:
    with pytest.raises(ConfigError, match="no format"):
        render(build_plan(facts()), "junit")


def lines(found: PlanFacts) -> list[str]:
    return render(build_plan(found), "text").splitlines()


def line(found: PlanFacts, start: str) -> str:
    mine = [one.strip() for one in lines(found) if one.strip().startswith(start + " ")]
    assert len(mine) == 1, f"{len(mine)} lines begin with {start}"
    return mine[0].removeprefix(start).strip()


def test_the_text_says_what_was_found_and_where_without_the_token() -> None:
    assert line(facts(), "account") == "acc  (from wrangler.toml)"
    assert "  token    not shown  (from CLOUDFLARE_API_TOKEN)" in lines(facts())


def test_the_figures_are_those_of_the_listing() -> None:
    assert line(facts(), "keys") == "1,000,000 (250,000 with metadata, the longest 48 bytes)"
    assert line(facts(), "expire") == "50,000 never, 950,000 in 1 min 30 s to 30 d"
    assert "11,000 for an export (1,000 lists + 10,000 bulk reads)" in line(facts(), "requests")
    assert line(facts(), "time") == (
        "about 1 h 31 min for either at --rate 600/300, "
        "45 min 50 s at Cloudflare's ceiling of 1200/300 (364 sessions/s)"
    )
    assert line(facts(), "cost") == (
        "$1.01 for an export and a verify, nothing within a paid plan's included part "
        "(USD, prices of 2026-11)"
    )
    assert line(facts(), "free plan") == (
        "100,000 reads and 1,000 lists a day, the application's included: "
        "an export ends on day 10, a verify after it on day 20"
    )


def test_the_remaining_time_is_told_by_the_sources_clock() -> None:
    assert "in 2 min 30 s to" in line(facts(skew=-60.0), "expire")


def test_a_budget_says_when_it_ends_and_what_is_spent() -> None:
    budget = Budget(reads=300_000, lists=5000)
    spent = remote(
        budget=budget,
        spent_reads=200_000,
        spent_lists=7,
        estimate=estimate(SURVEY, remote().rate, budget, prices(), 200_000, 7),
    )
    assert line(facts(remote=spent), "budget") == (
        "300,000 reads a day and 5,000 lists a day, of which 200,000 reads and 7 lists spent today: "
        "an export ends on day 4, a verify after it on day 8"
    )
    assert line(facts(remote=remote(budget=Budget(reads=1))), "budget").endswith("it never ends")


def test_a_migration_of_thirty_million_is_more_than_a_paid_plan_includes() -> None:
    huge = Survey(keys=30_000_000, pages=30_000, bulk_reads=300_000, never=30_000_000)
    found = facts(listing=Listing(huge, complete=True), remote=remote(huge))
    assert line(found, "cost") == "$25.00 to $30.30 for an export and a verify (USD, prices of 2026-11)"


def test_what_is_not_complete_is_the_least_and_promises_no_day() -> None:
    shown = lines(facts(listing=Listing(SURVEY), error=SPENT, remote=remote(budget=Budget(lists=2))))
    assert shown[0] == "plan, unfinished: the budget of 2 lists a day is spent"
    figures = [one.split()[0] for one in shown[shown.index("figures") + 1 :] if one.startswith("  ")]
    assert not {"budget", "free"} & set(figures)
    assert any(one.startswith("  keys") and "at least 1,000,000" in one for one in shown)


def test_a_local_source_costs_nothing_and_a_refused_one_is_not_said_to() -> None:
    assert line(local(), "limits").startswith("none, and no cost")
    refused = facts(listing=Listing(Survey(), refused=DENIED), remote=remote(Survey()))
    assert line(refused, "keys") == "not known: nothing could be listed"
    assert not [one for one in lines(refused) if one.startswith(("  limits", "  cost"))]


def test_checks_are_marked_and_followed_by_what_to_do() -> None:
    found = facts(skew=-90.0, remote=remote(token=Token("active", NOW + 1)))
    shown = lines(found)
    assert shown[0] == "plan, NOT READY: 1 precondition has FAILED"
    at = next(number for number, one in enumerate(shown) if one.startswith("  FAILED  clock"))
    assert shown[at + 1].strip() == "→ set it by a time server (NTP)"
    assert any(one.startswith("  note    token") for one in shown)
    assert any(one.startswith("  ok      ledger") for one in shown)


# ---------------------------------------------------------------- what to type next


def steps(found: PlanFacts) -> list[list[str]]:
    return [shlex.split(step["command"]) for step in build_plan(found)["steps"]]


COMMON = ["--source", "kv:", "--target", "sqlite:sessions.db", "--prefix", PREFIX, "--env", "live"]


def test_the_next_commands_repeat_the_words_and_the_options() -> None:
    assert steps(facts()) == [
        ["kvferry", "export", *COMMON, "--schema", "session.json"],
        ["kvferry", "verify", *COMMON],
    ]
    assert build_plan(facts())["next"] == build_plan(facts())["steps"][0]["command"]


@pytest.mark.parametrize("changes", [{"skew": 900.0}, {"error": SPENT, "listing": Listing(SURVEY)}])
def test_a_plan_that_is_not_ready_asks_for_another_plan_first(changes: dict[str, Any]) -> None:
    found = steps(facts(**changes))
    assert [step[1] for step in found] == ["plan", "export", "verify"]
    assert found[0] == ["kvferry", "plan", *COMMON, "--schema", "session.json"]


def test_without_a_target_the_commands_name_one() -> None:
    found = steps(facts(place=None, words=Words("kv:", None)))
    assert [step[step.index("--target") + 1] for step in found] == ["sqlite:sessions.db"] * 2


@pytest.mark.parametrize(
    ("sweeps", "why"),
    [
        ((), "it resumes"),
        ((NOW, None), "goes on with sweep 2"),
        ((NOW,), "this makes sweep 2"),
    ],
)
def test_the_reason_tells_what_the_export_will_do_now(sweeps: tuple[float | None, ...], why: str) -> None:
    found = facts(place=place(size=9, rows=rows(*sweeps)))
    assert why in build_plan(found)["steps"][0]["why"]


def test_text_from_elsewhere_cannot_draw_on_the_terminal() -> None:
    found = facts(
        found=[Finding("namespace", "\x1b[2J", "a\nfile")],
        remote=remote(space=Space("\x1b[31mred")),
        notes=("one\ntwo",),
    )
    shown = render(build_plan(found), "text")
    assert "\x1b" not in shown
    assert "a\\nfile" in shown
    assert "one\\ntwo" in shown
