"""A plan asks the fake account who is bound to the namespace, and wants each named, fenced off or ended."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.core.document import Document
from migrate.errors import Exit
from migrate.planning import applying
from tests.fake_api import NAMESPACE, Reply
from tests.fake_api.scripts import kv_binding
from tests.test_planning import Desk, desk

__all__ = ["desk"]

SHOP = {"script": "shop"}
VERSIONS = {"versions": "shop", "fenced": True, "reason": "behind Access"}


def said(document: Document) -> list[tuple[str, str]]:
    found = [one for one in document["checks"] if one["name"] == "application"]
    return [(one["standing"], one["said"]) for one in found]


def bound(document: Document) -> list[tuple[str, str, str]]:
    return [(one["what"], one["name"], one["standing"]) for one in document["applications"]["bound"]]


def shop(desk: Desk, **words: Any) -> Any:
    desk.load(3)
    script = desk.fake.api.workers.deploy("shop")
    script.keeps(NAMESPACE)
    return script


def test_nothing_bound_is_said(desk: Desk) -> None:
    desk.load(3)
    desk.fake.api.workers.deploy("stranger").keeps("c" * 32)
    desk.fake.api.pages.make("site", production={"S": "c" * 32}, deployments=["b", "a"])
    ended = desk.plan()
    assert (ended.exit, ended.document["applications"]["bound"]) == (Exit.CLEAN, [])
    assert said(ended.document) == [
        ("ok", "no Worker, version URL or Pages project is bound to the namespace"),
    ]
    assert "pages_deployments" not in desk.fake.api.stats.by_kind


def test_a_script_that_nobody_named_is_evidence_against(desk: Desk) -> None:
    shop(desk)
    ended = desk.plan()
    assert (ended.exit, ended.document["verdict"]) == (Exit.AGAINST, "not ready")
    assert bound(ended.document) == [("script", "shop", "unnamed")]
    assert said(ended.document) == [("failed", "Worker shop is bound to it as SESSIONS: nobody has named it")]
    assert ended.document["applications"]["paste"] == '[[application]]\nscript = "shop"\n'
    assert ended.document["next"].startswith("kvferry plan ")


def test_a_script_that_was_named_or_fenced_off_is_not(desk: Desk) -> None:
    shop(desk)
    named = desk.plan(applications=[SHOP])
    assert (named.exit, bound(named.document)) == (Exit.CLEAN, [("script", "shop", "named")])
    assert said(named.document) == [("ok", "Worker shop is bound to it as SESSIONS; part of the migration")]
    fenced = desk.plan(applications=[{**SHOP, "fenced": True, "reason": "its route is gone"}])
    assert (fenced.exit, bound(fenced.document)) == (Exit.CLEAN, [("script", "shop", "fenced")])
    assert said(fenced.document)[0][1].endswith("fenced off: its route is gone")
    assert fenced.document["applications"]["bound"][0]["reason"] == "its route is gone"


def test_what_is_named_and_not_bound_is_a_note(desk: Desk) -> None:
    shop(desk)
    ended = desk.plan(applications=[SHOP, {"pages": "sh0p"}])
    assert ended.exit == Exit.CLEAN
    assert said(ended.document)[1] == (
        "note",
        "the configuration names Pages project sh0p, which is not bound to the namespace",
    )


def test_what_serves_counts_and_not_what_was_uploaded_last(desk: Desk) -> None:
    """The settings are those of the newest version; a rolled-back script serves another."""
    desk.load(3)
    script = desk.fake.api.workers.deploy("shop")
    script.makes("old", kv_binding(NAMESPACE, "OLD"))
    script.makes("new")
    script.serve("2026-11-01T00:00:00Z", new=90, old=10)
    assert bound(desk.plan().document) == [("script", "shop", "unnamed")]
    script.serve("2026-11-02T00:00:00Z", new=100)
    assert bound(desk.plan().document) == []


def test_old_versions_are_found_by_their_urls_even_when_the_script_is_not_bound_any_more(desk: Desk) -> None:
    desk.load(3)
    script = desk.fake.api.workers.deploy("shop")
    script.makes("old", kv_binding(NAMESPACE))
    script.makes("older", kv_binding(NAMESPACE), preview=False)
    script.makes("new")
    script.serve("2026-11-02T00:00:00Z", new=100)
    assert bound(desk.plan().document) == []
    script.version_urls = True
    ended = desk.plan()
    assert (ended.exit, bound(ended.document)) == (Exit.AGAINST, [("versions", "shop", "unnamed")])
    (found,) = ended.document["applications"]["bound"]
    assert (found["count"], found["bindings"]) == (1, ["SESSIONS"])
    check = next(one for one in ended.document["checks"] if one["name"] == "application")
    assert check["todo"].startswith("set preview_urls = false in its wrangler configuration")


def test_a_version_that_serves_is_the_script_and_no_url_of_its_own(desk: Desk) -> None:
    script = shop(desk)
    script.makes("new", kv_binding(NAMESPACE))
    script.serve("2026-11-02T00:00:00Z", new=100)
    script.version_urls = True
    assert bound(desk.plan(applications=[SHOP]).document) == [("script", "shop", "named")]


def test_fenced_version_urls_are_not_asked_for(desk: Desk) -> None:
    script = shop(desk)
    script.version_urls = True
    script.makes("old", kv_binding(NAMESPACE))
    ended = desk.plan(applications=[SHOP, VERSIONS])
    assert (ended.exit, desk.fake.api.stats.by_kind["versions"]) == (Exit.CLEAN, 0)
    assert ("note", "version URLs of Worker shop are enabled; fenced off: behind Access") in said(
        ended.document
    )


def test_too_many_versions_are_unproven(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "MOST_VERSIONS", 2)
    script = shop(desk)
    script.version_urls = True
    for number in range(5):
        script.makes(f"v{number}")
    ended = desk.plan(applications=[SHOP])
    assert (ended.exit, ended.document["verdict"]) == (Exit.UNFINISHED, "unproven")
    (unseen,) = ended.document["applications"]["unproven"]
    assert unseen["said"].startswith("not every version of Worker shop with a URL was asked")
    assert desk.fake.api.stats.by_kind["version"] == 2


def test_pages_projects_their_previews_and_their_old_deployments(desk: Desk) -> None:
    desk.load(3)
    pages = desk.fake.api.pages
    pages.make("both", production={"S": NAMESPACE}, preview={"P": NAMESPACE}, deployments=["a"])
    pages.make("grown", production={"S": NAMESPACE}, deployments=["c", "b", "a"])
    pages.make("young", production={"S": NAMESPACE}, deployments=["a"])
    document = desk.plan().document
    assert bound(document) == [
        ("pages", "both", "unnamed"),
        ("previews", "both", "unnamed"),
        ("pages", "grown", "unnamed"),
        ("previews", "grown", "unnamed"),
        ("pages", "young", "unnamed"),
    ]
    texts = [text for _, text in said(document)]
    assert texts[3] == (
        "previews and old deployments of Pages project grown may be bound to it; "
        "there are 2 beside the one that serves: nobody has named it"
    )


@pytest.mark.parametrize(
    ("kinds", "what", "permission", "rest"),
    [
        (["scripts"], "Workers", "Workers Scripts Read", [("pages", "site")]),
        (["subdomain"], "Workers", "Workers Scripts Read", [("script", "shop"), ("pages", "site")]),
        (["pages"], "Pages projects", "Cloudflare Pages Read", [("script", "shop")]),
        (
            ["pages_deployments"],
            "Pages projects",
            "Cloudflare Pages Read",
            [("script", "shop"), ("pages", "site")],
        ),
    ],
)
def test_a_list_that_may_not_be_seen_is_unproven_and_the_rest_is_shown(
    desk: Desk, kinds: list[str], what: str, permission: str, rest: list[tuple[str, str]]
) -> None:
    shop(desk)
    desk.fake.api.pages.make("site", production={"S": NAMESPACE}, deployments=["a"])
    desk.fake.api.faults.add(Reply(403, 10000), on=kinds)
    ended = desk.plan(applications=[SHOP, {"pages": "site"}])
    assert (ended.exit, ended.document["verdict"]) == (Exit.UNFINISHED, "unproven")
    assert [(one["what"], one["name"]) for one in ended.document["applications"]["bound"]] == rest
    (unseen,) = ended.document["applications"]["unproven"]
    assert unseen["said"].startswith(f"not every one of the {what} could be asked")
    assert permission in unseen["todo"]
    assert ended.document["listing"]["keys"] == 3


def test_what_is_unnamed_comes_before_what_could_not_be_seen(desk: Desk) -> None:
    shop(desk)
    desk.fake.api.faults.add(Reply(403, 10000), on="pages")
    assert desk.plan().exit == Exit.AGAINST


def test_a_spent_budget_still_tells_who_is_bound(desk: Desk) -> None:
    shop(desk)
    desk.load(1500)
    desk.settle(budget=["lists=1/day"])
    ended = desk.plan()
    assert (ended.exit, bound(ended.document)) == (Exit.UNFINISHED, [("script", "shop", "unnamed")])


@pytest.mark.parametrize(
    ("reply", "todo"), [(Reply(500), "plan again later"), (Reply(400, 1), ""), (Reply(418), "")]
)
def test_an_api_that_fails_is_unproven_and_ends_no_plan(desk: Desk, reply: Reply, todo: str) -> None:
    """What is not about permissions asks for none."""
    desk.load(3)
    desk.fake.api.faults.add(reply, on="scripts")
    ended = desk.plan()
    assert (ended.exit, ended.error, ended.document["listing"]["keys"]) == (Exit.UNFINISHED, None, 3)
    (unseen,) = ended.document["applications"]["unproven"]
    assert todo in unseen["todo"]
    assert "permission" not in unseen["todo"]


def test_of_a_source_that_is_not_at_cloudflare_nobody_is_asked(desk: Desk) -> None:
    (desk.folder / "d.ndjson").write_text('{"key":"spotify_session:a","value":"v"}\n')
    document = desk.plan(f"dump:{desk.folder / 'd.ndjson'}").document
    assert document["applications"] is None
    assert desk.fake.api.stats.requests == 0
