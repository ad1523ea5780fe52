"""What the exporter keeps in the book, the object of the notes: their names, and what is in them.

    lease                       who copies; never removed, so that its version only rises
    fence/gate-verify           up, rising: no row is replaced; the bridge writes it, into every shard
    finished                    nothing is imported any more; as the fence, and into objects of one session
    sweep/ID                    run, number, started, finished
    mark/ID/PARTITION           a checkpoint, its tally beside it
    seen/ID/PART/t/TIME/KEY     a sighting, in the order of its time
    seen/ID/PART/k/KEY          which TIME that is
    held/KEY                    why a key is in quarantine

ID has ten digits, so that names sort as numbers do. PART is a digest of the partition. TIME is the time's
64 bits in hexadecimal, which sort as times do.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from migrate.bridge_keys import Scope
from migrate.core.ports import Checkpoint, Cursor, Outcome, Phase, Quarantined, RunId, Sighting, SweepInfo
from migrate.core.record import Digest, Key, Lasting
from migrate.errors import StoreBroken
from migrate.stores.durable.bridge import Bridge
from migrate.stores.durable.wire import Document
from migrate.stores.leasing import Held

LEASE = "lease"
FENCE = "fence/gate-verify"
FINISHED = "finished"
SWEEPS = "sweep/"
HELD = "held/"

_PAGE = 500
"""Notes of one question: their names are up to a kilobyte each."""


# ---------------------------------------------------------------- asking


def read(bridge: Bridge, names: Sequence[str], patience: float | None = None) -> dict[str, Document]:
    """The notes of these names, as far as they are there; `patience`: see `Bridge.ask`."""
    found: dict[str, Document] = {}
    for start in range(0, len(names), _PAGE):
        some = list(names[start : start + _PAGE])
        answers = bridge.ask("checkpoint", Scope.VERIFY, {"names": some}, patience=patience)["notes"]
        if len(answers) != len(some):
            raise StoreBroken("the bridge did not answer for every note", "report it")
        for name, note in zip(some, answers, strict=True):
            if note is None:
                continue
            if note["name"] != name:
                raise StoreBroken("the bridge answered with another note", "report it")
            found[name] = note
    return found


def listed(bridge: Bridge, prefix: str, after: str | None = None, limit: int = _PAGE) -> Iterator[Document]:
    """The notes with a prefix, behind `after`, in the order of their names, `limit` at a time."""
    while True:
        asked = {"prefix": prefix, "after": after, "limit": limit}
        answer = bridge.ask("checkpoint", Scope.VERIFY, asked)
        for note in answer["notes"]:
            if note is None or not note["name"].startswith(prefix):
                raise StoreBroken("the bridge listed a note that was not asked for", "report it")
            if after is not None and note["name"] <= after:
                raise StoreBroken("the bridge listed notes out of order", "report it")
            after = note["name"]
            yield note
        if not answer["more"]:
            return
        if not answer["notes"]:
            raise StoreBroken("the bridge ended a page that has more without a note", "report it")


def quarantined(bridge: Bridge, prefix: str, after: Key | None) -> Iterator[Quarantined]:
    """The keys in quarantine with the prefix and behind `after`, in key order."""
    for note in listed(bridge, HELD + prefix, None if after is None else HELD + after):
        yield Quarantined(Key(note["name"].removeprefix(HELD)), _body(note)["reason"])


# ---------------------------------------------------------------- what is in them


def note(name: str, **body: Any) -> Document:
    """A note to be written."""
    return {"name": name, "body": orjson.dumps(body).decode()}


def _body(found: Document) -> dict[str, Any]:
    try:
        body = orjson.loads(found["body"])
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise StoreBroken("a note of the target is not what kvferry writes", "report it")
    return body


def lease_note(held: Held) -> Document:
    """Who holds the lease."""
    return note(LEASE, held=held._asdict())


def lease_returned(until: float) -> Document:
    """The lease that nobody holds any more; `until` when somebody did, Unix seconds of the bridge."""
    return note(LEASE, held=None, until=until)


def leased_until(found: Document) -> float:
    """Until when somebody has held the lease, Unix seconds of the bridge."""
    held = lease_of(found)
    return float(_body(found)["until"] if held is None else held.until)


def lease_of(found: Document | None) -> Held | None:
    """The lease, None when nobody holds it."""
    held = None if found is None else _body(found)["held"]
    return None if held is None else Held(**held)


def fenced_since(found: Document | None) -> float | None:
    """Since when the fence has been up in every object, Unix seconds of the bridge; None: it has not."""
    body = {} if found is None else _body(found)
    return float(body["since"]) if body.get("state") == "up" else None


def finished_since(found: Document) -> float:
    """From when on the migration is finished in every object, Unix seconds of the bridge."""
    return float(_body(found)["since"])


def sweep_name(sweep: int) -> str:
    """Of the sweep's note."""
    return f"{SWEEPS}{sweep:010}"


def sweep_note(info: SweepInfo) -> Document:
    """A sweep as it is kept."""
    return note(
        sweep_name(info.id), run=info.run, number=info.number, started=info.started, finished=info.finished
    )


def sweep_of(found: Document) -> SweepInfo:
    """A sweep as it was kept."""
    body = _body(found)
    number = int(found["name"].removeprefix(SWEEPS))
    return SweepInfo(number, RunId(body["run"]), body["number"], body["started"], body["finished"])


def marks(sweep: int) -> str:
    """What the names of a sweep's checkpoints begin with."""
    return f"mark/{sweep:010}/"


def mark_name(sweep: int, partition: str) -> str:
    """Of a checkpoint's note."""
    return marks(sweep) + partition


def mark_note(mark: Checkpoint) -> Document:
    """A checkpoint as it is kept; its tally is added up by the object."""
    body = note(
        mark_name(mark.sweep, mark.partition),
        phase=mark.phase,
        cursor=mark.cursor,
        last_key=mark.last_key,
        relisting=mark.relisting,
    )
    return {**body, "tally": {str(name): count for name, count in mark.tally.items()}}


def mark_of(found: Document, sweep: int) -> Checkpoint:
    """A checkpoint as it was kept."""
    body = _body(found)
    cursor, last = body["cursor"], body["last_key"]
    return Checkpoint(
        sweep,
        found["name"].removeprefix(marks(sweep)),
        Phase(body["phase"]),
        None if cursor is None else Cursor(cursor),
        None if last is None else Key(last),
        body["relisting"],
        Counter(found["tally"] or {}),
    )


# ---------------------------------------------------------------- sightings


def seen(sweep: int, partition: str) -> str:
    """What the names of a partition's sightings begin with."""
    return f"seen/{sweep:010}/{hashlib.sha256(partition.encode()).hexdigest()[:16]}/"


def times(sweep: int, partition: str) -> str:
    """What the names of those notes begin with that are in the order of time."""
    return seen(sweep, partition) + "t/"


def key_name(sweep: int, partition: str, key: Key) -> str:
    """Of the note that says when a key was seen."""
    return seen(sweep, partition) + "k/" + key


def time_name(sweep: int, partition: str, time: str, key: Key) -> str:
    """Of the note that holds the sighting."""
    return f"{times(sweep, partition)}{time}/{key}"


def time_of(found: Document) -> str:
    """The time in a `key_name` note."""
    return str(_body(found)["time"])


def sighting_notes(sighting: Sighting, sweep: int, partition: str) -> list[Document]:
    """A sighting as it is kept."""
    time = struct.pack(">d", sighting.seen_at).hex()
    expiration = sighting.expiration
    kept = note(
        time_name(sweep, partition, time, sighting.key),
        version=sighting.version,
        digest=None if sighting.digest is None else sighting.digest.hex(),
        metadata=sighting.metadata,
        expiration=expiration if isinstance(expiration, int) else expiration.value,
        seen_at=sighting.seen_at,
        outcome=sighting.outcome,
    )
    return [kept, note(key_name(sweep, partition, sighting.key), time=time)]


def sighting_of(found: Document, prefix: str) -> Sighting:
    """A sighting as it was kept; `prefix` is its partition's `times`."""
    body = _body(found)
    expiration = body["expiration"]
    return Sighting(
        Key(found["name"].removeprefix(prefix).partition("/")[2]),
        body["version"],
        None if body["digest"] is None else Digest(bytes.fromhex(body["digest"])),
        body["metadata"],
        expiration if isinstance(expiration, int) else Lasting(expiration),
        body["seen_at"],
        None if body["outcome"] is None else Outcome(body["outcome"]),
    )
