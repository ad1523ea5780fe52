"""A ledger in which the door to cleanup is open now, and the verdict that says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.core.document import Document, iso, moment
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.core.ports import Clock
from migrate.gate.bundle import Bundle, of_ledger
from migrate.gate.exhibits import Exhibit
from migrate.gate.verdicts import VERDICT, verdict
from migrate.ledger.ledger import Ledger
from tests.gate.exhibited import NOW, live


def shifted(told: Any, seconds: float) -> Any:
    """A document with every moment in it so much later."""
    if isinstance(told, list):
        return [shifted(one, seconds) for one in told]
    if not isinstance(told, dict):
        return told
    if "unix" in told and "iso" in told:
        unix = round(told["unix"] + seconds, 3)
        return {"unix": unix, "iso": iso(unix)}
    return {name: shifted(one, seconds) for name, one in told.items()}


def moved(bundle: Bundle, seconds: float) -> Bundle:
    """The same evidence, gathered so much later."""
    later = (Exhibit(one.kind, one.at + seconds, shifted(one.document, seconds)) for one in bundle.exhibits)
    return replace(bundle, exhibits=tuple(later))


def kept(bundle: Bundle, path: Path, clock: Clock) -> Document:
    """The verdict on cleanup by this evidence as of now, which both are in the ledger."""
    now = clock.now()
    with Ledger.open(path, clock=clock) as ledger:
        for one in moved(bundle, now - NOW).exhibits:
            ledger.add_evidence(bundle.migration, one.kind, one.document, one.at)
        found = of_ledger(ledger, bundle.source, bundle.target, bundle.prefixes)
        document = verdict(Door.CLEANUP, found, Policy(), now, "")
        ledger.add_evidence(bundle.migration, VERDICT, document)
    return document


def heard(monkeypatch: pytest.MonkeyPatch, stage: str, last: float, standing: str = "seen") -> None:
    """Let a target's bridge say that an isolate of this stage beat at `last` (Unix seconds), and one of
    object-only now."""

    def told(target: str, opener: Any, now: float, *, required: bool) -> Document:
        beats = [{"stage": stage, "at": last}, {"stage": "object-only", "at": now}]
        shown = [
            {
                "stage": one["stage"],
                "version": "new",
                "isolates": 1,
                "recent": 1,
                "first": moment(min(one["at"], now) - 60),
                "last": moment(one["at"]),
                "age_seconds": round(now - one["at"], 3),
            }
            for one in beats
        ]
        return {**live(Door.CLEANUP), "asked": moment(now), "standing": standing, "stages": shown}

    monkeypatch.setattr("migrate.gate.still.live", told)
