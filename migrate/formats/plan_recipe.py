"""The whole way of a migration, as a plan prints it: recipe and reason, each step in order, what it takes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from migrate.core.document import Document, Options, command
from migrate.core.recipe import Because, Recipe
from migrate.formats.figures import clean, duration, plural
from migrate.formats.plan_facts import Check, Code, PlanFacts, Standing, Way

if TYPE_CHECKING:
    from migrate.cost.phases import Phase

HORIZON = 120
"""Seconds that KV may lag, as verify waits by default."""

LOGIN = "./login.sh"
"""Stands for the operator's own command, which only they know."""

_DEPLOY = 'npx wrangler deploy --tag "$(git rev-parse --short=12 HEAD)"'
"""With the commit as its tag: a gate knows by it that the audited code is what is deployed."""

_SHOWN = 3


def code_checks(code: Code, authority: str | None) -> Iterator[Check]:
    """Of the audited code: does it write, or read, sessions of both stores already?"""
    if not code.whole:
        said = f"not every file of {clean(code.folder)} could be read"
        yield Check("code", Standing.NOTE, said, "kvferry audit names them")
    if not code.both:
        yield Check("code", Standing.OK, f"{clean(code.folder)}: sessions are in one store only")
        return
    more = f" and {len(code.both) - _SHOWN} more" if len(code.both) > _SHOWN else ""
    where = ", ".join(clean(one) for one in code.both[:_SHOWN])
    said = f"sessions are in both stores already, by {plural(len(code.both), 'place')}: {where}{more}"
    if authority is None:
        yield Check("code", Standing.NOTE, f"{said}; only you know which store is right", _ASK)
    else:
        yield Check("code", Standing.NOTE, f"{said}; {_RIGHT[authority]}")


_ASK = 'set authority = "kv" or "target" in kvferry.toml, or pass --authority'
_RIGHT = {"kv": "KV is right, you say", "target": "the target is right, you say"}


def recipe_document(way: Way, facts: PlanFacts) -> Document:
    """The member `recipe`."""
    steps = _Steps(way, facts)
    return {
        "name": way.choice.recipe.value,
        "why": _why(way, facts),
        "because": way.choice.because.name.lower(),
        "wait_seconds": round(way.choice.wait + HORIZON) if way.choice.recipe is Recipe.DRAIN else None,
        "authority": way.authority,
        "example_target": facts.words.target is None,
        "audited": None if way.code is None else way.code.folder,
        "steps": [{"do": do, "command": line, "why": why} for do, line, why in steps.all()],
        "phases": [_phase(one) for one in way.phases],
        "total": {
            "currency": way.prices.currency,
            "dated": way.prices.dated,
            "cost": {"least": _money(way.total.cost.least), "most": _money(way.total.cost.most)},
            "seconds": round(way.total.seconds, 1),
            "free_plan_days": way.total.days,
        },
        "writes_per_day": way.writes_per_day,
    }


def _why(way: Way, facts: PlanFacts) -> str:
    because, survey = way.choice.because, facts.listing.survey
    match because:
        case Because.ENDING:
            return f"every session is gone in {duration(way.choice.wait)}: nothing needs to be copied"
        case Because.LASTING:
            return f"{plural(survey.never, 'session')} never expire, so waiting does not move them"
        case Because.LONG:
            left = max(0.0, (survey.latest or 0) - facts.finished - (facts.skew or 0.0))
            return f"the longest session lives for another {duration(left)}, too long to wait for"
        case Because.LEGACY:
            rows = facts.rows.origins.get("legacy", 0) if facts.rows is not None else 0
            return f"the target has {plural(rows, 'row')} from before kvferry"
        case _:
            return because.value


def _phase(one: Phase) -> Document:
    return {
        "name": one.name,
        "optional": one.optional,
        "operations": dict(sorted(one.used.items())),
        "seconds": None if one.seconds is None else round(one.seconds, 1),
        "cost": {"least": _money(one.cost.least), "most": _money(one.cost.most)},
        "free_plan_days": one.free_days,
        "free_plan_limit": one.limit,
    }


def _money(amount: Decimal) -> float:
    return float(round(amount, 6))


Step = tuple[str, str | None, str]
"""What to do, the command that does it (None: no one command does), and why."""


class _Steps:
    """The steps of one recipe, with this migration's own addresses and options."""

    def __init__(self, way: Way, facts: PlanFacts) -> None:
        self._way, self._facts = way, facts
        self._target = facts.words.target or "sqlite:sessions.db"

    def all(self) -> Iterator[Step]:
        """In order."""
        way = self._way
        if way.choice.recipe is Recipe.ADOPT and way.authority is None:
            again = self._command("plan", {"authority": "kv", "audit": way.audit})
            yield ("decide which store is right", again, "or --authority target; nothing else can tell")
            return
        if not way.staged:
            yield self._export("copies; kill it at any moment and type it again, it resumes")
            yield self._verify("reads both stores afresh and says whether they agree")
            return
        if way.choice.recipe is Recipe.ADOPT and way.authority == "target":
            yield from self._adopted_from_target()
        else:
            yield from self._to_shadow_read()
            yield from self._first_door()
        yield from self._to_the_end()

    # ------------------------------------------------------------ parts of the way

    def _to_shadow_read(self) -> Iterator[Step]:
        way, drain = self._way, self._way.choice.recipe is Recipe.DRAIN
        yield self._deploy("kv", "the session store is in (kvferry store init), and all is as before")
        yield self._deploy("dual-write", "every write goes to both stores from now on")
        yield self._smoke("dual-write")
        if drain:
            left = duration(way.choice.wait + HORIZON)
            why = "until then all that only KV had has expired; plan again there, for what is left by then"
            yield (f"wait {left} at dual-write", None, why)
        elif way.choice.recipe is Recipe.ADOPT:
            yield self._export("mends what differs, once it has settled", sweeps=2)
        else:
            yield self._export("copies; kill it at any moment and type it again, it resumes")
        yield self._verify("what it names is to be looked at while nothing depends on it yet")

    def _first_door(self) -> Iterator[Step]:
        yield self._deploy("shadow-read", "reads are compared, KV is still believed")
        then = "wait 7 minutes, for H and for what is in flight"
        if self._way.choice.recipe is Recipe.DRAIN:
            yield (then, None, "nothing is copied: what KV has, the target has by dual writes")
        else:
            yield self._export(f"brings what was written meanwhile; then {then}")
        yield self._verify("the gate's verify", stage="shadow-read", fence=True)
        yield self._gate("object-first")
        yield self._deploy("object-first", "the target is believed, KV is the fallback")

    def _adopted_from_target(self) -> Iterator[Step]:
        yield self._export("brings what only KV has, and keeps the target's rows")
        yield self._deploy("object-first", "for all at once: there is no way back below it")
        yield self._smoke("object-first")

    def _to_the_end(self) -> Iterator[Step]:
        yield self._verify("nothing may be in KV only", stage="object-first")
        yield self._gate("object-only")
        yield self._deploy("object-only", "KV is not used any more")
        yield self._gate("cleanup")
        why = "says what it would do; with --execute it is done, and there is no way back"
        yield ("end the migration", self._command("finish", {}), why)
        never = self._facts.listing.survey.never
        if never:
            why = f"{plural(never, 'session')} never expire there by themselves; it says first what would go"
            yield ("empty KV", self._command("cleanup", {}), why)
        else:
            yield ("let KV expire", None, "waiting costs nothing, deleting costs as much as writing")

    # ------------------------------------------------------------ single steps

    def _deploy(self, stage: str, why: str) -> Step:
        if not self._way.objects:
            return (f"set SESSION_STAGE={stage} and restart every process of the application", None, why)
        env = self._facts.words.options.get("env")
        line = _DEPLOY + (f" --env {shlex.quote(str(env))}" if env else "")
        return (f'set SESSION_STAGE = "{stage}" in the application\'s wrangler configuration', line, why)

    def _smoke(self, stage: str) -> Step:
        known = None if self._way.objects else stage  # a file has no heartbeats that would tell it
        line = self._command("smoke", {"login": LOGIN, "stage": known})
        return (
            "log in once",
            line,
            f"with a command of yours for {LOGIN}: a real login lands in both stores",
        )

    def _export(self, why: str, sweeps: int | None = None) -> Step:
        more = {**self._facts.words.export_options, "sweeps": sweeps, "authority": self._way.authority}
        return ("export", self._command("export", more), why)

    def _verify(self, why: str, stage: str | None = None, *, fence: bool = False) -> Step:
        more = {"stage": stage, "fence": fence or None, "authority": self._way.authority}
        return ("verify", self._command("verify", more), why)

    def _gate(self, door: str) -> Step:
        line = self._command("gate", {"for": door, "audit": self._way.audit or "."})
        note = "" if self._way.objects else "; a file has no heartbeats, so waive what you know otherwise"
        return (f"open the door {door}", line, f"only when it says open{note}")

    def _command(self, verb: str, more: Options) -> str:
        words = self._facts.words
        return command(verb, words.source, self._target, self._facts.prefixes, {**words.options, **more})
