"""What a bridge's answers mean: each check is ok, a note, or has FAILED, and then names its remedy. Pure.

Facts ──checks──▶ Check … ──verdict──▶ ready, not ready, unfinished
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.bridging.deployment import Deployment
from migrate.bridging.facts import Facts, Measured, Refusal
from migrate.bridging.ownership import failed, ok, ownership
from migrate.core.document import iso
from migrate.errors import Exit
from migrate.formats.figures import count, duration, plural
from migrate.formats.plan_facts import Check, Standing
from migrate.stores.durable.bridge import Health

_NOBODY = "check the host name, and that the bridge is deployed and has an address (workers_dev or a route)"

SKEW_NOTE = 2.0
SKEW_FAILED = 60.0
"""Seconds by which clocks may differ: expirations are compared to the second, and the bridge refuses
keys that come from more than 300 s ahead of it."""

_BEHIND_THE_KEY = frozenset({"toolkit", "overloaded", "retryable", "failed"})
"""Problems that nobody hears of without a valid key."""

PROBLEM_CHECKS = {
    "unconfigured": "secret",
    "unauthorized": "authentication",
    "forbidden": "authentication",
    "not-found": "versions",
    "protocol": "versions",
    "toolkit": "class",
    "access": "access",
}
"""What the bridge says no for, and the check that it is about; anything else is about reaching it."""


def checks(facts: Facts) -> tuple[Check, ...]:
    """Every check, in the order in which remedies make sense."""
    return tuple(_all(facts))


def verdict(facts: Facts, found: Sequence[Check]) -> tuple[str, Exit]:
    """One word and the exit code: evidence against comes before what could not be found out."""
    if any(check.standing is Standing.FAILED for check in found):
        return "not ready", Exit.AGAINST
    if facts.error is not None:
        return "unfinished", Exit.UNFINISHED
    return "ready", Exit.CLEAN


def _all(facts: Facts) -> Iterator[Check]:
    yield from _reached(facts)
    yield from _authentication(facts)
    yield from _clocks(facts)
    if facts.health is not None:
        yield from _versions(facts, facts.health)
        yield from _class(facts, facts.health)
        yield from _placement(facts, facts.health)
        yield from _statistics(facts, facts.health)
        yield from _kv(facts, facts.health)
        if facts.measured is not None:
            yield from _limits(facts.health, facts.measured)
    yield from ownership(facts)


def _refusal(facts: Facts) -> Refusal | None:
    """Why there is no health, as the last key heard it."""
    refused = [answer.refused for answer in facts.keys if answer.refused is not None]
    return refused[-1] if refused and facts.health is None else None


def _reached(facts: Facts) -> Iterator[Check]:
    refusal = _refusal(facts)
    if refusal is None or refusal.problem:
        yield ok("reached", f"a bridge answers at {facts.address}")
    elif refusal.final:
        yield failed("reached", refusal.message, refusal.hint)
    else:
        yield Check("reached", Standing.NOTE, refusal.message, _NOBODY)
    if refusal is not None and refusal.problem:
        name = PROBLEM_CHECKS.get(refusal.problem, "reached")
        if name != "authentication":
            yield failed(name, refusal.message, refusal.hint)


def _authentication(facts: Facts) -> Iterator[Check]:
    for answer in facts.keys:
        said = f"the key for {answer.scope}"
        new = "kvferry bridge keys DIR makes new ones"
        if answer.expires <= facts.now:
            yield failed("authentication", f"{said} has expired at {iso(answer.expires)}", new)
        elif answer.refused is None or answer.refused.problem in _BEHIND_THE_KEY:
            yield ok("authentication", f"{said} is taken, until {iso(answer.expires)}")
        elif answer.refused.problem == "unauthorized":
            yield failed("authentication", f"{said} is refused", _remedy_of_a_key(facts, new))
    for note in facts.notes:
        yield Check("authentication", Standing.NOTE, note)


def _remedy_of_a_key(facts: Facts, new: str) -> str:
    if facts.date_ahead is not None and abs(facts.date_ahead) > SKEW_FAILED:
        return "set this machine's clock: keys carry its time"
    return f"{new}; if those are refused too, put the secret of .dev.vars again (runbooks/bridge.md)"


def _clocks(facts: Facts) -> Iterator[Check]:
    health = facts.health
    if health is None:
        if facts.date_ahead is not None and abs(facts.date_ahead) > SKEW_FAILED:
            yield _clock("the clock in front of the bridge", facts.date_ahead)
        return
    bridge, objects = health.bridge_ahead, health.ahead
    worst = max(bridge, objects, key=abs)
    if abs(worst) <= SKEW_NOTE:
        yield ok("clocks", f"bridge and objects agree with this machine to {duration(abs(worst))}")
    else:
        yield _clock("the bridge's clock" if worst == bridge else "the objects' clock", worst)


def _clock(whose: str, ahead: float) -> Check:
    where = "ahead of" if ahead > 0 else "behind"
    standing = Standing.FAILED if abs(ahead) > SKEW_FAILED else Standing.NOTE
    said = f"{whose} is {duration(abs(ahead))} {where} this machine's"
    return Check("clocks", standing, said, "set this machine's clock (timedatectl set-ntp true)")


def _versions(facts: Facts, health: Health) -> Iterator[Check]:
    said = f"kvferry {facts.version}, bridge {health.version}, class {health.class_version}"
    if health.version == health.class_version == facts.version:
        yield ok("versions", said)
        return
    todo = []
    if health.version != facts.version:
        todo.append("kvferry bridge init DIR --force, and deploy the bridge")
    if health.class_version != facts.version:
        todo.append("deploy the Worker that owns the class, from the same release")
    yield Check("versions", Standing.NOTE, f"{said}: they speak one protocol, and differ", "; ".join(todo))


def _class(facts: Facts, health: Health) -> Iterator[Check]:
    called = f"class {health.class_name or 'unknown'} of {health.script or 'unknown'}"
    if facts.missing:
        yield failed(
            "class",
            f"{called} lacks {', '.join(facts.missing)}",
            "deploy the Worker that owns the class again, with the toolkit of this release",
        )
    elif facts.missing is not None:
        yield ok("class", f"{called} has every method that is needed")
    wanted = facts.deployment
    if wanted is not None and (health.script, health.class_name, health.environment) != (
        wanted.script,
        wanted.class_name,
        wanted.environment,
    ):
        said = f"{wanted.folder} is for class {wanted.class_name} of {wanted.script}"
        if wanted.environment is not None:
            said += f" in {wanted.environment}"
        yield failed("class", f"the bridge says {called}, and {said}", _not_this_folder(wanted))


def _placement(facts: Facts, health: Health) -> Iterator[Check]:
    said = f"{health.placement}, prefix {health.prefix or '(none)'}"
    wanted = facts.deployment
    if wanted is not None and wanted.placement != health.placement:
        yield failed(
            "placement",
            f"the bridge says {health.placement}, and {wanted.folder} says {wanted.placement}",
            "find out which one the application goes by, before anything is copied: it is for ever",
        )
    elif wanted is not None and wanted.prefix != health.prefix:
        yield failed(
            "placement",
            f"the bridge says prefix {health.prefix!r}, and {wanted.folder} says {wanted.prefix!r}",
            _not_this_folder(wanted),
        )
    else:
        yield ok("placement", said)


def _statistics(facts: Facts, health: Health) -> Iterator[Check]:
    """Can it be told which stages of the session store are at work?"""
    owner = health.script or "the Worker that owns the class"
    wanted = facts.deployment
    if facts.uncounted is not None:
        yield failed(
            "statistics",
            f"the class behind MIGRATION_STATS does not answer: {facts.uncounted.message}",
            f"bind MigrationStats of this release, and deploy {owner} again",
        )
    elif health.stats:
        yield ok("statistics", "MIGRATION_STATS is bound, and answers")
    elif wanted is not None and wanted.stats:
        said = f"{wanted.folder} binds MIGRATION_STATS, and the bridge does not have it"
        yield failed("statistics", said, f"deploy {wanted.folder}")
    else:
        yield Check(
            "statistics",
            Standing.NOTE,
            "none are bound: a copy needs none, and that a stage of the session store is over stays unproven",
            f"bind MigrationStats in {owner} as MIGRATION_STATS, then kvferry bridge init DIR --force",
        )


def _kv(facts: Facts, health: Health) -> Iterator[Check]:
    """Can sessions be written back into KV through it?"""
    folder = facts.deployment
    wanted = None if folder is None else folder.kv
    if folder is not None and health.kv and wanted is not None and health.kv_namespace not in (None, wanted):
        said = f"the bridge writes namespace {health.kv_namespace}, and {folder.folder} says {wanted}"
        yield failed("kv", said, _not_this_folder(folder))
    elif health.kv:
        which = health.kv_namespace or "which it was not told (KVFERRY_KV_NAMESPACE)"
        yield ok("kv", f"SESSIONS_KV is bound, namespace {which}; only a key for kv writes it")
    elif folder is not None and wanted is not None:
        said = f"{folder.folder} binds SESSIONS_KV, and the bridge does not have it"
        yield failed("kv", said, f"deploy {folder.folder}")
    else:
        yield Check(
            "kv",
            Standing.NOTE,
            "no KV namespace is bound: a copy needs none, and going back to KV goes through the bridge",
            "kvferry bridge init DIR --kv-binding NAME --force, and deploy the bridge",
        )


def _not_this_folder(wanted: Deployment) -> str:
    return f"name the folder of this bridge, or deploy {wanted.folder}"


def _limits(health: Health, measured: Measured) -> Iterator[Check]:
    most = health.limits
    said = f"{plural(measured.records, 'record')} an import ({plural(measured.calls, 'call')})"
    said += f", bodies of {count(measured.body_bytes)} bytes"
    variables = []
    if measured.records < most.records:
        variables.append(f'"KVFERRY_RECORDS": "{max(1, measured.records)}"')
    if measured.body_bytes < most.body_bytes:
        variables.append(f'"KVFERRY_BODY_BYTES": "{max(65_536, measured.body_bytes)}"')
    if not variables:
        yield ok("limits", f"measured: {said}; all that is asked for")
        return
    why = f": {measured.refused.message}" if measured.refused is not None else ""
    yield failed(
        "limits",
        f"measured: {said}; the bridge announces {count(most.records)} and {count(most.body_bytes)}{why}",
        f"add {' and '.join(variables)} to the vars in the bridge's wrangler.json, and deploy it",
    )
