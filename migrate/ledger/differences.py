"""Differences on their way to being believed: which are due, what became of them, how many there are.

Reads of hundreds of thousands of differences go in batches by key, so memory does not grow with them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from migrate.core.comparing import ALIKE, Kind
from migrate.core.difference import AGES, Aged, Difference, ReadError, Reread, Side, Skip, State
from migrate.core.record import Key
from migrate.ledger.rows import COLUMNS, INSERT_ERROR, REPLACE_DIFFERENCE, difference, difference_row
from migrate.ledger.verifies import VerifyBook, VerifyId


class DifferenceBook(VerifyBook):
    """The tables differences, read_errors and skips."""

    def due(self, verify: VerifyId, now: float, limit: int) -> list[Difference]:
        """Up to `limit` open differences whose time to be read again has come, longest due first."""
        rows = self._rows(
            f"""SELECT {COLUMNS} FROM differences WHERE verify = ? AND state = 'open' AND due_at <= ?
                ORDER BY due_at, key LIMIT ?""",  # noqa: S608 (only our own column names)
            (verify, now, limit),
        )
        return [difference(row) for row in rows]

    def next_due(self, verify: VerifyId) -> float | None:
        """When the next open difference is to be read again (Unix seconds); None: none is open."""
        rows = self._rows(
            "SELECT min(due_at) FROM differences WHERE verify = ? AND state = 'open'", (verify,)
        )
        return None if rows[0][0] is None else float(rows[0][0])

    def settle(
        self,
        verify: VerifyId,
        results: Iterable[Difference],
        errors: Iterable[ReadError] = (),
        resolved: Iterable[Key] = (),
    ) -> None:
        """Save what re-reading made of differences, in one transaction.

        Each result takes the place of what was known of its key (`first_seen` stays). `errors`
        are keys that could not be read this time, `resolved` keys whose earlier read error no
        longer holds.
        """
        with self._transaction() as db:
            self._must_hold(db, verify)
            db.executemany(REPLACE_DIFFERENCE, (difference_row(verify, one) for one in results))
            db.executemany(
                "DELETE FROM read_errors WHERE verify = ? AND key = ?", ((verify, key) for key in resolved)
            )
            db.executemany(INSERT_ERROR, ((verify, e.key, e.side, e.reason, e.at) for e in errors))

    def differences(
        self,
        verify: VerifyId,
        states: Sequence[State] = tuple(State),
        limit: int = 1000,
        *,
        kinds: Iterable[Kind] | None = None,
        after: Key | None = None,
    ) -> list[Difference]:
        """Up to `limit` differences in these states (and of these classes), in key order behind `after`."""
        wanted = tuple(Kind) if kinds is None else tuple(kinds)
        rows = self._rows(
            f"""SELECT {COLUMNS} FROM differences WHERE verify = ? AND key > ?
                AND state IN ({_marks(states)}) AND kind IN ({_marks(wanted)})
                ORDER BY key LIMIT ?""",  # noqa: S608 (only our own column names and question marks)
            (verify, after or "", *states, *wanted, limit),
        )
        return [difference(row) for row in rows]

    def each_difference(
        self, verify: VerifyId, states: Sequence[State] = tuple(State), kinds: Iterable[Kind] | None = None
    ) -> Iterator[Difference]:
        """All of them in key order, read in batches; those of keys behind may change meanwhile."""
        wanted = None if kinds is None else tuple(kinds)
        batch = self.differences(verify, states, kinds=wanted)
        while batch:
            yield from batch
            batch = self.differences(verify, states, kinds=wanted, after=batch[-1].key)

    def counts(self, verify: VerifyId) -> dict[str, Counter[str]]:
        """How many differences there are, by class, then by state."""
        found: dict[str, Counter[str]] = {}
        for kind, state, count in self._rows(
            "SELECT kind, state, count(*) FROM differences WHERE verify = ? GROUP BY kind, state", (verify,)
        ):
            found.setdefault(kind, Counter())[state] = count
        return found

    def ages(self, verify: VerifyId) -> list[Aged]:
        """How long what is settled, or not yet, has been known, counted by class and state.

        It is known since the first of the run's verifies, without a gap, that found it; differences are
        kept of a few verifies only, so what is older counts as old as these.
        """
        rows = self._rows(
            """WITH RECURSIVE mine AS (SELECT run, number FROM verifies WHERE id = ?),
               earlier AS (SELECT v.id, v.number FROM verifies v JOIN mine ON v.run = mine.run
                           WHERE v.number <= mine.number),
               known (key, kind, state, last_seen, first_seen, number) AS (
                   SELECT d.key, d.kind, d.state, d.last_seen, d.first_seen, mine.number
                   FROM differences d, mine WHERE d.verify = ? AND d.state IN ('open', 'settled', 'unsettled')
                   UNION ALL
                   SELECT known.key, known.kind, known.state, known.last_seen, d.first_seen, earlier.number
                   FROM known JOIN earlier ON earlier.number = known.number - 1
                   JOIN differences d ON d.verify = earlier.id AND d.key = known.key
                   WHERE d.state IN ('open', 'settled', 'unsettled'))
               SELECT kind, state, (SELECT min(value) FROM json_each(?) WHERE value >= age) AS up_to,
                      count(*)
               FROM (SELECT kind, state, last_seen - min(first_seen) AS age FROM known GROUP BY key)
               GROUP BY kind, state, up_to ORDER BY kind, state, up_to IS NULL, up_to""",
            (verify, verify, json.dumps(AGES)),
        )
        return [Aged(Kind(kind), State(state), up_to, keys) for kind, state, up_to, keys in rows]

    def rereadings(self, verify: VerifyId) -> list[Reread]:
        """How many are in which state after how many readings."""
        rows = self._rows(
            """SELECT rounds + 1, state, count(*) FROM differences WHERE verify = ?
               GROUP BY rounds, state ORDER BY rounds, state""",
            (verify,),
        )
        return [Reread(readings, State(state), keys) for readings, state, keys in rows]

    def proofs(self, verify: VerifyId) -> Counter[str]:
        """How many of them were compared by what, where both sides have a value."""
        rows = self._rows(
            """SELECT coalesce(json_extract(target, '$.proof'), 'bytes'), count(*) FROM differences
               WHERE verify = ? AND source IS NOT NULL AND json_extract(target, '$.digest') IS NOT NULL
               GROUP BY 1""",
            (verify,),
        )
        return Counter(dict(rows))

    def undecided(self, verify: VerifyId) -> int:
        """How many count against the copy because their value was not shown: the JSON may be the same."""
        rows = self._rows(
            """SELECT count(*) FROM differences
               WHERE verify = ? AND kind IN ('value', 'legacy', 'legacy_stale')
               AND state IN ('open', 'settled', 'unsettled')
               AND EXISTS (SELECT 1 FROM json_each(fields) WHERE value = 'value')
               AND json_extract(target, '$.proof') = 'digest'""",
            (verify,),
        )
        return int(rows[0][0])

    def legacy_equal(self, verify: VerifyId) -> int:
        """How many rows from before kvferry differed at first, and no more at the last reading."""
        alike = json.dumps(sorted(ALIKE))
        rows = self._rows(
            """SELECT count(*) FROM differences WHERE verify = ? AND state = 'healed'
               AND json_extract(target, '$.origin') = 'legacy'
               AND kind IN (SELECT value FROM json_each(?))""",
            (verify, alike),
        )
        return int(rows[0][0])

    def unmarked(self, verify: VerifyId) -> int:
        """How many settled ones the source has in a state that no session store wrote."""
        rows = self._rows(
            """SELECT count(*) FROM differences WHERE verify = ? AND state = 'settled'
               AND source IS NOT NULL AND NOT coalesce(json_extract(source, '$.marked'), 0)""",
            (verify,),
        )
        return int(rows[0][0])

    def error_counts(self, verify: VerifyId) -> Counter[str]:
        """How many keys could not be read, by side."""
        rows = self._rows("SELECT side, count(*) FROM read_errors WHERE verify = ? GROUP BY side", (verify,))
        return Counter(dict(rows))

    def read_errors(self, verify: VerifyId, limit: int = 1000) -> list[ReadError]:
        """Up to `limit` read errors, in key order."""
        rows = self._rows(
            """SELECT key, side, reason, at FROM read_errors WHERE verify = ?
               ORDER BY key, side LIMIT ?""",
            (verify, limit),
        )
        return [ReadError(key, Side(side), reason, at) for key, side, reason, at in rows]

    def skip_count(self, verify: VerifyId) -> int:
        """How many keys were left out of the comparison."""
        return int(self._rows("SELECT count(*) FROM skips WHERE verify = ?", (verify,))[0][0])

    def skips(self, verify: VerifyId, limit: int = 1000) -> list[Skip]:
        """Up to `limit` keys that were left out, in key order."""
        rows = self._rows(
            "SELECT key, reason, at FROM skips WHERE verify = ? ORDER BY key LIMIT ?", (verify, limit)
        )
        return [Skip(*row) for row in rows]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
