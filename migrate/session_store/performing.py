"""Does the steps of plans, in the two stores. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from migrate.core.protocol.half_calls import End, HalfEnd, SessionObject
from migrate.core.protocol.plans import Adopt, KvHalf, Look, ObjectHalf, Plan, ReadKv, Step
from migrate.errors import ConfigError, MigrateError, StoreError
from migrate.session_store.kv_side import KvSide

_Result = TypeVar("_Result")


class Performer:
    """Both stores, as plans reach them. `kv` None: there is none, which is right at object-only alone."""

    def __init__(self, sessions: SessionObject, kv: KvSide | None) -> None:
        self._object = sessions
        self._kv = kv

    def perform(self, step: Step) -> object:
        """Do one step; its answer, as `plans` says. Raises StoreError where a read fails."""
        match step:
            case Look():
                return self._object.look(step.key)
            case ReadKv():
                return self._kv_side.read(step.key)
            case ObjectHalf():
                try:
                    return self._object.half(step.ask)
                except StoreError:
                    return HalfEnd(End.FAILED)
            case Adopt():
                try:
                    return self._object.adopt(step.ask)
                except StoreError:
                    return None
            case KvHalf():
                return self._kv_side.half(step)

    @property
    def _kv_side(self) -> KvSide:
        if self._kv is None:
            raise ConfigError("the session store has no KV namespace", "give it one, or set object-only")
        return self._kv


def run(plan: Plan[_Result], perform: Callable[[Step], object]) -> _Result:
    """Do all of a plan's steps, one after the other. Raises what the plan lets through."""
    try:
        step = next(plan)
        while True:
            try:
                answer = perform(step)
            except MigrateError as error:
                step = plan.throw(error)
            else:
                step = plan.send(answer)
    except StopIteration as ended:
        result: _Result = ended.value
        return result
