"""The status document: what the ledger remembers, and what the operator should type next."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.core.document import Document, command, envelope, moment
from migrate.core.partition import run_id
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import Run, RunKind, Sweep, SweepState
from migrate.ledger.tasks import TaskState
from migrate.ledger.verifies import Verify, VerifyState

NAME = "status"
_PARTIAL = {"sample", "recheck"}
_DOORS = {"object-first": "object-only", "object-only": "cleanup"}
"""The door that comes after a verify at this stage; after earlier ones it is the first."""
VERSION = 1


def status_document(ledger: Ledger, only: str | None = None) -> Document:
    """All runs, or the one whose id begins with `only`, the one used last first. No keys.

    Raises ConfigError when `only` fits none or several.
    """
    everything = ledger.runs()
    runs = everything if only is None else [ledger.run(only)]
    entries = [_entry(ledger, run, everything) for run in runs]
    return {
        **envelope(NAME, VERSION),
        "ledger": str(ledger.path),
        "runs": entries,
        "next": entries[0]["next"] if entries else "kvferry plan",
        "why": entries[0]["why"] if entries else "nothing has been exported or verified yet",
    }


def _entry(ledger: Ledger, run: Run, runs: Sequence[Run]) -> Document:
    sweeps = ledger.sweeps(run.id)
    verifies = ledger.verifies(run.id)
    step, why = _next(ledger, run, runs)
    return {
        "run": run.id,
        "kind": run.kind.value,
        "source": run.source,
        "target": run.target,
        "prefixes": list(run.prefixes),
        "created": moment(run.created_at),
        "last": moment(run.last_at),
        "lease": "unknown",  # it lies in the target, which status does not open
        "sweeps": [_sweep(sweep) for sweep in sweeps],
        "verifies": [_verify(ledger, verify) for verify in verifies],
        "evidence": len(ledger.evidence(run.id)),
        "next": step,
        "why": why,
    }


def _sweep(sweep: Sweep) -> Document:
    return {
        "number": sweep.number,
        "state": sweep.state.value,
        "started": moment(sweep.started_at),
        "finished": None if sweep.finished_at is None else moment(sweep.finished_at),
        "listed": sweep.tally["listed"],
        "listed_total": sweep.listed_total,
        "tally": {name: count for name, count in sorted(sweep.tally.items()) if name != "listed"},
        "note": sweep.note,
    }


def _verify(ledger: Ledger, verify: Verify) -> Document:
    return {
        "number": verify.number,
        "state": verify.state.value,
        "verdict": verify.verdict,
        "started": moment(verify.started_at),
        "finished": None if verify.finished_at is None else moment(verify.finished_at),
        "tally": dict(sorted(ledger.tally(verify.id).items())),
        "differences": {kind: dict(states) for kind, states in sorted(ledger.counts(verify.id).items())},
        "errors": dict(ledger.error_counts(verify.id)),
        "skipped": ledger.skip_count(verify.id),
        "note": verify.note,
    }


def _next(ledger: Ledger, run: Run, runs: Sequence[Run]) -> tuple[str, str]:
    """The next command for what this run copies or compares, and the reason."""
    same = [one for one in runs if _pair(one) == _pair(run)]
    sweep = max((s for r in same for s in ledger.sweeps(r.id)), key=_sweep_age, default=None)
    verify = max((v for r in same for v in ledger.verifies(r.id)), key=_verify_age, default=None)
    exporting = next((one for one in same if one.kind is RunKind.EXPORT), None)
    whole = (one for one in same if one.kind is RunKind.VERIFY and not _PARTIAL & one.options.keys())
    verifying = next(whole, None)
    export = command("export", *_pair(run), exporting.options if exporting else None)
    check = command("verify", *_pair(run), verifying.options if verifying else None)
    if exporting is not None and (sweep is None or sweep.state is not SweepState.COMPLETE):
        number = sweep.number if sweep else 1
        return export, f"sweep {number} is not complete: the same command goes on where it was"
    if verify is None or (sweep is not None and verify.started_at < (sweep.finished_at or 0)):
        return check, "the copy has not been verified since it was made"
    if verify.state is not VerifyState.COMPLETE:
        return check, f"verify {verify.number} is not complete: the same command goes on where it was"
    if verify.verdict == "differences" and (step := _repair(ledger, verify)):
        if _repaired_since(ledger, run, verify):
            return check, f"what verify {verify.number} found was repaired: verify again"
        return step, f"verify {verify.number} found what a repair mends"
    if verify.verdict == "differences":
        return export, f"verify {verify.number} found differences: another sweep, then verify again"
    if verify.verdict == "clean" and run.target.startswith("do+"):
        stage = verifying.options.get("stage") if verifying else None
        ask = command("gate", *_pair(run), {"for": _DOORS.get(str(stage), "object-first")})
        return ask, f"verify {verify.number} was clean; ask what the next door still lacks"
    if verify.verdict == "clean":
        return check, f"verify {verify.number} was clean; verify again after more writes"
    return check, f"verify {verify.number} proved nothing: verify again"


def _repair(ledger: Ledger, verify: Verify) -> str:
    """The repair that the verify's own report names; "": it names none."""
    told = [
        str(one.document["next"])
        for one in ledger.evidence(verify.run)
        if one.kind == "verify-report" and one.document["number"] == verify.number
    ]
    return told[-1] if told and told[-1].startswith("kvferry repair ") else ""


def _repaired_since(ledger: Ledger, run: Run, verify: Verify) -> bool:
    mine = run_id("gate", run.source, run.target, run.prefixes)
    return any(
        task.kind.startswith("repair-")
        and task.state is TaskState.COMPLETE
        and task.started_at >= (verify.finished_at or 0.0)
        for task in ledger.tasks(mine)
    )


def _pair(run: Run) -> tuple[str, str, tuple[str, ...]]:
    return run.source, run.target, run.prefixes


def _sweep_age(sweep: Sweep) -> tuple[float, int]:
    return sweep.started_at, sweep.number


def _verify_age(verify: Verify) -> tuple[float, int]:
    return verify.started_at, verify.number
