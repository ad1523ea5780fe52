"""What time does in the model to one session: a tick, and a day."""

from __future__ import annotations

from tests.model.rules import Rules
from tests.model.world import NOTHING, Record, Row, Session, Sweep


def tick(session: Session, rules: Rules) -> Session:
    """Stale reads and what is on its way grow older; what had its time is over."""
    old = tuple((record, age + 1) for record, age in session.old if age < rules.stale)
    imported = session.imported
    if imported is not None:
        value, left, age = imported
        over = age >= rules.wait and rules.imports_end
        imported = None if over else (value, left, min(rules.wait, age + 1))
    return session._replace(
        old=old,
        ops=() if rules.halves_end else session.ops,
        imported=imported,
        sweep=_older(session.sweep, rules),
        back=_older(session.back, rules),
    )


def _older(sweep: Sweep | None, rules: Rules) -> Sweep | None:
    if sweep is None or (sweep.step == "apply" and sweep.age >= rules.wait and rules.imports_end):
        return None  # it comes too late
    return sweep._replace(age=min(rules.wait, sweep.age + 1))


def day(session: Session, rules: Rules) -> Session:
    """Everything has a unit less to live, and so many ticks have passed that all is settled."""
    for _ in range(rules.wait + 1):
        session = tick(session, rules)
    imported = session.imported
    if imported is not None:
        value, left, age = imported
        imported = (value, left - 1, age) if left > 1 else None
    kv, row = session.looked
    return session._replace(
        kv=_shorter(session.kv),
        old=(),
        row=_shorter_row(session.row),
        ops=tuple(op._replace(left=max(0, op.left - 1)) for op in session.ops),
        imported=imported,
        sweep=_day_older(session.sweep),
        back=_day_older(session.back),
        looked=((_shorter(kv[0]),) if kv else (), (_shorter_row(row[0]),) if row else ()),
        life=max(0, session.life - 1),
    )


def _shorter(record: Record) -> Record:
    value, left = record
    return (value, left - 1) if left > 1 else NOTHING


def _shorter_row(row: Row | None) -> Row | None:
    return row and row._replace(left=max(0, row.left - 1))


def _day_older(sweep: Sweep | None) -> Sweep | None:
    """What is ready to be applied is refused by now; and what was read has expired, or has not."""
    if sweep is None or sweep.step == "apply" or (sweep.read != NOTHING and _shorter(sweep.read) == NOTHING):
        return None
    return sweep._replace(row=_shorter_row(sweep.row), read=_shorter(sweep.read))
