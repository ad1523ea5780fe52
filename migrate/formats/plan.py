"""The plan: what was found, what was checked, what it will take, and the commands to type next."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from migrate.core.document import Document, Options, command, envelope, moment
from migrate.core.recipe import Recipe
from migrate.formats.figures import duration
from migrate.formats.plan_applications import applications_document
from migrate.formats.plan_bridge import latency
from migrate.formats.plan_checks import checks, missing_permissions, verdict
from migrate.formats.plan_facts import Bridging, Check, Place, PlanFacts, Rows, Standing
from migrate.formats.plan_recipe import HORIZON, recipe_document

if TYPE_CHECKING:
    from migrate.cost.effort import Days
    from migrate.cost.objects import Writing

NAME = "plan"
VERSION = 1

SUGGESTED = "sqlite:sessions.db"
"""The target in the next commands when none was given."""


def build_plan(facts: PlanFacts) -> Document:
    """The plan, version 1."""
    found = checks(facts)
    word, code = verdict(facts, found)
    steps = next_steps(facts, found)
    return {
        **envelope(NAME, VERSION),
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "verdict": word,
        "exit": int(code),
        "found": [{"what": one.what, "value": one.value, "where": one.where} for one in facts.found],
        "checks": [
            {"name": one.name, "standing": one.standing.value, "said": one.said, "todo": one.todo}
            for one in found
        ],
        "permissions": {
            "needed": [] if facts.remote is None else [facts.remote.needs],
            "missing": missing_permissions(facts),
        },
        "listing": _listing(facts),
        "clock_skew_seconds": None if facts.skew is None else round(facts.skew, 3),
        "estimate": _estimate(facts),
        "target_state": None if facts.place is None else _place(facts.place),
        "bridge": None if facts.bridge is None else _bridge(facts.bridge),
        "applications": None if facts.applications is None else applications_document(facts.applications),
        "writing": [_writing(one, facts) for one in facts.writings],
        "recipe": None if facts.way is None else recipe_document(facts.way, facts),
        "ledger": {
            "path": facts.notebook.path,
            "new": facts.notebook.new,
            "runs": facts.notebook.runs,
            "last_verdict": facts.notebook.verdict,
        },
        "requests": dict(facts.requests),
        "note": facts.error.message if facts.error else "",
        "next": steps[0]["command"],
        "steps": steps,
    }


def _listing(facts: PlanFacts) -> Document:
    survey = facts.listing.survey
    return {
        "complete": facts.listing.complete,
        "keys": survey.keys,
        "pages": survey.pages,
        "empty_pages": survey.empty_pages,
        "expirations": {
            "never": survey.never,
            "dated": survey.dated,
            "expired": survey.expired,
            "unknown": survey.unknown,
            "soonest": None if survey.soonest is None else moment(survey.soonest),
            "latest": None if survey.latest is None else moment(survey.latest),
        },
        "with_metadata": survey.with_metadata,
        "metadata_bytes": survey.metadata_bytes,
        "key_bytes": survey.key_bytes,
        "longest_key_bytes": survey.longest_key,
        "value_bytes": survey.value_bytes if survey.values == survey.keys else None,
    }


def _place(place: Place) -> Document:
    room = place.room
    return {
        "file": place.file,
        "exists": place.size is not None,
        "bytes": place.size,
        "free_bytes": place.free,
        "needed_bytes": None if room is None else room.bytes,
        "needed_assumes_value_sizes": room is not None and room.assumed,
        "rows": None if place.rows is None else _rows(place.rows),
    }


def _rows(rows: Rows) -> Document:
    return {
        "origins": dict(sorted(rows.origins.items())),
        "tombstones": rows.tombstones,
        "quarantined": rows.quarantined,
        "sweeps": [{"number": sweep.number, "complete": sweep.finished is not None} for sweep in rows.sweeps],
        "lease": rows.lease,
    }


def _bridge(bridge: Bridging) -> Document:
    said = bridge.said
    return {
        "keys": {scope: moment(expires) for scope, expires in sorted(bridge.keys.items())},
        "said": None
        if said is None
        else {
            "placement": said.placement,
            "prefix": said.prefix,
            "clock_ahead_seconds": round(said.ahead, 3),
            "version": said.version,
            "class_version": said.class_version,
        },
        "rows": None if bridge.rows is None else _rows(bridge.rows),
        "counted": bridge.rows is not None and not bridge.uncounted,
    }


# ---------------------------------------------------------------- what it takes


def _estimate(facts: PlanFacts) -> Document | None:
    """Of one pass, and of an export with its verify; None where nothing is limited or billed."""
    remote = facts.remote
    if remote is None or not facts.listing.survey.pages:
        return None
    table, figures = remote.prices, remote.estimate
    once = figures.once
    speed = once.keys / figures.ceiling_seconds if figures.ceiling_seconds else None
    return {
        "least": not facts.listing.complete,
        "pass": {
            "lists": once.lists,
            "bulk_reads": once.bulk_reads,
            "requests": once.requests,
            "keys_read": once.keys,
        },
        "seconds": {
            "rate": str(remote.rate),
            "at_rate": round(figures.seconds, 1),
            "ceiling": str(table.ceiling),
            "at_ceiling": round(figures.ceiling_seconds, 1),
            "sessions_per_second_at_ceiling": None if speed is None else round(speed, 1),
        },
        "budget": None
        if figures.budget is None
        else {
            "reads_per_day": remote.budget.reads,
            "lists_per_day": remote.budget.lists,
            "reads_spent_today": remote.spent_reads,
            "lists_spent_today": remote.spent_lists,
            **_days(figures.budget),
        },
        "cost": {
            "currency": table.currency,
            "dated": table.dated,
            "least": _money(figures.cost.least),
            "most": _money(figures.cost.most),
        },
        "free_plan": {
            "reads_per_day": table.free_day.reads,
            "lists_per_day": table.free_day.lists,
            **_days(figures.free),
        },
    }


def _writing(one: Writing, facts: PlanFacts) -> Document:
    """What a copy takes by one placement; the first is the bridge's own, if it answered."""
    said = None if facts.bridge is None else facts.bridge.said
    return {
        "placement": one.placement,
        "asked": said is not None and said.placement == one.placement,
        "least": not facts.listing.complete,
        "objects": one.objects,
        "bridge_requests": one.bridge_requests,
        "object_requests": one.object_requests,
        "rows_written": one.rows_written,
        "gb_seconds": one.gb_seconds,
        "stored_bytes": one.stored_bytes,
        "stored_assumes_value_sizes": one.assumed,
        "cost": {
            "currency": one.prices.currency,
            "dated": one.prices.dated,
            "least": _money(one.cost.least),
            "most": _money(one.cost.most),
        },
        "storage_per_month": _money(one.monthly),
        "free_plan_days": one.free_days,
        "latency": latency(one.shards),
    }


def _days(days: Days) -> Document:
    return {"export_days": days.export, "both_days": days.both}


def _money(amount: Decimal) -> float:
    return float(round(amount, 6))


# ---------------------------------------------------------------- what to type next


def next_steps(facts: PlanFacts, found: Sequence[Check]) -> list[dict[str, str]]:
    """The commands to type, in order, each with the reason."""
    words = facts.words
    target = words.target or SUGGESTED
    steps: list[dict[str, str]] = []
    shared = {**words.options, **words.export_options}
    again = command("plan", words.source, target, facts.prefixes, shared)
    if facts.error is not None:
        steps.append(_step(again, facts.error.hint or "the look was not complete"))
    elif any(check.standing is Standing.FAILED for check in found):
        steps.append(_step(again, "when what FAILED is mended"))
    elif any(check.standing is Standing.UNPROVEN for check in found):
        steps.append(_step(again, "when what is unproven can be looked at"))
    return steps + _by_recipe(facts, target)


def _by_recipe(facts: PlanFacts, target: str) -> list[dict[str, str]]:
    """What kvferry does first by the recipe; where none is known, a copy and its verify."""
    words, way = facts.words, facts.way
    recipe = Recipe.COPY if way is None else way.choice.recipe
    said = None if way is None else way.authority

    def line(verb: str, more: Options) -> str:
        return command(verb, words.source, target, facts.prefixes, {**words.options, **more})

    verify = line("verify", {"authority": said})
    checked = _step(verify, "reads both stores afresh and says whether they agree")
    if recipe is Recipe.DRAIN and way is not None and way.staged:
        left = duration(way.choice.wait + HORIZON)
        return [_step(verify, f"after {left} at dual-write: both stores agree, and nothing was copied")]
    if recipe is Recipe.ADOPT and said is None:
        right = {"kv": "if KV is right", "target": "if the target is"}
        return [_step(line("plan", {"authority": one}), why) for one, why in right.items()]
    export = line("export", {**words.export_options, "authority": said})
    early = "; before dual-write it is a rehearsal" if way is not None and way.staged else ""
    return [_step(export, _why(facts.rows) + early), checked]


def _step(line: str, why: str) -> dict[str, str]:
    return {"command": line, "why": why}


def _why(rows: Rows | None) -> str:
    sweeps = rows.sweeps if rows is not None else ()
    if not sweeps:
        return "copies; kill it at any moment and type it again, it resumes"
    last = sweeps[-1]
    if last.finished is None:
        return f"goes on with sweep {last.number} where it stopped"
    return (
        f"sweep {last.number} is complete: this makes sweep {last.number + 1}, which mends what has changed"
    )
