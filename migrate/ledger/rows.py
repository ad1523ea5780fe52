"""How differences, errors and skips lie in their tables: the statements and the conversions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from migrate.core.comparing import Kind
from migrate.core.difference import Difference, Proof, Seen, State
from migrate.core.record import NEVER, UNKNOWN, Expiration, Key, Lasting
from migrate.ledger.book import from_json

COLUMNS = "key, kind, state, fields, source, target, first_seen, last_seen, changed_at, due_at, rounds"

INSERT_DIFFERENCE = f"""
    INSERT INTO differences (verify, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (verify, key) DO UPDATE SET
        kind = excluded.kind, state = excluded.state, fields = excluded.fields,
        last_seen = max(last_seen, excluded.last_seen),
        changed_at = iif(source IS excluded.source AND target IS excluded.target,
                         changed_at, excluded.changed_at),
        due_at = iif(source IS excluded.source AND target IS excluded.target, due_at, excluded.due_at),
        source = excluded.source, target = excluded.target,
        rounds = max(rounds, excluded.rounds)
"""  # noqa: S608 (only our own column names)
"""In SQLite the right-hand sides of SET all see the row as it was."""

REPLACE_DIFFERENCE = f"""
    INSERT INTO differences (verify, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (verify, key) DO UPDATE SET
        kind = excluded.kind, state = excluded.state, fields = excluded.fields,
        source = excluded.source, target = excluded.target,
        first_seen = min(first_seen, excluded.first_seen), last_seen = excluded.last_seen,
        changed_at = excluded.changed_at, due_at = excluded.due_at, rounds = excluded.rounds
"""  # noqa: S608 (only our own column names)

INSERT_ERROR = "INSERT OR REPLACE INTO read_errors VALUES (?, ?, ?, ?, ?)"

INSERT_SKIP = "INSERT OR REPLACE INTO skips VALUES (?, ?, ?, ?)"


def difference_row(verify: int, one: Difference) -> tuple[object, ...]:
    """The row of a difference, for the statements above."""
    return (
        verify,
        one.key,
        one.kind.value,
        one.state.value,
        orjson.dumps(one.fields).decode(),
        _seen_to_json(one.source),
        _seen_to_json(one.target),
        one.first_seen,
        one.last_seen,
        one.changed_at,
        one.due_at,
        one.rounds,
    )


def difference(row: Sequence[Any]) -> Difference:
    """The difference of a row with COLUMNS."""
    key, kind, state, fields, source, target, first_seen, last_seen, changed_at, due_at, rounds = row
    return Difference(
        key=Key(key),
        kind=Kind(kind),
        source=_seen_from_json(source),
        target=_seen_from_json(target),
        first_seen=first_seen,
        last_seen=last_seen,
        changed_at=changed_at,
        due_at=due_at,
        rounds=rounds,
        state=State(state),
        fields=tuple(from_json(fields)),
    )


def _seen_to_json(seen: Seen | None) -> str | None:
    if seen is None:
        return None
    expiration = seen.expiration.value if isinstance(seen.expiration, Lasting) else seen.expiration
    return orjson.dumps(
        {
            "digest": seen.digest,
            "size": seen.size,
            "expiration": expiration,
            "metadata": seen.metadata,
            "version": seen.version,
            "origin": seen.origin,
            "proof": seen.proof,
            "marked": seen.marked,
        }
    ).decode()


_LASTING: dict[object, Expiration] = {"never": NEVER, "unknown": UNKNOWN}


def _seen_from_json(text: str | None) -> Seen | None:
    if text is None:
        return None
    seen = from_json(text)
    expiration = seen["expiration"]
    seen["proof"] = Proof(seen["proof"]) if seen.get("proof") else None
    seen["expiration"] = _LASTING.get(expiration, expiration)
    return Seen(**seen)
