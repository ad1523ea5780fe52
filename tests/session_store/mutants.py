"""The session store with one of its rules off, each by its name: what the walks must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrate.core.protocol import laws, plans
from migrate.core.protocol.half_calls import AdoptHalf, End, Here, PutHalf, WriteHalf
from migrate.core.protocol.halves import Answer, Ends, Half, Verb
from migrate.core.protocol.laws import Verdict
from migrate.core.protocol.reading import Difference, Served
from migrate.core.protocol.stages import Stage
from migrate.core.record import Origin, Record, Row
from migrate.stores.sqlite import batch, halves
from tests.session_store.sides import Stores

Change = Callable[[pytest.MonkeyPatch, Stores], None]


def an_import_replaces_what_is_there(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Insert-if-absent is off in the object's half of a fallback."""

    def adopted(ask: AdoptHalf, there: Row | None) -> Row | None:
        if there is not None and there.deleted:
            return None
        return Row(*ask.record[:4], Origin.COPY, 1 if there is None else there.version + 1, None)

    patch.setattr(laws, "adopted", adopted)


def a_copy_replaces_what_is_there(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Insert-if-absent is off in the exporter's target."""
    named = ("value", "metadata", "expiration", "digest", "origin")
    over = ", ".join(f"{name} = excluded.{name}" for name in named)
    for name in ("_INSERT_ONE", "_INSERT_BLOCK"):
        text = getattr(batch, name)
        patch.setattr(batch, name, text.replace("DO NOTHING", f"DO UPDATE SET {over}, version = version + 1"))


def a_tombstone_is_not_final(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Tombstones are off: a put takes their place, and the file does not stop it."""
    with stores.sessions._pool.lent_to_write() as connection:
        for trigger in ("sessions_final", "sessions_no_return"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    patch.setattr(halves, "_UPDATE", halves._UPDATE.replace("AND value IS NOT NULL", ""))

    def put(ask: PutHalf, there: Row | None) -> Verdict:
        return laws._written(laws._next(ask.record, ask.origin, there))

    patch.setattr(laws, "_put", put)


def a_shadow_write_needs_one_store(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Strict shadow writes are off: they are acknowledged as soon as either store is done."""

    def answer_of(stage: Stage, verb: Verb, ends: Ends, real: Callable[..., Answer | None] = plans.answer_of):
        answer = real(stage, verb, ends)
        either = stage is Stage.SHADOW_READ and End.DONE in (ends.object, ends.kv)
        return Answer.DONE if answer is Answer.FAILED and either else answer

    patch.setattr(plans, "answer_of", answer_of)


def a_shadow_write_goes_on_without_the_object(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Strict shadow writes are off: KV's half follows, whatever became of the object's."""

    def next_half(stage: Stage, verb: Verb, ends: Ends, real: Callable[..., Half | None] = plans.next_half):
        return real(Stage.DUAL_WRITE if stage is Stage.SHADOW_READ else stage, verb, ends)

    patch.setattr(plans, "next_half", next_half)


def a_put_compares_no_versions(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Compare-and-set is off."""

    def put(ask: PutHalf, there: Row | None, real: Callable[..., Verdict] = laws._put) -> Verdict:
        return real(replace(ask, expect=None), there)

    patch.setattr(laws, "_put", put)


def a_touch_chooses_between_two_values(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """A touch at shadow-read writes what KV shows, whatever the row holds."""

    def difference(here: Here, kept: Record | None) -> Difference:
        return Difference.EQUAL

    patch.setattr(plans, "difference", difference)


def a_half_has_no_end(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Not-after times are off in the object."""

    def decide(ask: WriteHalf, there: Row | None, now: float, real: Callable[..., Verdict] = laws.decide):
        return real(replace(ask, not_after=float("inf")), there, now)

    patch.setattr(laws, "decide", decide)


def shadow_read_believes_kv_alone(patch: pytest.MonkeyPatch, stores: Stores) -> None:
    """Tombstones and app rows are not obeyed at shadow-read."""

    def served(stage: Stage, here: Here, real: Callable[..., Served] = plans.served) -> Served:
        return Served.KV if stage is Stage.SHADOW_READ else real(stage, here)

    patch.setattr(plans, "served", served)


MUTANTS: tuple[Change, ...] = (
    an_import_replaces_what_is_there,
    a_copy_replaces_what_is_there,
    a_tombstone_is_not_final,
    a_shadow_write_needs_one_store,
    a_shadow_write_goes_on_without_the_object,
    a_put_compares_no_versions,
    a_touch_chooses_between_two_values,
    a_half_has_no_end,
    shadow_read_believes_kv_alone,
)
