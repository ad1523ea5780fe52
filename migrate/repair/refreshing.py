"""Making KV show what the target is right about: `app` rows are put into it, the logged out leave it.

Only these: a copied row, or one of a dual write, is KV's own business. KV knows no compare-and-set, so each
put begins within seconds of its reading or not at all, and all of them are looked at again at the end. Where
an older value lands over a newer one all the same, nobody believes KV about such a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from migrate.core.comparing import Stage
from migrate.core.copying import same
from migrate.core.partition import run_id
from migrate.core.ports import Answer, Claim, Outcome, Tally, Target, Unreadable
from migrate.core.record import Key, Origin, Record, Row, digest_text, expired
from migrate.core.writing import SOONEST, Reason, Writable
from migrate.errors import ConfigError
from migrate.formats.repair import AGREES, CANDIDATES, CHANGED, EMPTIED, EXPIRED, EXPIRING, WRITTEN
from migrate.holding import holding
from migrate.ledger.tasks import Task
from migrate.reading import read_all
from migrate.repair.wish import Work
from migrate.stores.finishing import refused
from migrate.stores.stamping import Stamp, stamped

PORTION = 500
NOT_AFTER = 20.0
"""Seconds after its reading in which a write may begin, as the halves of the session store's own writes."""

_TRIES = 3
_AGAIN = (Reason.LATE, Reason.FAILED)

EFFECTS = (
    "write the sessions into KV that the application has written since it reads the target first",
    "delete from KV the sessions that were logged out",
    "leave alone what was copied or written by a dual write: KV is right about those",
)


def refuse(work: Work) -> None:
    """Raise ConfigError or StoreRefused where KV may not be written from the target."""
    holder, wish = work.holder, work.wish
    if holder.finished_since() is not None:
        raise refused(holder.address)
    if holder.address.startswith("dump:") or not work.source.live:
        raise ConfigError("only a live KV is refreshed, from a live target", "name KV itself and the target")
    if work.stage.before(Stage.SHADOW_READ):
        raise ConfigError(
            f"at {work.stage} KV is right: nothing of the target goes before it",
            wish.again("verify", stage=Stage.OBJECT_FIRST),
        )
    if holder.concealed is not None:
        raise ConfigError(
            f"{holder.address}: its values are to be written, which needs {holder.concealed}",
            "kvferry bridge keys DIR --for verify,import,values,kv",
        )
    alone = run_id("cleanup", work.source.address, "", work.prefixes)
    if any(work.desk.ledger.tasks(mine, "cleanup") for mine in (work.migration, alone)):
        raise ConfigError("keys of KV were cleaned up: nothing is written into it again", "leave KV as it is")
    assert work.asking is not None, "nothing is refused before somebody can be asked"
    work.asking.expect_later()


def keys(work: Work, after: Key | None) -> Iterator[Key]:
    """The keys that KV is to be right about, behind `after`, in key order."""
    return (row.key for row in _rows(work, after))


def _rows(work: Work, after: Key | None) -> Iterator[Row]:
    for prefix in work.prefixes:
        if after is not None and after > prefix and not after.startswith(prefix):
            continue
        behind = after if after is not None and after.startswith(prefix) else None
        rows = work.holder.rows_between(prefix, behind, None)
        yield from (row for row in rows if row.deleted or row.origin is Origin.APP)


def rehearse(work: Work) -> Tally:
    """What would be written, by one reading of both stores."""
    tally: Tally = Tally()
    rows = _rows(work, None)
    while some := list(islice(rows, PORTION)):
        tally[CANDIDATES] += len(some)
        puts, deletes = _needed(work, [row.key for row in some], tally)
        tally[WRITTEN] += len(puts)
        tally[EMPTIED] += len(deletes)
    return tally


def perform(work: Work, target: Target, task: Task, mine: Claim) -> None:
    """Do it, from where an earlier process left off; what became of the keys is in `work.tally`."""
    assert work.open_writer is not None, "whoever refreshes KV has it opened"
    desk = work.desk
    writer, work.tally = work.open_writer(), task.tally
    position = dict(task.position)
    desk.progress.start("refresh")
    try:
        with holding(target, mine):
            rows = _rows(work, position.get("after"))
            while some := list(islice(rows, PORTION)):
                tally = Tally({CANDIDATES: len(some)})
                _portion(work, target, writer, [row.key for row in some], tally)
                position["after"] = some[-1].key
                work.tally = desk.ledger.commit_step(task.id, position, tally).tally
                desk.progress.reach(work.tally[CANDIDATES])
                desk.waits.over()
    finally:
        desk.progress.finish()


def _portion(work: Work, target: Target, writer: Writable, some: Sequence[Key], tally: Tally) -> None:
    """Write what is needed for these keys; what KV did not take is read and tried again."""
    todo: Sequence[Key] = some
    why: dict[Key, Reason] = {}
    for _ in range(_TRIES):
        target.heartbeat()  # whoever lost the lease writes nothing
        puts, deletes = _needed(work, todo, tally)
        until = work.desk.settings.clock.now() + NOT_AFTER
        records, moved = _records(work, puts)
        results: dict[Key, Reason | None] = dict(writer.put(records, until)) if records else {}
        if deletes:
            results.update(writer.delete(deletes, until))
        gone = set(deletes)
        again = list(moved)
        for key, reason in results.items():
            if reason is None:
                tally[EMPTIED if key in gone else WRITTEN] += 1
            elif reason is Reason.EXPIRING:
                tally[EXPIRING] += 1
            elif reason in _AGAIN:
                why[key] = reason
                again.append(key)
            else:
                work.failed(key, str(reason))
                tally[Outcome.FAILED] += 1
        todo = sorted(again)
        if not todo:
            return
    for key in todo:
        if key in why:
            work.failed(key, str(why[key]))
            tally[Outcome.FAILED] += 1
        else:
            tally[CHANGED] += 1


def _needed(work: Work, some: Sequence[Key], tally: Tally) -> tuple[dict[Key, Row], list[Key]]:
    """Which rows are to be put, and which keys deleted; the others are counted."""
    rows = work.holder.rows(some)
    answers = read_all(work.source, some)
    now = work.desk.settings.clock.now() + work.source.skew
    puts: dict[Key, Row] = {}
    deletes: list[Key] = []
    for key in some:
        row, answer = rows.get(key), answers[key]
        if row is None or not (row.deleted or row.origin is Origin.APP):
            tally[CHANGED] += 1
        elif isinstance(answer, Unreadable):
            work.failed(key, answer.reason)
            tally[Outcome.FAILED] += 1
        elif (said := _settled(row, answer, now)) is not None:
            tally[said] += 1
        elif row.deleted:
            deletes.append(key)
        else:
            puts[key] = row
    return puts, deletes


def _settled(row: Row, answer: Answer, now: float) -> str | None:
    """Why nothing need be written, or could be; None: it is to be."""
    if row.deleted:
        return AGREES if answer is None else None
    if expired(row.expiration, now):
        return EXPIRED
    if isinstance(answer, Record) and same(answer, row):
        return AGREES
    return EXPIRING if expired(row.expiration, now + SOONEST) else None


def _records(work: Work, puts: Mapping[Key, Row]) -> tuple[list[Record], list[Key]]:
    """What is to be put, with the values, as the session store would put it; and what is gone since."""
    shown = work.holder.shown(list(puts)) if puts else {}
    namespace: str | None = getattr(work.holder, "namespace", None)
    where = None if namespace is None else f"{work.stage}@{namespace}"
    records: list[Record] = []
    moved: list[Key] = []
    for key in puts:
        # A newer one is as right. A tombstone is read again, and so is a row that was given back to KV.
        found = shown.get(key)
        if found is None or found.origin is not Origin.APP or not isinstance(found.value, bytes):
            moved.append(key)
            continue
        stamp = Stamp(found.expiration, digest_text(found.value), found.version, where)
        metadata, _ = stamped(found.metadata, stamp)
        records.append(Record(key, found.value, metadata, found.expiration))
    return records, moved
