"""The conditions of a rollback, each with what to do where it does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from migrate import addresses
from migrate.addresses import DurableAddress
from migrate.core.document import iso
from migrate.core.gate.asking import Asked
from migrate.core.gate.at_rest import Line, Word, ahead, at_rest
from migrate.core.gate.evidence import Evidence
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.errors import ConfigError, StoreUnavailable
from migrate.gate.bundle import of_ledger
from migrate.gate.exhibits import AUDIT, evidence
from migrate.gate.gathering import Gathering
from migrate.rollback.wish import Work
from migrate.stores.finishing import HINT

_EVERY = 60.0
"""Seconds between two questions of who is at work, while rows are given back."""


class Conditions:
    """Asks bridge and Cloudflare each time anew; what it hears first is kept as evidence, for the gates as
    well."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._asked_at = float("-inf")
        self._ahead = float("-inf")

    def lines(self, *, leased: bool = False) -> tuple[Line, ...]:
        """All of them. `leased`: the target's lease is our own."""
        work = self._work
        asked = self._asked(kept=not leased)
        work.horizon = max(work.wish.settle or 0.0, self._needed(asked))
        self._asked_at = work.now
        self._ahead = ahead(asked)
        return (
            *at_rest(asked, counted=self._counted, word=work.wish.stage),
            *self._target(leased=leased),
        )

    def expect(self, *, afresh: bool = False) -> None:
        """Raise unless all of them hold still; asked once a minute at most, unless `afresh`."""
        if self._work.now - self._asked_at < _EVERY and not afresh:
            return
        for line in self.lines(leased=True):
            if not line.holds:
                again = f"{line.todo}; then {self._work.wish.repeat(execute=True)}"
                raise StoreUnavailable(f"{line.name}: {line.said}", again)

    def expect_none_since(self, began: float) -> None:
        """Raise unless all of them hold, and nobody was at object-first since then (Unix seconds): whoever
        stood still for hours has seen neither them nor the rows that they made behind the reader."""
        self.expect(afresh=True)
        if self._ahead > began:
            again = self._work.wish.repeat(execute=True)
            raise StoreUnavailable("object-first was at work while rows were given back", again)

    @property
    def _counted(self) -> bool:
        return isinstance(addresses.parse(self._work.wish.target), DurableAddress)

    def _needed(self, asked: Asked) -> float:
        """H: of a source that can be stale never less than a gate would ask for."""
        stale = self._work.source.horizon
        return max(stale, asked.horizon) if stale else 0.0

    def _asked(self, *, kept: bool) -> Asked:
        work, ledger = self._work, self._work.desk.ledger
        with work.desk.apart() as desk:
            gathering = Gathering(desk, work.source, work.holder, work.wish.target, work.prefixes)
            found = list(gathering.exhibits(listed=False))
        for exhibit in found if kept else ():
            ledger.add_evidence(work.migration, exhibit.kind, exhibit.document, exhibit.at)
        known = of_ledger(ledger, work.source.address, work.holder.address, work.prefixes)
        heard: Evidence = evidence([*found, *(one for one in known.exhibits if one.kind == AUDIT)])
        # Who is at work is judged by H, not by how long a door wants a stage to have been everywhere.
        return Asked(Door.OBJECT_FIRST, heard, Policy(steady=0.0), work.now, work.wish.stores)

    def _target(self, *, leased: bool) -> Iterator[Line]:
        work = self._work
        since = work.holder.finished_since()
        if since is not None:
            yield Line("target", Word.FAILED, f"the migration is finished since {iso(since)}", HINT)
        else:
            yield Line("target", Word.OK, "the migration is not finished")
        until = None if leased else work.holder.leased_until()
        if until is not None and until > work.now:
            said = f"somebody writes to the target: a lease is held until {iso(until)}"
            yield Line("lease", Word.UNPROVEN, said, "let the export or the sweep end")
        else:
            yield Line("lease", Word.OK, "no export and no sweep is under way")
        if not leased:  # and these do not change meanwhile
            yield self._whole()
            yield self._writable()

    def _writable(self) -> Line:
        """Can KV be written, and is it the source?"""
        try:
            self._work.open_writer().close()
        except ConfigError as error:
            return Line("kv", Word.FAILED, error.message, error.hint or "")
        return Line(
            "kv", Word.OK, "a store that can be written; whether the token may is seen with the first write"
        )

    def _whole(self) -> Line:
        """Is it all of the sessions? A stage holds for every one of them."""
        address = addresses.parse(self._work.wish.target)
        if not isinstance(address, DurableAddress):
            return Line("prefix", Word.NOTE, "that these are all sessions is not known here")
        prefix = self._work.desk.opener.bridge(address).health().prefix
        if any(prefix.startswith(one) for one in self._work.prefixes):
            return Line("prefix", Word.OK, "these are all sessions of the bridge")
        said = "these are some of the bridge's sessions, and a stage holds for all"
        return Line("prefix", Word.FAILED, said, f"pass --prefix {prefix}")
