"""The whole way, as a plan prints it: every command parses, and each recipe has its own order."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import click
import pytest

from migrate.core.document import Document
from migrate.core.limiting import Rate
from migrate.core.protocol.stages import STAGES
from migrate.cost.objects import writing
from migrate.cost.prices import prices
from migrate.cost.survey import Survey
from migrate.formats.plan import build_plan
from migrate.formats.plan_facts import Bridging, Code, Listing, PlanFacts, Said, Standing, Words
from migrate.formats.plan_recipe_text import _NAMES
from migrate.formats.report import render, validate
from migrate.main import cli
from migrate.planning.way import Seen, Wish, way_of
from tests.formats.plan_samples import NOW, PREFIX, SURVEY, facts, local, place, rows

KV = "kv://acc/ns"
OBJECTS = "do+https://bridge.example.com"
SHORT = replace(SURVEY, never=0, dated=1_000_000, latest=int(NOW) + 3600)
BRIDGE = Bridging(OBJECTS, {}, said=Said("shards:16", PREFIX, 0.0, "1", "1"))


def planned(
    wish: Wish | None = None,
    survey: Survey = SURVEY,
    *,
    source: str = KV,
    target: str | None = "sqlite:sessions.db",
    legacy: int = 0,
    **changes: Any,
) -> PlanFacts:
    """Facts with the way that the real decision takes."""
    found = rows(origins={"legacy": legacy})
    listing = Listing(survey, complete=True)
    writings = [writing(survey, shards, prices()) for shards in (16, 0)] if target == OBJECTS else []
    seen = Seen(source, target, listing, found, writings, NOW, Rate(600, 300))
    given: dict[str, Any] = {
        "words": Words(source, target, {"env": "live"}, {"schema": "session.json"}),
        "listing": listing,
        "place": None if target in (None, OBJECTS) else place(rows=found, size=1),
        "bridge": replace(BRIDGE, rows=found) if target == OBJECTS else None,
        "writings": writings,
        "way": way_of(seen, wish or Wish()),
    }
    make = facts if source == KV else local
    return make(**(given | {"source": source} | changes))


def lines(document: Document) -> list[list[str]]:
    """Every kvferry command that the plan prints."""
    found = [step["command"] for step in (*document["steps"], *document["recipe"]["steps"])]
    return [shlex.split(line) for line in found if line is not None and line.startswith("kvferry ")]


def parsed(words: list[str]) -> None:
    """The command line is one: each option exists and takes its value."""
    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None, words
    context = click.Context(command, info_name=words[1], resilient_parsing=False)
    with context.scope():
        command.parse_args(context, list(words[2:]))


BOTH = Code(".", ("src/a.ts:1 (D1)",))
WAYS = {
    "copy": planned(),
    "copy into objects": planned(target=OBJECTS),
    "drain": planned(survey=SHORT, target=OBJECTS),
    "drain into a file": planned(survey=SHORT),
    "adopt, unsaid": planned(legacy=3, target=OBJECTS),
    "adopt kv": planned(Wish("kv"), legacy=3, target=OBJECTS),
    "adopt target": planned(Wish("target", ".", BOTH, 5000), target=OBJECTS),
    "no target": planned(target=None),
    "into a dump": planned(target="dump:x.ndjson"),
    "from a dump": planned(source="dump:x.ndjson"),
}


@pytest.mark.parametrize("found", WAYS.values(), ids=WAYS)
def test_every_printed_command_parses_and_every_plan_keeps_its_schema(found: PlanFacts) -> None:
    document = build_plan(found)
    validate(document, "plan")
    printed = lines(document)
    assert printed
    for words in printed:
        parsed(words)
        assert words[2:4] == ["--source", found.words.source]
        assert words[words.index("--env") + 1] == "live"
    shown = render(document, "text")
    for step in document["recipe"]["steps"]:
        if step["command"] is not None:
            assert f"      {step['command']}\n" in shown


def test_a_command_that_does_not_parse_is_seen() -> None:
    with pytest.raises(click.UsageError):
        parsed(["kvferry", "verify", "--source", KV, "--target", "sqlite:x", "--no-such-option"])
    with pytest.raises(click.UsageError):
        parsed(["kvferry", "gate", "--for", "window"])


def verbs(found: PlanFacts) -> list[str]:
    """Commands and stages in order."""
    order = []
    for step in build_plan(found)["recipe"]["steps"]:
        words = step["do"].replace('"', "").replace("=", " ").split()
        if "SESSION_STAGE" in words:
            order.append(words[words.index("SESSION_STAGE") + 1])
        elif step["command"] is not None:
            order.append(step["command"].split()[1])
        else:
            order.append(words[0])
    return order


END = [
    "verify",
    "gate",
    "object-only",
    "gate",
    "finish",
]
DUAL = ["kv", "dual-write", "smoke"]
DOOR = ["shadow-read", "export", "verify", "gate", "object-first"]
DRAINED = ["shadow-read", "wait", "verify", "gate", "object-first"]


def test_each_recipe_has_its_own_order() -> None:
    assert verbs(WAYS["copy into objects"]) == [*DUAL, "export", "verify", *DOOR, *END, "cleanup"]
    assert verbs(WAYS["drain"]) == [*DUAL, "wait", "verify", *DRAINED, *END, "let"]
    assert verbs(WAYS["adopt kv"]) == [*DUAL, "export", "verify", *DOOR, *END, "cleanup"]
    assert verbs(WAYS["adopt target"]) == ["export", "object-first", "smoke", *END, "cleanup"]
    assert verbs(WAYS["adopt, unsaid"]) == ["plan"]
    assert verbs(WAYS["into a dump"]) == verbs(WAYS["from a dump"]) == ["export", "verify"]


def recipe(name: str) -> Document:
    found: Document = build_plan(WAYS[name])["recipe"]
    return found


def test_the_reason_is_that_of_the_listing() -> None:
    assert recipe("copy")["why"] == "50,000 sessions never expire, so waiting does not move them"
    assert recipe("drain")["why"] == "every session is gone in 1 h: nothing needs to be copied"
    assert recipe("drain")["wait_seconds"] == 3720
    assert recipe("adopt kv")["why"] == "the target has 3 rows from before kvferry"
    long = build_plan(planned(survey=replace(SHORT, latest=int(NOW) + 30 * 86_400)))["recipe"]
    assert long["why"] == "the longest session lives for another 30 d, too long to wait for"
    assert recipe("from a dump")["why"] == "nobody writes this source, so waiting changes nothing"


def test_who_is_right_is_asked_and_then_passed_on() -> None:
    unsaid = build_plan(WAYS["adopt, unsaid"])
    assert [step["command"].split()[-1] for step in unsaid["steps"]][-2:] == ["kv", "target"]
    for words in lines(build_plan(WAYS["adopt kv"])):
        if words[1] in ("export", "verify"):
            assert words[words.index("--authority") + 1] == "kv", words
    sweeps = [words for words in lines(build_plan(WAYS["adopt kv"])) if "--sweeps" in words]
    assert [words[1] for words in sweeps] == ["export"]


def test_the_code_is_said_to_use_both_stores_and_where() -> None:
    places = tuple(f"src/a.ts:{number} (D1)" for number in range(5))
    found = planned(Wish(None, ".", Code(".", places)))
    (check,) = [one for one in build_plan(found)["checks"] if one["name"] == "code"]
    assert check["standing"] == Standing.NOTE
    assert "by 5 places: src/a.ts:0 (D1), src/a.ts:1 (D1), src/a.ts:2 (D1) and 2 more" in check["said"]
    assert check["todo"].startswith("set authority")
    clean = planned(Wish(None, ".", Code(".")))
    (check,) = [one for one in build_plan(clean)["checks"] if one["name"] == "code"]
    assert (check["standing"], check["said"]) == ("ok", ".: sessions are in one store only")
    partly = planned(Wish(None, ".", Code(".", (), whole=False)))
    standings = [one["standing"] for one in build_plan(partly)["checks"] if one["name"] == "code"]
    assert standings == ["note", "ok"]


def text(name: str) -> list[str]:
    return render(build_plan(WAYS[name]), "text").splitlines()


def test_the_text_says_recipe_reason_and_what_was_not_looked_at() -> None:
    shown = text("copy")
    at = shown.index("the way: copy, because 50,000 sessions never expire, so waiting does not move them")
    assert shown[at + 1] == "  unless the code uses both stores already: --audit FOLDER looks"
    assert not any("unless the code" in one for one in text("adopt target"))
    assert any("say with --target where to" in one for one in text("no target"))


def test_the_text_says_when_a_free_plan_cannot_do_it_in_a_day() -> None:
    shown = text("copy")
    at = shown.index("  first export: 1,000 lists of KV, 1,000,000 reads of KV")
    assert shown[at + 1].endswith("; a free plan cannot do it in a day, but in 10, for its reads of KV")
    (together,) = [one for one in shown if one.startswith("  together: ")]
    assert together.endswith("(USD, prices of 2026-11); a free plan cannot do it in a day, but in 40")
    optional = shown.index("and only if you want it")
    emptying = "  emptying KV, instead of letting it expire: 1,000,000 deletes of KV"
    assert shown[optional + 1] == emptying
    assert optional > shown.index(together)
    adopted = text("adopt target")
    (day,) = [at for at, one in enumerate(adopted) if one.startswith("  dual-write, each day: 5,000 ")]
    free = "nothing within a paid plan's included part, or $0.02; fits a free plan's day"
    assert adopted[day + 1] == f"    {free}"


def test_every_operation_of_a_phase_is_told_by_a_name_of_its_own() -> None:
    table = {*prices().kv, *prices().objects}
    assert set(_NAMES) == table
    assert len(set(_NAMES.values())) == len(table)


def test_the_stages_of_a_worker_are_deployed_and_those_of_a_program_are_not() -> None:
    deploy = '      npx wrangler deploy --tag "$(git rev-parse --short=12 HEAD)" --env live'
    assert text("copy into objects").count(deploy) == len(STAGES)
    assert not any("npx wrangler" in one for one in text("copy"))
    assert any("restart every process of the application" in one for one in text("copy"))


@pytest.mark.parametrize("found", WAYS.values(), ids=WAYS)
def test_no_printed_command_destroys_anything_when_it_is_pasted(found: PlanFacts) -> None:
    for words in lines(build_plan(found)):
        assert not {"--execute", "--name", "--lift-fence", "--fresh"} & set(words), words


def test_a_plan_that_listed_nothing_proposes_no_way() -> None:
    assert build_plan(planned(survey=Survey()))["recipe"] is None
