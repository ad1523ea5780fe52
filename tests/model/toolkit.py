"""The toolkit's steps in the model: export, sweep, gate's verify, going back; each read and write alone.

Any of them may end between two of its steps, killed or with nothing to do: what it knew is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.application import Named, imported
from tests.model.rules import Rules
from tests.model.world import (
    APP,
    BOTH,
    COPY,
    LEGACY,
    NOTHING,
    TTL,
    Record,
    Row,
    Session,
    Sweep,
    bit,
    put_kv,
    put_row,
    visible,
)

LATER = "an import gave a later expiration than it had read"

Breaking = tuple[str, Session, str]
"""A step's name, the session after it, and what of the contract the step itself breaks."""

# ---------------------------------------------------------------- export


def export(session: Session, rules: Rules, *, allowed: bool) -> Iterator[Breaking]:
    """Read KV, then insert what was read. `allowed`: may another import begin?"""
    if session.imported is not None:
        value, left, _ = session.imported
        rest = session._replace(imported=None)
        after = imported(rest, value, left, rules)
        later = after is not rest and after.row is not None and after.row.left > left
        yield "export: import", after, LATER if later else ""
        yield "export: ends", rest, ""
    elif allowed and (session.row is None or not (rules.imports_insert_if_absent and rules.the_end_waits)):
        # Over a row an import does nothing, and no row goes away while an import is on its way.
        for record in visible(session) - {NOTHING}:
            yield "export: read KV", session._replace(imported=(*record, 0)), ""


# ---------------------------------------------------------------- sweep


def sweep(session: Session, rules: Rules, *, fenced: bool, may_delete: bool) -> Iterator[Named]:
    """Read the row, then KV, and after H KV again; an equal pair is applied if the row is unchanged.

    `fenced`: a gate's verify has begun. `may_delete`: the last isolates that write KV alone have been gone
    for H.
    """
    row = session.row
    ours = row is not None and row.value != 0 and replaceable(row, rules)
    if session.sweep is not None:
        yield "sweep: ends", session._replace(sweep=None)
        if ours:
            yield from _swept(session, session.sweep, rules, fenced=fenced, may_delete=may_delete)
    elif ours and not fenced:
        if rules.a_sweep_reads_the_row_first:
            begun = Sweep("read KV", row, NOTHING, 0, same=True)
            yield "sweep: read row", session._replace(sweep=begun)
            return
        for record in visible(session):
            begun = Sweep("read row", None, record, 0, same=True)
            yield "sweep: read KV", session._replace(sweep=begun)


def replaceable(row: Row, rules: Rules) -> bool:
    """May a sweep write over a row of this origin?"""
    if row.origin == LEGACY:
        yields = rules.right == "kv" and rules.legacy_rows_of_kv_are_replaced
        return yields or not rules.legacy_rows_wait_for_the_word
    return row.origin != APP or not rules.a_sweep_leaves_app_rows


def _swept(session: Session, now: Sweep, rules: Rules, *, fenced: bool, may_delete: bool) -> Iterator[Named]:
    row = session.row
    sure = may_delete or not rules.a_sweep_waits_to_delete
    after = "read KV again" if rules.a_sweep_reads_twice else "apply"
    match now.step:
        case "read row" if now.read != record_of(row):
            yield "sweep: read row", session._replace(sweep=now._replace(step=after, row=row, same=True))
        case "read KV":
            for record in visible(session) - {record_of(now.row)}:
                if record == NOTHING and not sure:
                    continue  # an absence is only reported: what is seen now may be a write of KV alone
                yield "sweep: read KV", session._replace(sweep=now._replace(step=after, read=record, age=0))
        case "read KV again" if now.age >= rules.wait and now.read in visible(session):
            yield "sweep: read KV again", session._replace(sweep=now._replace(step="apply", age=0))
        case "apply":
            unchanged = now.same if rules.a_sweep_compares_versions else now.row == row
            if unchanged and not fenced:
                yield from _applied(session._replace(sweep=None), now, rules, sure=sure)


def _applied(session: Session, now: Sweep, rules: Rules, *, sure: bool) -> Iterator[Named]:
    row = session.row
    assert row is not None, "what is applied is applied to a row"
    if now.read != NOTHING:
        value, left = now.read
        if session.touched:
            session = session._replace(dead=session.dead & ~bit(value))  # KV is right, touched or not
        origin = COPY if row.origin == LEGACY else row.origin
        yield "sweep: apply", put_row(session, Row(value, left, origin))
    elif row.left and rules.a_sweep_deletes and sure:
        yield "sweep: bury", put_row(session, Row(0, TTL, COPY))


def record_of(row: Row | None) -> Record:
    """What of a row is served."""
    return (row.value, row.left) if row is not None and row.value and row.left else NOTHING


# ---------------------------------------------------------------- a gate's verify


def look(session: Session) -> Iterator[Named]:
    """Read both stores of a session, in either order."""
    kv, row = session.looked
    if not kv:
        for record in visible(session):
            yield "verify: read KV", session._replace(looked=((record,), row))
    if not row:
        yield "verify: read row", session._replace(looked=(kv, (session.row,)))


def agrees(session: Session, rules: Rules) -> bool | None:
    """Is there nothing against the gate in what was read? None: not all of it was."""
    kv, row = session.looked
    if not kv or not row:
        return None
    return _agree(kv[0], row[0], rules)


def _agree(read: Record, row: Row | None, rules: Rules) -> bool:
    if row is None:
        return read == NOTHING or rules.a_missing_row_does_not_shut_it
    if row.value == 0 or row.origin == APP:
        return True
    if row.origin == LEGACY and (rules.right == "target" or not rules.a_stale_legacy_row_shuts_the_gate):
        return True
    if read == NOTHING:
        return row.left == 0 or not rules.a_row_that_kv_lacks_shuts_the_gate
    return read == record_of(row) or not rules.a_difference_shuts_the_gate


def nothing_only_in_kv(session: Session) -> bool:
    """Rule 13: would a second verify find nothing that only KV has?"""
    return session.row is not None or visible(session) == {NOTHING}


# ---------------------------------------------------------------- going back


def rollback(session: Session, rules: Rules) -> Iterator[Named]:
    """From shadow-read to dual-write: write each app row to KV, see it settled, mark it dual; empty KV of
    the deleted."""
    now, row = session.back, session.row
    if now is None:
        chosen = row is not None and (row.value == 0 or row.origin == APP)
        if chosen or (row is not None and not rules.going_back_writes_app_rows_only):
            begun = Sweep("write KV", row, NOTHING, 0, same=True)
            yield "rollback: read row", session._replace(back=begun)
        return
    rest = session._replace(back=None)
    yield "rollback: ends", rest
    wanted = record_of(now.row)
    if now.step == "write KV":
        waits = session._replace(back=now._replace(step="read KV", age=0))
        yield "rollback: write KV", put_kv(waits, wanted)
    elif now.age >= rules.wait and now.same and visible(session) == {wanted}:
        if row is not None and row.value:
            yield "rollback: mark dual", put_row(rest, row._replace(origin=BOTH))
        else:
            yield "rollback: proven empty", rest


def may_go_back(session: Session, rules: Rules) -> bool:
    """Rule 15: is all of this session in KV, and nothing of a deleted one?"""
    row = session.row
    if row is not None and row.value == 0:
        return visible(session) == {NOTHING} or not rules.going_back_empties_kv_of_the_deleted
    return row is None or row.origin != APP or not rules.going_back_writes_kv


def may_be_read_from_kv(session: Session, rules: Rules) -> bool:
    """Is there no row that shadow-read would pass over for KV, and the operator says is right?"""
    row = session.row
    legacy = row is not None and row.origin == LEGACY and row.value != 0
    return not (legacy and rules.right == "target" and rules.legacy_rows_of_the_target_bar_the_way_back)
