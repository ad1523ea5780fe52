"""A bundle as a call: everything that the ledger knows about two stores, for where there is no ledger."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.core.document import Document
from migrate.desk import desk_of
from migrate.gate.bundle import bundle_document, of_ledger
from migrate.gate.history import history_document
from migrate.gate.history import of_ledger as remembered
from migrate.opening import Settings


def bundled(source: str, target: str, *, settings: Settings, prefixes: Sequence[str]) -> Document:
    """The bundle of what the ledger knows about two stores. Raises ConfigError and StoreError for stores
    that cannot be opened."""
    with desk_of(settings, None) as desk:
        opened, holder = desk.opener.source(source), desk.opener.holder(target)
        bundle = of_ledger(desk.ledger, opened.address, holder.address, prefixes)
        history = history_document(remembered(desk.ledger, bundle))
        return bundle_document(bundle, settings.clock.now(), history)
