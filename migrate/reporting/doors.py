"""The three doors: what the newest verdict said, what the same questions come to now, and what is next."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.core.comparing import Stage
from migrate.core.document import Document, moment
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door, Standing
from migrate.gate.exhibits import ROLLED_BACK
from migrate.gate.using import policy_of
from migrate.gate.verdicts import verdict as judged
from migrate.reporting.material import Material
from migrate.reporting.verdicts import Ruling, ruling_document, unusual

OPENS = {
    Door.OBJECT_FIRST: "behind it the application reads the target first, and KV only for what is not there",
    Door.OBJECT_ONLY: "behind it the application forgets KV, and the fallback may be deleted",
    Door.CLEANUP: "behind it KV may be emptied, and the migration finished",
}

FALLBACK = Door.OBJECT_ONLY
"""The door behind which nobody reads KV any more."""


def doors(material: Material, found: Sequence[Ruling], traffic: Document) -> list[Document]:
    """Each door, in the order in which they are opened. `found`: all verdicts, the newest first; `traffic`:
    as its module gives it."""
    return [_door(door, material, [one for one in found if one.door is door], traffic) for door in Door]


def answer(found: Sequence[Document], finished: float | None) -> Document:
    """May the fallback be deleted? `found`: the doors; `finished`: since when the migration is."""
    door = next(one for one in found if one["door"] == FALLBACK)
    if finished is not None:
        end = moment(finished)
        return {"word": "yes", "said": f"the migration is finished, since {end['iso']}", "next": ""}
    through = door["gone_through"]
    if door["state"] != "open" and through is not None and through["open"] and door["now"] != "shut":
        said = (
            f"the application went through this door at {through['at']['iso']}, while a verdict had it open"
        )
        return {"word": "yes", "said": said, "next": ""}
    word = {"open": "yes", "shut": "no"}.get(door["state"], "unproven")
    return {"word": word, "said": door["said"], "next": door["next"]}


def _door(door: Door, material: Material, mine: Sequence[Ruling], traffic: Document) -> Document:
    believed = [one for one in mine if not one.refused]
    last = believed[0] if believed else None
    policy = Policy() if last is None else policy_of(last.document)
    now = judged(door, material.bundle, policy, material.now, material.naming)
    state = _state(last, mine, now)
    through = _gone_through(_first(door, material, traffic), mine)
    behind = through is not None and through["open"] and state != "open"
    asked = state in ("open", "shut", "unproven") and (state == "open" or now["verdict"] != "open")
    return {
        "door": door.value,
        "opens": OPENS[door],
        "state": state,
        "said": _said(state, last, now),
        "until": last.document["expires"] if last is not None and state == "open" else None,
        "now": now["verdict"],
        "next": "" if behind else now["next"] if asked else f"kvferry gate --for {door} {material.naming}",
        "conditions": _conditions(last, now),
        "verdicts": [ruling_document(one, newest=one is last) for one in mine],
        "gone_through": through,
    }


def _first(door: Door, material: Material, traffic: Document) -> Document | None:
    """When the application was first heard behind a door, or KV given up; None: never, or it came back."""
    if door is Door.CLEANUP:
        return None if material.history.finished is None else moment(material.history.finished)
    stage = Stage(door.value)
    at_work = [Stage(one["stage"]) for one in traffic["stages"] if one["at_work"]]
    if at_work and all(one.before(stage) for one in at_work):
        return None
    heard = [one["first"] for one in traffic["stages"] if one["stage"] == stage]
    first = min(heard, key=lambda one: one["unix"], default=None)
    back = [one.document["started"]["unix"] for one in material.bundle.exhibits if one.kind == ROLLED_BACK]
    return None if first is not None and max(back, default=0.0) > first["unix"] else first


def _gone_through(first: Document | None, mine: Sequence[Ruling]) -> Document | None:
    """Whether a verdict that is believed had it open then."""
    if first is None:
        return None
    opened = any(
        not one.refused
        and one.document["verdict"] == "open"
        and one.issued <= first["unix"] < one.document["expires"]["unix"]
        for one in mine
    )
    return {"at": first, "open": opened}


def _state(last: Ruling | None, mine: Sequence[Ruling], now: Document) -> str:
    """What the door is to whoever stands before it now."""
    if last is None:
        return "refused" if mine else "unasked"
    given = str(last.document["verdict"])
    if given != "open":
        return given
    return "expired" if last.expired else str(now["verdict"])


def _said(state: str, last: Ruling | None, now: Document) -> str:
    if state == "refused":
        return "no verdict on this door checks out against its evidence"
    if last is None:
        return f"nobody has asked; by this evidence it would be {now['verdict']}"
    given, until = last.document["verdict"], last.document["expires"]["iso"]
    if state == "expired":
        again = f"asked again in the same way, it would be {now['verdict']}"
        return f"the newest verdict, {given}, expired at {until}; {again}"
    if state == "open":
        asked = len(now["conditions"])
        waived = sum(one["waived"] is not None for one in now["conditions"])
        held = f"{asked - waived} of {asked} conditions hold, {waived} waived"
        own = ", ".join(one["name"] for one in unusual(last.document))
        asked_with = f"; asked with a policy of its own: {own}" if own else ""
        return f"open until {until}: {held if waived else f'all {asked} conditions hold'}{asked_with}"
    if given == "open":
        return f"a verdict opened it, but by what is known now it is {state}: {_waiting(now)}"
    return f"{_waiting(last.document)}, when asked at {last.document['issued']['iso']}"


def _waiting(told: Document) -> str:
    """Which conditions keep it from being open."""
    standings = {
        word: [one["name"] for one in told["conditions"] if one["standing"] == word and one["waived"] is None]
        for word in (Standing.FAILED, Standing.UNPROVEN)
    }
    parts = [f"{word}: {', '.join(names)}" for word, names in standings.items() if names]
    return "; ".join(parts) or "nothing keeps it from being open"


def _conditions(last: Ruling | None, now: Document) -> list[Document]:
    """What each condition was in the newest verdict, and what it is now. An expired one is none now."""
    then = {} if last is None else {one["name"]: one["standing"] for one in last.document["conditions"]}
    return [
        {
            "name": one["name"],
            "then": then.get(one["name"]),
            "now": one["standing"],
            "said": one["said"],
            "at": one["at"],
            "age_seconds": one["age_seconds"],
            "evidence": one["evidence"],
            "todo": one["todo"],
            "waived": one["waived"],
        }
        for one in now["conditions"]
    ]
