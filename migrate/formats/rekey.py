"""The report on a rekeying: what was copied, what a second look found, what was deleted, what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core import rekeying
from migrate.core.document import Document, envelope, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import LISTED, Tally
from migrate.core.record import Key
from migrate.core.rekeying import OF_OLD, Step, Twin, Wrote
from migrate.errors import Exit
from migrate.formats.figures import clean, count, duration, named, plural
from migrate.formats.samples import samples

NAME = "rekey-report"
VERSION = 1

BESIDE = (Step.FOLLOW, Step.FOLLOWING, Step.ALONE)
"""Counted beside the equation: new names without an old one."""

_LABELS: Mapping[str, str] = {
    Step.COPY: "missing under the new name",
    Step.UPDATE: "behind",
    Step.EQUAL: "equal",
    Step.WAIT: "not visible yet",
    Step.CONFLICT: "in conflict",
    Step.GONE: "gone meanwhile",
    Step.UNREAD: "unreadable",
    Step.FOLLOW: "logged out, copy deleted",
    Step.FOLLOWING: "absent once, looked at again later",
    Step.ALONE: "new names that kvferry did not write",
    Wrote.COPIED: "copied",
    Wrote.UPDATED: "updated",
    Wrote.EXPIRING: "about to expire",
    Wrote.FAILED: "failed",
    Twin.DELETED: "deleted",
    Twin.READY: "would be deleted",
    Twin.LONE: "kept: no twin",
    Twin.BEHIND: "kept: newer than its twin",
    Twin.UNSURE: "kept: an unknown twin",
    Twin.UNREAD: "kept: unreadable",
}


@dataclass(frozen=True, slots=True)
class RekeyFacts:
    """What a rekeying knows when it ends, well or not. Times are Unix seconds.

    `copied`: of the pass that writes (of a dry run: one that only looks), None when old names are deleted.
    `checked`: of the pass H later, that only looks. `deleted`: of the old names. `pending`: old names that
    are on their way to be deleted. `dump`: its file and how many records it holds.
    """

    source: str
    old: str
    new: str
    phase: str
    started: float
    finished: float
    settle: float
    dry_run: bool
    complete: bool
    next: str
    copied: Tally | None = None
    checked: Tally | None = None
    deleted: Tally | None = None
    pending: int = 0
    left: int | None = None
    dump: tuple[str, int] | None = None
    samples: Sequence[tuple[Key, str]] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    throttled: float = 0.0
    note: str = ""

    @property
    def balanced(self) -> bool:
        """Law 5, of every pass."""
        passes = all(rekeying.balanced(one) for one in (self.copied, self.checked) if one is not None)
        return passes and (self.deleted is None or self._deleted_balances(self.deleted))

    def _deleted_balances(self, tally: Tally) -> bool:
        return tally[LISTED] == sum(tally[name] for name in Twin) + self.pending

    @property
    def against(self) -> int:
        """How many keys speak against it."""
        passes = [one for one in (self.copied, self.checked) if one is not None]
        found = max((one[Step.CONFLICT] + one[Step.ALONE] for one in passes), default=0)
        if self.deleted is None:
            return found
        return found + sum(self.deleted[name] for name in (Twin.LONE, Twin.BEHIND, Twin.UNSURE))

    @property
    def exit(self) -> Exit:
        """A rekeying is finished when no old name is left: until then there is something to go on with."""
        if self.against:
            return Exit.AGAINST
        over = self.complete and self.phase == "delete" and not self.left and not self.pending
        unread = 0 if self.deleted is None else self.deleted[Twin.UNREAD] + self.deleted[Twin.FAILED]
        if self.dry_run and self.balanced:
            return Exit.CLEAN
        return Exit.CLEAN if over and self.balanced and not unread else Exit.UNFINISHED


def build_rekey(facts: RekeyFacts, fingerprints: Fingerprints) -> Document:
    """The rekey report, version 1."""
    shown, _ = samples(facts.samples, len(facts.samples), (facts.old, facts.new), fingerprints)
    state = "dry run" if facts.dry_run else "complete" if facts.complete else "unfinished"
    return {
        **envelope(NAME, VERSION),
        "source": facts.source,
        "old": facts.old,
        "new": facts.new,
        "phase": facts.phase,
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "settle_seconds": facts.settle,
        "state": state,
        "exit": int(facts.exit),
        "copied": _pass(facts.copied),
        "checked": _pass(facts.checked),
        "deleted": None
        if facts.deleted is None
        else {
            "listed": facts.deleted[LISTED],
            "tally": {name.value: facts.deleted[name] for name in Twin},
            "pending": facts.pending,
        },
        "left": facts.left,
        "balanced": facts.balanced,
        "against": facts.against,
        "dump": None if facts.dump is None else {"file": facts.dump[0], "records": facts.dump[1]},
        "samples": shown,
        "requests": dict(facts.requests),
        "throttled_seconds": round(facts.throttled, 3),
        "note": facts.note,
        "next": facts.next,
    }


def _pass(tally: Tally | None) -> Document | None:
    if tally is None:
        return None
    return {
        "listed": tally[LISTED],
        "tally": {str(name): tally[name] for name in OF_OLD},
        "beside": {str(name): tally[name] for name in BESIDE},
    }


# ---------------------------------------------------------------- text


def rekey_text(document: Document) -> str:
    """The rekey report."""
    verb = "copying" if document["phase"] == "copy" else "deleting old names"
    state = document["state"]
    head = f"{verb}: dry run, nothing was written" if state == "dry run" else f"{verb} is {state}"
    lines = [head, *named(_pairs(document)), ""]
    if document["copied"] is not None:
        lines.append(_equation(document["copied"]))
    if document["checked"] is not None:
        lines.append("looked at again: " + _equation(document["checked"]))
    if document["deleted"] is not None:
        lines.append(_equation(document["deleted"]))
    if not document["balanced"]:
        lines.append("THE ACCOUNT DOES NOT BALANCE: keep this report, and delete nothing.")
    if document["left"] is not None:
        lines.append(f"listed again: {plural(document['left'], 'old name')} left")
    for one in document["samples"]:
        lines.append(f"  {clean(one['fingerprint'])}  {clean(one['reason'])}")
    if document["note"]:
        lines += ["", *document["note"].splitlines()]
    return "\n".join([*lines, f"next: {document['next']}"]) + "\n"


def _equation(told: Document) -> str:
    parts = [f"{_LABELS.get(name, name)} {count(n)}" for name, n in told["tally"].items() if n]
    if told.get("pending"):
        parts.append(f"pending {count(told['pending'])}")
    line = f"listed {count(told['listed'])} = {' + '.join(parts) or '0'}"
    beside = [f"{_LABELS[name]} {count(n)}" for name, n in told.get("beside", {}).items() if n]
    return f"{line}; beside: {', '.join(beside)}" if beside else line


def _pairs(document: Document) -> list[tuple[str, str]]:
    started, finished = document["started"], document["finished"]
    pairs = [
        ("source", clean(document["source"])),
        ("names", f'"{clean(document["old"])}" to "{clean(document["new"])}"'),
        ("settle", duration(document["settle_seconds"])),
    ]
    if document["dump"] is not None:
        pairs.append(
            ("dump", f"{clean(document['dump']['file'])}, {plural(document['dump']['records'], 'record')}")
        )
    took = duration(finished["unix"] - started["unix"])
    pairs.append(("took", f"{took} ({started['iso']} to {finished['iso']})"))
    if document["requests"]:
        sent = ", ".join(f"{clean(kind)} {count(n)}" for kind, n in document["requests"].items())
        pairs.append(("requests", sent))
    return pairs
