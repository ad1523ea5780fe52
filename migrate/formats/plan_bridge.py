"""What a plan checks of Durable Objects behind their bridge: who may ask it, what it keeps, and where."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.bridge_keys import signing
from migrate.core.document import iso
from migrate.core.partition import overlap
from migrate.formats.figures import clean, plural
from migrate.formats.plan_clock import clock_check
from migrate.formats.plan_facts import Bridging, Check, PlanFacts, Said, Standing
from migrate.formats.plan_target import rows_checks

_PURPOSES = {
    "import": (Standing.FAILED, "an export writes nothing without one"),
    "values": (Standing.NOTE, "comparing JSON where bytes differ, and a project list, need one"),
}
"""The keys that a migration asks for, what a missing one is, and what it is needed for."""


def bridge_checks(bridge: Bridging, facts: PlanFacts) -> Iterator[Check]:
    """Of the keys, the bridge, and what is behind it."""
    if bridge.address == facts.source:
        yield Check("target", Standing.FAILED, "it is the source itself", "name another bridge")
        return
    if bridge.keyless is not None:
        yield Check("keys", Standing.FAILED, bridge.keyless.message, bridge.keyless.hint)
        return
    yield from _keys(bridge, facts)
    if bridge.problem is not None:
        yield Check("bridge", Standing.FAILED, bridge.problem.message, bridge.problem.hint)
    if bridge.said is not None:
        yield from _said(bridge.said, facts)
    if bridge.rows is not None:
        yield from rows_checks(bridge.rows, "objects behind a bridge", facts, bridge.uncounted)
    if bridge.unlistable is not None:
        said = f"a verify lists them by Cloudflare's API: {bridge.unlistable.message}"
        yield Check("objects", Standing.NOTE, said, bridge.unlistable.hint)


def _keys(bridge: Bridging, facts: PlanFacts) -> Iterator[Check]:
    for scope, (standing, why) in _PURPOSES.items():
        if scope not in bridge.keys:
            said = f"there is none for {scope}: {why}"
            yield Check("keys", standing, said, signing([*bridge.keys, scope]))
    for scope, expires in sorted(bridge.keys.items()):
        said = f"for {scope} until {iso(expires)}"
        if expires <= facts.finished + facts.longest:
            todo = "make another one from the bridge's secret before you begin"
            yield Check("keys", Standing.NOTE, f"{said}, which may be too soon", todo)
        else:
            yield Check("keys", Standing.OK, said)


def _said(said: Said, facts: PlanFacts) -> Iterator[Check]:
    versions = f"bridge {clean(said.version)}, session class {clean(said.class_version)}"
    if said.version == said.class_version:
        yield Check("bridge", Standing.OK, f"answers; {versions}")
    else:
        todo = "deploy bridge and session class from the same release"
        yield Check("bridge", Standing.NOTE, f"answers; {versions}", todo)
    yield Check("placement", Standing.OK, f"{said.placement}, which cannot be changed afterwards")
    yield _prefix(said.prefix, facts)
    yield clock_check("objects' clock", said.ahead, "the objects'")


def _prefix(ours: str, facts: PlanFacts) -> Check:
    shown = f'"{clean(ours)}"' if ours else "none"
    todo = f"pass --prefix {clean(ours)}, or deploy the bridge with another KVFERRY_PREFIX"
    strange = [prefix for prefix in facts.prefixes if not overlap(prefix, ours)]
    if strange:
        asked = " and ".join(f'"{clean(prefix)}"' for prefix in strange)
        said = f"the bridge's is {shown}: it keeps no key that begins with {asked}"
        return Check("prefix", Standing.FAILED, said, todo)
    if not all(prefix.startswith(ours) for prefix in facts.prefixes):
        said = f"the bridge's is {shown}: an export stops at the first key that does not begin with it"
        return Check("prefix", Standing.NOTE, said, todo)
    if not ours and any(facts.prefixes):
        return Check(
            "prefix",
            Standing.NOTE,
            "the bridge has none, so a session's id in the objects is its whole key",
            "set KVFERRY_PREFIX, unless the application asks for whole keys",
        )
    return Check("prefix", Standing.OK, f"the bridge's is {shown}; what follows it is the session's id")


def latency(shards: int) -> str:
    """One line on what a placement does to every later request. `shards` 0: one object per session."""
    if not shards:
        return (
            "each object stays for ever near whoever asked for it first, which is the bridge or its location "
            "hint: users far from there wait for the way on every request"
        )
    objects = f"{plural(shards, 'object')} {'stays' if shards == 1 else 'stay'}"
    return f"{objects} for ever near whoever asked first: every user's requests go there, however far it is"
