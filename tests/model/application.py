"""The application's steps in the model: put, touch, delete and the read fallback, half by half.

A step's name is the operation's verb, its stage, the half, and how the half ended. An operation begins with
its first half.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.rules import Rules
from tests.model.world import (
    APP,
    BOTH,
    COPY,
    DUAL,
    ERROR,
    FIRST,
    KV,
    KV_HALF,
    NOTHING,
    OBJECT_HALF,
    OK,
    SHADOW,
    STAGES,
    TTL,
    UNANSWERED,
    Op,
    Row,
    Session,
    answered,
    bit,
    put_kv,
    put_row,
    visible,
)

Named = tuple[str, Session]

GONE, REFUSED, MISSING = "gone", "refused", "missing"

AGAIN = "login under a deleted id"


def begun(session: Session, stage: int, values: int, rules: Rules, *, early: bool) -> Iterator[Named]:
    """The first step of every operation that an isolate of this stage may begin. `early`: the gate is not
    open."""
    for ready, op in beginnings(session, stage, values, rules, early=early):
        yield from proceed(ready, op, rules, early=early)


def beginnings(
    session: Session, stage: int, values: int, rules: Rules, *, early: bool
) -> Iterator[tuple[Session, Op]]:
    """Every operation that an isolate of this stage may begin, and the session that it meets."""
    before = answered(session, early=early)
    again = session.deleted > 0 and not rules.ids_are_not_used_again
    if session.born < values and (again or (session.deleted == 0 and _seen(session, stage))):
        value = session.born + 1
        op = _op("put" if session.deleted == 0 else AGAIN, stage, value, before)
        yield session._replace(born=value), op
    if session.deleted < 2:
        yield session, _op("delete", stage, 0, before)
    if stage <= SHADOW:
        step = "read row" if stage == SHADOW else "read KV"
        yield session, _op("touch", stage, 0, before)._replace(step=step)
    elif session.row is not None:
        yield session, _op("touch", stage, session.row.value, before)
    misses = session.row is None or not rules.an_error_is_no_miss_at_object_first
    if stage == FIRST and misses:
        yield session, _op("get", stage, 0, before)._replace(step="read KV")


def _seen(session: Session, stage: int) -> bool:
    """May a request have found the session alive? An id that has expired is not put again: a login has
    a new one."""
    row = session.row
    if row is not None and row.left and row.value and (stage >= FIRST or row.origin == APP):
        return True
    return stage <= FIRST and (row is None or stage < FIRST) and visible(session) != {NOTHING}


def _op(kind: str, stage: int, value: int, before: int) -> Op:
    step = "KV" if stage == KV else "object"
    return Op(kind, stage, step, value, TTL, before, same=False, done=False, late=0, answer=UNANSWERED)


def continued(session: Session, rules: Rules, *, early: bool) -> Iterator[Named]:
    """Every next step of the operations in flight."""
    for index, op in enumerate(session.ops):
        rest = session._replace(ops=session.ops[:index] + session.ops[index + 1 :])
        yield from following(rest, op, rules, early=early)


def following(session: Session, op: Op, rules: Rules, *, early: bool) -> Iterator[Named]:
    """Every next step of an operation that is not among the session's, what lands late included."""
    if op.step:
        yield from proceed(session, op, rules, early=early)
    for half, name in ((OBJECT_HALF, "object"), (KV_HALF, "KV")):
        if op.late & half:
            late = op._replace(late=op.late & ~half)
            landed = _object_half(session, op, rules)[0] if half == OBJECT_HALF else _kv_half(session, op)
            yield f"{_name(op)}: {name} half lands late", kept(landed, late)
            yield f"{_name(op)}: {name} half is lost", kept(session, late)


def _name(op: Op) -> str:
    return f"{op.kind} at {STAGES[op.stage]}"


def proceed(session: Session, op: Op, rules: Rules, *, early: bool) -> Iterator[Named]:
    """The next step of an operation that is not among the session's."""
    name = _name(op)
    match op.step:
        case "read row":
            yield from _read_row(session, op, name)
        case "read KV":
            for record in visible(session):
                yield f"{name}: reads KV", _read_kv(session, op, record, rules, early=early)
        case "import":
            yield f"{name}: import", imported(session, op.value, op.left, rules)
        case "object":
            yield from _object(session, op, name, rules)
        case "KV":
            yield from _kv(session, op, name, rules)


# ---------------------------------------------------------------- reading


def _read_row(session: Session, op: Op, name: str) -> Iterator[Named]:
    row = session.row
    if row is not None and row.value == 0:
        return
    if row is not None and row.origin == APP:
        if row.left:
            yield (
                f"{name}: reads row",
                kept(session, op._replace(step="object", value=row.value, same=True)),
            )
        return
    yield f"{name}: reads row", kept(session, op._replace(step="read KV", same=True))


def _read_kv(session: Session, op: Op, record: tuple[int, int], rules: Rules, *, early: bool) -> Session:
    if record == NOTHING:
        return session
    value, left = record
    if op.kind == "get":
        return kept(session, op._replace(step="import", value=value, left=left))
    row = session.row
    disputed = row is not None and row.left > 0 and row.value != value
    if disputed and op.stage == SHADOW and rules.a_shadow_touch_needs_agreement:
        return session
    if early:
        # What it writes is what it has read: a candidate again from now on, as in plain KV.
        ops = tuple([other._replace(before=other.before & ~bit(value)) for other in session.ops])
        session = session._replace(dead=session.dead & ~bit(value), ops=ops)
    return kept(session, op._replace(step="KV" if op.stage == KV else "object", value=value))


def imported(session: Session, value: int, left: int, rules: Rules) -> Session:
    """The object after an import, by whomever."""
    if session.row is not None and rules.imports_insert_if_absent:
        return session
    return put_row(session, Row(value, left if rules.imports_keep_the_expiration else TTL, COPY))


# ---------------------------------------------------------------- the object's half


def _object(session: Session, op: Op, name: str, rules: Rules) -> Iterator[Named]:
    after, ended = _object_half(session, op, rules)
    if ended:
        if ended != MISSING:
            yield f"{name}: object says {ended}", kept(after, op._replace(step=""))
        return
    done = op._replace(done=True)
    if op.stage >= FIRST:
        done = done._replace(answer=OK, step="KV" if op.stage == FIRST else "")
        yield f"{name}: object done", kept(acknowledged(after, done), done)
        failed = op._replace(answer=ERROR, step="")
    else:
        yield f"{name}: object done", kept(after, done._replace(step="KV"))
        stops = op.stage == SHADOW and op.kind != "delete" and rules.shadow_writes_need_the_object
        failed = op._replace(answer=ERROR, step="") if stops else op._replace(step="KV")
    yield f"{name}: object fails", kept(session, failed)
    yield f"{name}: object does not answer", kept(session, failed._replace(late=failed.late | OBJECT_HALF))


def _object_half(session: Session, op: Op, rules: Rules) -> tuple[Session, str]:
    """The object after this half, and why it did nothing, "" when it did."""
    row = session.row
    if op.kind == "delete":
        if row is None and not rules.a_delete_leaves_a_tombstone_where_there_is_no_row:
            return session, ""
        return (session if row is not None and row.value == 0 else put_row(session, Row(0, TTL, COPY))), ""
    if row is not None and row.value == 0 and rules.tombstones_are_final:
        return session, GONE
    if op.kind == "touch":
        if op.stage >= FIRST:
            if row is None or row.left == 0 or row.value == 0:
                return session, MISSING
            return put_row(session, Row(row.value, TTL, APP)), ""
        if op.stage == SHADOW and not op.same and rules.a_shadow_touch_compares_and_sets:
            return session, REFUSED
    origin = APP if op.stage >= FIRST or not rules.dual_writes_are_marked_dual else BOTH
    if row is not None and row.origin == APP and rules.app_rows_stay_app:
        origin = APP
    return put_row(session, Row(op.value, op.left, origin)), ""


# ---------------------------------------------------------------- KV's half


def _kv(session: Session, op: Op, name: str, rules: Rules) -> Iterator[Named]:
    after = _kv_half(session, op)
    done = op._replace(step="")
    if op.answer == OK:
        yield f"{name}: KV done", kept(after, done)
        yield f"{name}: KV fails", kept(session, done)
        yield f"{name}: KV does not answer", kept(session, done._replace(late=op.late | KV_HALF))
        return
    strict = op.stage == SHADOW or (op.kind == "delete" and op.stage == DUAL and rules.deletes_are_strict)
    if op.stage == SHADOW and op.kind != "delete" and not rules.shadow_writes_need_the_object:
        strict = False
    if op.stage == SHADOW and op.kind == "delete" and not rules.deletes_are_strict:
        strict = False
    failed = done._replace(answer=ERROR)
    if op.done or not strict:
        ok = done._replace(answer=OK)
        yield f"{name}: KV done", kept(acknowledged(after, ok), ok)
    else:
        yield f"{name}: KV done", kept(after, failed)
    if op.stage == SHADOW and op.done and not rules.shadow_writes_need_kv:
        ok = done._replace(answer=OK)
        yield f"{name}: KV fails", kept(acknowledged(session, ok), ok)
        return
    yield f"{name}: KV fails", kept(session, failed)
    yield f"{name}: KV does not answer", kept(session, failed._replace(late=op.late | KV_HALF))


def _kv_half(session: Session, op: Op) -> Session:
    record = NOTHING if op.kind == "delete" else (op.value, op.left)
    return put_kv(session, record, touched=op.kind == "touch")


# ---------------------------------------------------------------- answers


def acknowledged(session: Session, op: Op) -> Session:
    """What is owed to the user from now on: whatever had been answered before is not read any more."""
    dead = session.dead | (op.before & ~bit(op.value))
    if op.kind == "delete":
        dead = session.dead | op.before
        known = 3 if op.stage >= FIRST else 2 if op.stage >= DUAL else 1
        return session._replace(dead=dead, deleted=max(known, session.deleted))
    if op.kind == AGAIN:
        session = session._replace(deleted=0)
    life = max(session.life, op.left) if session.deleted == 0 else session.life
    return session._replace(dead=dead & ~bit(op.value), life=life)


def kept(session: Session, op: Op) -> Session:
    """The session with this operation among those in flight, unless all of it is over."""
    if op.kind == "delete" and session.deleted == 0:
        session = session._replace(deleted=1)
    if not op.step and not op.late:
        return session
    return session._replace(ops=tuple(sorted((*session.ops, op))))
