"""One state for all that cannot be told apart: what can have no effect any more is forgotten.

Each line holds only under the rules that it names; without one of them nothing is forgotten there.
"""

from __future__ import annotations

from tests.model.rules import Rules
from tests.model.world import DUAL, FIRST, ONLY, SHADOW, UNANSWERED, Op, Session, Shared, bit


def canonical(session: Session, rules: Rules) -> Session:
    """The state that stands for this one."""
    ops, sweep, back, imported = session.ops, session.sweep, session.back, session.imported
    dead, life = session.dead, session.life
    row = session.row
    if session.deleted >= 2:
        dead = 0  # whatever is served breaks the contract
    if session.deleted:
        life = 0
    if ops:
        ops = tuple(sorted([one for op in ops if (one := _op(op, dead, rules))]))
    if imported is not None and row is not None and rules.imports_insert_if_absent and rules.the_end_waits:
        imported = None
    if sweep is not None and rules.a_sweep_compares_versions and sweep.step != "read row" and not sweep.same:
        sweep = None
    if back is not None and not back.same and back.step == "read KV":
        back = None  # it has written what it was to write, and ends without an effect
    touched = session.touched and (dead & bit(session.kv[0]) != 0 or session.deleted == 3)
    return session._replace(
        ops=ops, sweep=sweep, back=back, imported=imported, dead=dead, life=life, touched=touched
    )


def _op(op: Op, dead: int, rules: Rules) -> Op | None:
    if op.kind == "touch" and op.stage == SHADOW and not op.same and rules.a_shadow_touch_compares_and_sets:
        late = op.late & ~1
        if op.step in ("object", "read KV"):
            return None  # the object will refuse it
        op = op._replace(late=late)
    if not op.step:
        if not op.late:
            return None
        same = op.same and op.kind == "touch" and op.stage == SHADOW
        stage = (
            op.stage if op.kind == "touch" and op.stage >= SHADOW else (DUAL if op.stage < FIRST else FIRST)
        )
        if op.kind == "delete":
            stage = DUAL
        return op._replace(before=0, done=False, same=same, stage=stage)
    if op.answer != UNANSWERED:
        return op._replace(before=0, done=False)
    return op._replace(before=op.before & ~dead)


def _stage(op: Op) -> int:
    """Of late halves of this kind, the first stage that has the same."""
    if op.kind == "delete":
        return DUAL
    if op.kind == "touch" and op.stage >= SHADOW:
        return op.stage
    return DUAL if op.stage < FIRST else FIRST


def canonical_shared(now: Shared) -> Shared:
    """How long ago an isolate was seen is asked for at two places only."""
    asked = now.everywhere(SHADOW) or now.everywhere(ONLY)
    return now if asked or now.gone == 0 else now._replace(gone=0)
