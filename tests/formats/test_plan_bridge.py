from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.cost.objects import PER_SESSION, writing
from migrate.cost.prices import prices
from migrate.formats.plan import build_plan
from migrate.formats.plan_bridge import latency
from migrate.formats.plan_checks import checks
from migrate.formats.plan_facts import Bridging, Check, Listing, PlanFacts, Refused, Said, Standing
from migrate.formats.plan_text import plan_text
from migrate.formats.report import validate
from tests.formats.plan_samples import NOW, PREFIX, SURVEY, facts, rows

ADDRESS = "do+https://bridge.example"
SAID = Said("shards:3", PREFIX, 0.2, "0.1.0", "0.1.0")
FAR = NOW + 14 * 86_400
BRIDGE = Bridging(ADDRESS, {"import": FAR, "values": FAR}, said=SAID, rows=rows())
OK, NOTE, FAILED = Standing.OK, Standing.NOTE, Standing.FAILED


def seen(bridge: Bridging = BRIDGE, **changes: Any) -> PlanFacts:
    writings = [writing(SURVEY, shards, prices()) for shards in (3, PER_SESSION)]
    return facts(**({"place": None, "bridge": bridge, "writings": writings} | changes))


def saying(**changes: Any) -> Bridging:
    return replace(BRIDGE, said=replace(SAID, **changes))


def said(bridge: Bridging, **changes: Any) -> list[Check]:
    """The checks that are not all right."""
    return [check for check in checks(seen(bridge, **changes)) if check.standing is not OK]


def test_a_bridge_with_which_all_is_well_is_ready() -> None:
    document = build_plan(seen())
    validate(document, "plan")
    assert (document["verdict"], document["target"], document["target_state"]) == ("ready", ADDRESS, None)
    assert said(BRIDGE) == []
    names = [check.name for check in checks(seen())]
    assert names[-8:] == [
        "keys",
        "keys",
        "bridge",
        "placement",
        "prefix",
        "objects' clock",
        "target",
        "ledger",
    ]


@pytest.mark.parametrize(
    ("bridge", "standing", "words"),
    [
        (
            Bridging(ADDRESS, keyless=Refused("no key for the bridge", "export it")),
            FAILED,
            "no key for the bridge",
        ),
        (replace(BRIDGE, keys={"values": FAR}), FAILED, "there is none for import"),
        (replace(BRIDGE, keys={"import": FAR}), NOTE, "there is none for values"),
        (replace(BRIDGE, keys={"import": NOW + 60, "values": FAR}), NOTE, "which may be too soon"),
        (
            replace(BRIDGE, said=None, rows=None, problem=Refused("no answer from the bridge", "check")),
            FAILED,
            "no answer from the bridge",
        ),
        (
            saying(class_version="0.2.0"),
            NOTE,
            "bridge 0.1.0, session class 0.2.0",
        ),
        (
            saying(prefix="sess:"),
            FAILED,
            f'it keeps no key that begins with "{PREFIX}"',
        ),
        (saying(prefix=PREFIX + "a"), NOTE, "stops at the first key that does not begin with it"),
        (
            saying(prefix=""),
            NOTE,
            "a session's id in the objects is its whole key",
        ),
        (saying(ahead=30.0), NOTE, "30 s behind the objects'"),
        (saying(ahead=-90.0), FAILED, "ahead of the objects'"),
        (
            replace(
                BRIDGE,
                said=replace(SAID, placement="per-session"),
                unlistable=Refused("no API token", "log in"),
            ),
            NOTE,
            "a verify lists them by Cloudflare's API: no API token",
        ),
        (replace(BRIDGE, rows=rows(lease="ann@host", lease_until=NOW + 9)), NOTE, "ann@host may be writing"),
        (replace(BRIDGE, rows=rows(origins={"legacy": 2})), NOTE, "2 rows from before kvferry"),
        (replace(BRIDGE, address="kv://acc/ns"), FAILED, "it is the source itself"),
    ],
)
def test_what_is_missing_to_begin_is_said_once_with_what_to_do(
    bridge: Bridging, standing: Standing, words: str
) -> None:
    (found,) = said(bridge)
    assert found.standing is standing
    assert words in found.said
    assert found.todo
    document = build_plan(seen(bridge))
    validate(document, "plan")
    assert document["verdict"] == ("not ready" if standing is FAILED else "ready")


def test_a_longer_prefix_than_the_bridges_is_within_it() -> None:
    within = saying(prefix=PREFIX)
    assert said(within, prefixes=(PREFIX + "a", PREFIX + "b")) == []


def test_what_is_there_is_counted_by_origin_or_said_to_be_unknown() -> None:
    counted = replace(BRIDGE, rows=rows(NOW, origins={"copy": 3, "app": 1, "dual": 0}, tombstones=2))
    (target,) = [check.said for check in checks(seen(counted)) if check.name == "target"]
    assert target == (
        "objects behind a bridge; rows by origin: app 1, copy 3, tombstones 2; sweep 1 is complete"
    )
    unknown = replace(BRIDGE, rows=rows(None, quarantined=1), uncounted="how many is not known")
    (target,) = [check.said for check in checks(seen(unknown)) if check.name == "target"]
    assert target == "objects behind a bridge; how many is not known; quarantined 1; sweep 1 is not complete"
    assert build_plan(seen(counted))["bridge"]["counted"] is True
    assert build_plan(seen(unknown))["bridge"]["counted"] is False


def test_both_placements_are_reckoned_up_and_the_bridges_own_comes_first() -> None:
    document = build_plan(seen())
    assert [(one["placement"], one["asked"]) for one in document["writing"]] == [
        ("shards:3", True),
        ("per-session", False),
    ]
    text = plan_text(document)
    own, other = text.split("a copy into Durable Objects, ")[1:]
    assert own.startswith("shards:3, as the bridge is set\n")
    assert other.startswith("per-session, for comparison\n")
    assert "3 objects stay for ever near whoever asked first" in own
    assert "each object stays for ever near whoever asked for it first" in other
    assert "2,020,015 rows in 3 objects" in own
    assert "about 20 GB, if values have 1 KiB each: $4.10 a month" in other
    assert "$7.02" not in own
    assert "prices of 2026-11" in own


def test_the_source_sets_the_pace_where_its_requests_are_limited() -> None:
    assert "the source's requests set the pace, 1 h 31 min" in plan_text(build_plan(seen()))
    alone = plan_text(build_plan(seen(remote=None)))
    assert "what the bridge needs for its requests, one after the other" in alone


def test_a_listing_that_is_not_complete_gives_the_least() -> None:
    text = plan_text(build_plan(seen(listing=Listing(SURVEY))))
    assert "at least 40,000 of objects, 10,000 of the bridge" in text


def test_what_a_placement_does_for_ever_is_one_line() -> None:
    assert latency(1).startswith("1 object stays for ever")
    assert all("\n" not in latency(shards) for shards in (0, 1, 16))
