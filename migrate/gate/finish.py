"""The end of a migration as a call: check the verdict, then tell the target that nothing comes any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate import addresses
from migrate.addresses import DumpAddress
from migrate.confirming import Confirmed, Say, confirm, dry, name_of
from migrate.core.document import command, iso, moment, naming
from migrate.core.gate.verdict import Door
from migrate.core.ports import Holder
from migrate.desk import Desk, desk_of
from migrate.errors import ConfigError, Exit
from migrate.formats.figures import clean
from migrate.formats.progress import Progress
from migrate.gate.bundle import Bundle
from migrate.gate.presented import presented
from migrate.gate.still import Still
from migrate.gate.using import Refusal, Use
from migrate.opening import Settings

FINISHED = "finished"
"""The kind of the ledger's document about it."""

_EFFECTS = (
    "nothing is imported, replaced or buried in the target any more: no export, no repair",
    "sessions that have expired, and logouts that need not be remembered, may be forgotten",
    "there is no way back to a stage that reads KV",
)


@dataclass(frozen=True, slots=True)
class Finish:
    """What is asked for. `verdict`, `evidence`: files, None: the ledger's. `confirmed` gives the name that
    was typed or passed, for the one of the source."""

    source: str
    target: str
    prefixes: Sequence[str]
    settings: Settings
    execute: bool
    confirmed: Confirmed
    verdict: Path | None = None
    evidence: Path | None = None

    @property
    def stores(self) -> str:
        """The options that name both stores."""
        return naming(self.source, self.target, self.prefixes, self.settings.typed())

    def again(self, verb: str, **options: object) -> str:
        """A command for the same stores."""
        typed = {**self.settings.typed(), **options}
        return command(verb, self.source, self.target, self.prefixes, typed)


def finish(wish: Finish, say: Say, progress: Progress | None = None) -> Exit:
    """Check the verdict on cleanup, and with `execute` end the migration.

    A target that is finished already needs no verdict: to finish it again only completes what was broken off.
    Raises ConfigError without a confirmation and for a store that has no end; GoneBack when an earlier stage
    was at work since the verdict; StoreError.
    """
    if isinstance(addresses.parse(wish.target), DumpAddress):
        raise ConfigError("a dump cannot be finished: nothing is copied into it", "name the target")
    with desk_of(wish.settings, progress) as desk:
        source = desk.opener.source(wish.source).address
        holder = desk.opener.holder(wish.target)
        since = holder.finished_since()
        digest, still = None, None
        if since is None:
            now = wish.settings.clock.now()
            use = Use(Door.CLEANUP, source, holder.address, wish.prefixes, now, wish.stores)
            found = presented(desk, use, wish.verdict, wish.evidence)
            if isinstance(found, Refusal):
                say(f"FAILED  verdict  {clean(found.said)}")
                say(f"        → {clean(found.todo)}")
                return found.exit
            digest, still = found["evidence_digest"], Still(desk, found, wish.target, use.ask)
            still.expect()
            say(
                f"ok      verdict  cleanup is open, by {len(found['evidence'])} documents; until"
                f" {found['expires']['iso']}"
            )
        else:
            say(f"note    target   it has been finished since {iso(since)}; nothing of it can be undone")
        name = name_of(source)
        if not wish.execute:
            _dry(wish, name, say)
            return Exit.CLEAN
        confirm(name, wish.confirmed)
        if still is not None:
            still.expect()  # whoever is asked for a name may answer tomorrow
        since = _end(wish, desk, holder)
        mine = Bundle(source, holder.address, tuple(wish.prefixes)).migration
        desk.ledger.add_evidence(mine, FINISHED, {"since": moment(since), "evidence_digest": digest})
        say(f"finished {clean(holder.address)}, as of {iso(since)}")
        return Exit.CLEAN


def _end(wish: Finish, desk: Desk, holder: Holder) -> float:
    """Tell the target; returns since when it is so, Unix seconds."""
    target = desk.opener.target(wish.target)
    desk.progress.say("the target is told; what is on its way to it is waited for")
    target.finish()
    since = holder.finished_since()
    assert since is not None, "a target that was told says so"
    return since


def _dry(wish: Finish, name: str, say: Say) -> None:
    given = {"verdict": wish.verdict, "evidence": wish.evidence}
    dry(_EFFECTS, wish.again("finish", **given, execute=True, name=name), say)
