"""A report as a call: from the ledger, or from a bundle where there is neither ledger nor credential."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from migrate.core.document import Document, naming
from migrate.desk import Ended, desk_of
from migrate.errors import ConfigError, Exit
from migrate.formats.report import read
from migrate.gate import history
from migrate.gate.bundle import of_document, of_ledger
from migrate.gate.history import Given, History
from migrate.gate.verdicts import VERDICT
from migrate.opening import Settings
from migrate.reporting.material import CLOCKS, Material, Place
from migrate.reporting.review import build_report


def of_stores(
    source: str, target: str, *, settings: Settings, prefixes: Sequence[str], verdicts: Sequence[Path] = ()
) -> Ended:
    """The report on what the ledger knows about two stores. `verdicts`: files of more of them.

    Nothing is asked afresh and nothing is kept. Raises ConfigError, and StoreError for stores that cannot
    be opened.
    """
    if not settings.ledger.exists():
        raise ConfigError(
            f"there is no ledger {settings.ledger}",
            "--ledger FILE, or --evidence FILE with a bundle of kvferry evidence export",
        )
    more = [read(path, VERDICT) for path in verdicts]
    with desk_of(settings, None) as desk:
        opened, holder = desk.opener.source(source), desk.opener.holder(target)
        bundle = of_ledger(desk.ledger, opened.address, holder.address, prefixes)
        material = Material(
            bundle,
            _with(history.of_ledger(desk.ledger, bundle), more),
            Place.LEDGER,
            settings.clock.now(),
            stores=naming(source, target, prefixes, settings.typed()),
        )
    return _ended(material)


def of_bundle(path: Path, now: float, verdicts: Sequence[Path] = ()) -> Ended:
    """The report on a bundle in a file: no store and no ledger is opened. `now`: Unix seconds.

    Raises ConfigError for a file that is no bundle, or not what it was.
    """
    document = read(path, "evidence")
    if document["made"]["unix"] > now + CLOCKS:
        raise ConfigError(f"{path} was made in the future", "set this machine's clock")
    more = [read(one, VERDICT) for one in verdicts]
    told = history.of_document(document.get("history"))
    material = Material(
        of_document(document),
        _with(told or History(), more),
        Place.BUNDLE,
        now,
        bundled=document["made"]["unix"],
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        remembered=told is not None,
    )
    return _ended(material)


def _with(known: History, more: Sequence[Document]) -> History:
    return replace(known, verdicts=(*known.verdicts, *map(Given, more)))


def _ended(material: Material) -> Ended:
    document = build_report(material)
    return Ended(document, Exit(document["exit"]))
