"""What a smoke has seen, as a document and as text: a session, both stores, and what the stage says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.document import Document, envelope, iso, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.landing import Point, Seen
from migrate.core.protocol.stages import Stage
from migrate.core.record import NEVER, Expiration, Key
from migrate.errors import Exit, MigrateError
from migrate.formats.figures import clean, duration, named

NAME = "smoke"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen after a login or a logout. `lag`: seconds until KV showed it, None: it did not. `points`:
    what each stage at work makes of it; `stage`: the one by which all is well, None: none is. `unread`: why
    KV could not be read."""

    after: str
    key: Key | None
    seen: Seen | None
    lag: float | None = None
    points: Mapping[Stage, Sequence[Point]] = field(default_factory=dict)
    stage: Stage | None = None
    unread: str = ""


@dataclass(frozen=True, slots=True)
class SmokeFacts:
    """All of it. `stages`: at work; `told`: who says so, or why nobody does. `against`: another than
    --stage. `looks`: after the login, then after the logout. `left`: the session is still logged in. `error`:
    what ended it early."""

    source: str
    target: str
    prefixes: Sequence[str]
    started: float
    finished: float
    stages: Sequence[Stage]
    told: str
    against: bool
    looks: Sequence[Look]
    left: bool
    error: MigrateError | None = None


def build_smoke(facts: SmokeFacts, fingerprints: Fingerprints) -> Document:
    """The document, version 1. The session is shown by its fingerprint only."""
    verdict, code = _verdict(facts)
    key = next((look.key for look in facts.looks if look.key is not None), None)
    return {
        **envelope(NAME, VERSION),
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "verdict": verdict,
        "exit": int(code),
        "session": None if key is None else fingerprints.shown_among(key, facts.prefixes),
        "stages": [stage.value for stage in facts.stages],
        "told": facts.told,
        "looks": [_look(one) for one in facts.looks],
        "left": "the session is still logged in" if facts.left else None,
        "note": "" if facts.error is None else facts.error.message,
    }


def _verdict(facts: SmokeFacts) -> tuple[str, Exit]:
    whole = [look for look in facts.looks if look.seen is not None]
    if facts.stages and any(look.stage is None for look in whole):
        return "disagrees", Exit.AGAINST
    if facts.error is not None:
        return "unproven", Exit.UNFINISHED
    if facts.against:
        return "disagrees", Exit.AGAINST
    if not facts.stages or len(whole) < len(facts.looks) or not whole:
        return "unproven", Exit.UNFINISHED
    return "agrees", Exit.CLEAN


def _look(look: Look) -> Document:
    seen = look.seen
    stage = look.stage or next(iter(look.points), None)
    return {
        "after": look.after,
        "stage": None if look.stage is None else look.stage.value,
        "kv": None if seen is None else _kv(seen, look.lag),
        "target": None if seen is None else _target(seen),
        "points": [
            {"name": one.name, "holds": one.holds, "said": one.said} for one in look.points.get(stage, ())
        ]
        if stage is not None
        else [],
        "unread": look.unread,
    }


def _kv(seen: Seen, lag: float | None) -> Document:
    record = seen.record
    return {
        "there": record is not None,
        "after_seconds": None if lag is None else round(lag, 1),
        "expires": None if record is None else _expires(record.expiration),
        "stamped": record is not None and record.marked,
        "version": None if record is None or record.written is None else record.written.version,
    }


def _target(seen: Seen) -> Document:
    row = seen.row
    return {
        "there": row is not None and not row.deleted,
        "tombstone": row is not None and row.deleted,
        "origin": None if row is None else row.origin.value,
        "version": None if row is None else row.version,
        "expires": None if row is None else _expires(row.expiration),
    }


def _expires(expiration: Expiration) -> str:
    if isinstance(expiration, int):
        return iso(expiration)
    return "never" if expiration is NEVER else "unknown"


# ---------------------------------------------------------------- text

_HEADS = {
    "agrees": "the session is where its stage says",
    "disagrees": "the session is NOT where its stage says",
    "unproven": "unproven: not everything could be seen",
}


def smoke_text(document: Document) -> str:
    """The document as text."""
    lines = [f"smoke, {_HEADS[document['verdict']]}", "", *named(list(_facts(document)))]
    for look in document["looks"]:
        lines += ["", *_said(look)]
    lines.append("")
    if document["note"]:
        lines.append(clean(document["note"]))
    if _nowhere(document):
        lines.append("neither store has it: is what the login printed the id as it stands behind the prefix?")
    if document["left"]:
        how = "log it out; or pass --logout COMMAND, which is given its id on its input"
        lines.append(f"{document['left']}: {how}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _nowhere(document: Document) -> bool:
    """Was the session in neither store after its login?"""
    first = next(iter(document["looks"]), None)
    if first is None or first["kv"] is None:
        return False
    return not first["kv"]["there"] and not first["target"]["there"] and not first["target"]["tombstone"]


def _facts(document: Document) -> Iterator[tuple[str, str]]:
    yield "source", clean(document["source"])
    yield "target", clean(document["target"])
    yield "session", clean(document["session"] or "none")
    yield "stage", clean(document["told"] or "not asked")


def _said(look: Document) -> Iterator[str]:
    by = f", by {look['stage']}" if look["stage"] is not None else ""
    yield f"after the {look['after']}{by}"
    if look["kv"] is None:
        yield f"  FAILED  kv          it could not be read: {clean(look['unread'])}"
        return
    for point in look["points"]:
        mark = "ok" if point["holds"] else "FAILED"
        yield f"  {mark:6}  {point['name']:10}  {clean(point['said'])}{_more(point, look)}"
    if not look["points"]:
        yield f"  KV: {'there' if look['kv']['there'] else 'not there'}"
        yield f"  target: {_row(look['target'])}"


def _more(point: Document, look: Document) -> str:
    """When KV showed it, and until when both have it."""
    kv, target = look["kv"], look["target"]
    if point["name"] == "kv" and kv["after_seconds"] is not None:
        return f" (after {duration(kv['after_seconds'])})"
    if point["name"] == "expiration":
        return f": KV {kv['expires']}, target {target['expires']}"
    return ""


def _row(target: Document) -> str:
    if target["tombstone"]:
        return "a tombstone"
    return f"a row of origin {target['origin']}" if target["there"] else "nothing"
