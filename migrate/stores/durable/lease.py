"""The lease on the objects behind a bridge: a note that every write expects, and renews.

The note's version rises with each renewal, so an import that was sent under a lost lease is refused by
the object, whatever this process still believes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress

from migrate.bridge_keys import Scope
from migrate.core.ports import Claim
from migrate.errors import StoreUnavailable
from migrate.stores.durable import notes
from migrate.stores.durable.bridge import Bridge, Conflict
from migrate.stores.durable.pace import CHOKES
from migrate.stores.durable.wire import Document
from migrate.stores.leasing import LEASE_SECONDS, Held, dead, process_mark, taken

_TRIES = 4
"""How often a write is sent when only the version of our own lease was another."""

_FAREWELL = 10.0
"""Seconds that giving the lease back may take; one that is not given back ends by itself."""

EMPTY: Document = {
    "sweep": 0,
    "notAfter": None,
    "differing": "waiting_to_settle",
    "records": [],
    "replacements": [],
    "expect": [],
    "checkpoint": None,
    "notes": [],
    "forget": [],
}
"""An import that does nothing; its batch is to be named."""


class Lease:
    """One opening's lease. Not for several threads at once. `now`: the objects' time, Unix seconds."""

    def __init__(self, bridge: Bridge, now: Callable[[], float]) -> None:
        self._bridge = bridge
        self._now = now
        self._held: Held | None = None
        self._version: int | None = None  # of the note; None: not known

    def acquire(self, claim: Claim) -> None:
        """Take it, or raise StoreUnavailable that names the holder."""
        nonce = secrets.token_hex(8)
        for _ in range(_TRIES):
            found = notes.read(self._bridge, [notes.LEASE]).get(notes.LEASE)
            there, now = notes.lease_of(found), self._now()
            # Under the new nonce it is ours too: then only the answer to an earlier try was lost.
            ours = (nonce, self._held.nonce if self._held is not None else nonce)
            mine = there is not None and there.nonce in ours
            if there is not None and not mine and now < there.until and not dead(there, claim.host):
                raise taken(there, claim.host, now, self._bridge.address)
            since = there.since if there is not None and mine else now
            mark = process_mark(claim.pid)
            held = Held(nonce, claim.who, claim.host, claim.pid, mark, since, now + LEASE_SECONDS)
            version = 0 if found is None else found["version"]
            try:
                self._write(notes.lease_note(held), version)
            except Conflict:
                continue
            self._held, self._version = held, version + 1
            return
        raise StoreUnavailable(f"{self._bridge.address}: others take the lease as well", "try again")

    def release(self) -> None:
        """Give it back, if it is still ours and the bridge answers soon."""
        held, self._held, self._version = self._held, None, None
        if held is not None:
            with suppress(StoreUnavailable):
                self._free(held)

    def _free(self, held: Held) -> None:
        for _ in range(_TRIES):
            found = notes.read(self._bridge, [notes.LEASE], _FAREWELL).get(notes.LEASE)
            there = notes.lease_of(found)
            if found is None or there is None or there.nonce != held.nonce:
                return
            try:
                self._write(notes.lease_returned(self._now()), found["version"], _FAREWELL)
            except Conflict:  # a renewal of ours that had been given up came late
                continue
            return

    def bury(self, asked: Document) -> Document:
        """Ask for burials that happen only under this lease; raises as `send`."""
        return self._ask("bury", Scope.DELETE, asked)

    def revert(self, asked: Document) -> Document:
        """Ask that rows be KV's again, only under this lease; raises as `send`."""
        return self._ask("revert", Scope.KV, asked)

    def _ask(self, verb: str, scope: Scope, asked: Document) -> Document:
        for _ in range(_TRIES):
            version = self._find() if self._version is None else self._version
            self._version = None
            expect = [{"name": notes.LEASE, "version": version}]
            try:
                answer = self._bridge.ask(verb, scope, {**asked, "expect": expect})
            except Conflict:  # perhaps an earlier write of ours whose answer was lost
                continue
            self._version = version
            return answer
        raise self._lost()

    def send(
        self, batch: str, body: Document, expect: Sequence[Document] = (), *, renew: bool, large: bool = False
    ) -> Document:
        """Send an import that happens only under this lease, and renew it with that.

        `expect`: more notes and their versions; Conflict's index is that of these. `large`: it could
        be cut, and raises Choked when its answers break off. Raises StoreUnavailable when the lease was
        lost.
        """
        chokes = CHOKES if large else 0
        for _ in range(_TRIES):
            version = self._find() if self._version is None else self._version
            asked = {**EMPTY, **body, "batch": batch}
            asked["expect"] = [{"name": notes.LEASE, "version": version}, *expect]
            held = self._renewed()
            if renew:
                asked["notes"] = [notes.lease_note(held), *asked["notes"]]
            self._version = None  # whatever comes now, until the answer is there
            try:
                answer = self._bridge.ask("import", Scope.IMPORT, asked, chokes=chokes)
            except Conflict as conflict:
                if conflict.index > 0:
                    self._version = version
                    raise Conflict(conflict.index - 1) from None
                continue  # perhaps an earlier write of ours whose answer was lost
            # A batch that was done before renewed it then, and its version is not known.
            self._held = held
            if answer["outcomes"] is not None:
                self._version = version + renew
            return answer
        raise self._lost()

    def _renewed(self) -> Held:
        if self._held is None:
            raise StoreUnavailable(f"{self._bridge.address}: no lease is held", "run the same command again")
        return self._held._replace(until=self._now() + LEASE_SECONDS)

    def _find(self) -> int:
        """The version of the note, which must be ours."""
        found = notes.read(self._bridge, [notes.LEASE]).get(notes.LEASE)
        there = notes.lease_of(found)
        if found is None or there is None or there.nonce != self._renewed().nonce:
            raise self._lost()
        return int(found["version"])

    def _lost(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._bridge.address}: somebody else holds the lease now, nothing was written",
            "see who with kvferry status, then run the same command again",
        )

    def _write(self, note: Document, version: int, patience: float | None = None) -> None:
        asked = {**EMPTY, "batch": f"lease/{secrets.token_hex(8)}", "notes": [note]}
        asked["expect"] = [{"name": notes.LEASE, "version": version}]
        self._bridge.ask("import", Scope.IMPORT, asked, patience=patience)
