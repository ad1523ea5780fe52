"""From which entry points of a Worker a call is reached, and whether a guard stands on every way.

A way leads from the call out of its function: through a callback to the code around it, and through
every call of the function to its callers, over at most four calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.around.guards import Guards
from audits.js.around.occasions import Step, beats, is_beat, rare
from audits.js.evaluation.engine import Engine, Site
from audits.js.evaluation.project import File
from audits.js.files import collect
from audits.js.syntax.facts import Call, Expr, Function

_LEVELS = 5
_METHODS = {
    "alarm": "alarm",
    "onAlarm": "alarm",
    "webSocketMessage": "webSocketMessage",
    "onMessage": "webSocketMessage",
    "webSocketClose": "webSocketClose",
}
"""Methods of Durable Objects and of the frameworks on top of them."""

_HANDLERS = {"scheduled", "queue", "email", "tail"}
"""Handlers that a Worker exports."""

_EVENTS = {
    "scheduled": "scheduled",
    "cloudflare:scheduled": "scheduled",
    "queue": "queue",
    "cloudflare:queue": "queue",
    "message": "webSocketMessage",
}
_LISTENING = {"addEventListener", "hook"}
_ROUTING = {"get", "post", "put", "all", "use", "patch", "on", "add"}
_BEATING = re.compile(r"(?i)heart_?beat|keep_?alive|^(?:on|handle|send|do)?_?ping$")
_TOUCHING = re.compile(
    r"(?i)^touch(?:session|user|presence|activity)?$"
    r"|^(?:update|touch|set|refresh|record)last(?:seen|active|activity|accessed)"
)


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One entry point that leads to a call. `place`: file and offsets of the last call on the way, or
    of the entry's own function."""

    kind: str
    guarded: bool
    place: tuple[int, int, int]


class Entries:
    """Answers for one project."""

    def __init__(self, engine: Engine, guards: Guards) -> None:
        self._engine = engine
        self._guards = guards
        self._registered: dict[Site, str] | None = None

    def ways(self, file: File, call: Call) -> tuple[Way, ...]:
        """Every entry point that leads to the call, sorted."""
        found: set[Way] = set()
        seen: set[tuple[int, int, bool]] = set()
        level = [Step(file, call.expr[1], call.expr[2], call.scope, False)]
        for _ in range(_LEVELS):
            further: list[Step] = []
            for step in level:
                for inner, number in self._outward(step):
                    if number < 0 or (inner.file.index, number, inner.guarded) in seen:
                        continue
                    seen.add((inner.file.index, number, inner.guarded))
                    place = (step.file.index, step.offset, step.end)
                    for kind in self._kinds(inner, number):
                        seldom = inner.guarded or rare(inner, number, kind)
                        found.add(Way(kind, seldom, place))
                    further += self._callers(inner, number)
            level = further
        return tuple(sorted(found))

    def _outward(self, step: Step) -> Iterator[tuple[Step, int]]:
        """The function around a step, and those around it that run it as they run; each with whether
        a guard stands in it."""
        file, facts = step.file, step.file.facts
        offset, scope, guarded = step.offset, step.scope, step.guarded
        while True:
            number = facts.scopes[scope].fn
            if number < 0:
                return
            guarded = guarded or self._guards.stand(file, offset, scope)
            yield Step(file, offset, step.end, scope, guarded), number
            function = facts.functions[number]
            if number in file.immediate:
                call = file.immediate[number]
                offset, scope = call.expr[1], call.scope
                continue
            if function.call < 0 or (file.index, number) in self._events:
                return
            offset, scope = function.start, facts.scopes[function.scope].parent
            guarded = guarded or self._chosen(file, function)

    def _chosen(self, file: File, function: Function) -> bool:
        """`changed.forEach(…)`: a callback that is called for what is new only."""
        call = file.facts.calls[function.call]
        callee = call.expr[3]
        return callee[0] == "mem" and self._guards.chooses(file, callee[3], call.scope)

    def _callers(self, step: Step, number: int) -> Iterator[Step]:
        for site in self._engine.callers_of((step.file.index, number)):
            caller = self._engine.file(site[0])
            call = caller.facts.calls[site[1]]
            if not collect.is_test(caller.path):
                yield Step(caller, call.expr[1], call.expr[2], call.scope, step.guarded)

    def _kinds(self, step: Step, number: int) -> Iterator[str]:
        """What kind of entry point a function is."""
        file, function = step.file, step.file.facts.functions[number]
        name = function.name
        if function.cls >= 0 and name in _METHODS:
            yield _METHODS[name]
        elif name in _HANDLERS and self._exported(file, function, number):
            yield name
        event = self._events.get((file.index, number))
        if event is not None:
            yield event
        elif _BEATING.search(name) or self._routed(file, function) or beats(step):
            yield "heartbeat"
        elif _TOUCHING.search(name):
            yield "touch"

    def _exported(self, file: File, function: Function, number: int) -> bool:
        """A handler that the runtime calls, and nobody else."""
        if function.owner is not None or function.cls >= 0 or name_is_free(function):
            return not self._engine.callers_of((file.index, number)) or function.name == "scheduled"
        return False

    def _routed(self, file: File, function: Function) -> bool:
        """`app.post("/heartbeat", (c) => …)`."""
        if function.call < 0:
            return False
        call = file.facts.calls[function.call]
        first = call.expr[4][0] if call.expr[4] else None
        return call.name in _ROUTING and first is not None and is_beat(first)

    @property
    def _events(self) -> dict[Site, str]:
        """Functions that are handed to a timer or an event: which."""
        if self._registered is None:
            self._registered = dict(self._registrations())
        return self._registered

    def _registrations(self) -> Iterator[tuple[Site, str]]:
        for file in self._engine.project.files:
            for call in file.facts.calls:
                arguments: tuple[Expr, ...] = call.expr[4] if len(call.expr) > 4 else ()
                if call.name == "setInterval" and arguments:
                    yield from self._handed(file, call, arguments[0], "setInterval")
                elif call.name in _LISTENING and len(arguments) > 1 and arguments[0][0] == "str":
                    kind = _EVENTS.get(arguments[0][3])
                    if kind is not None:
                        yield from self._handed(file, call, arguments[1], kind)

    def _handed(self, file: File, call: Call, handler: Expr, kind: str) -> Iterator[tuple[Site, str]]:
        if handler[0] == "fn":
            yield (file.index, handler[3]), kind
        elif handler[0] in ("id", "mem", "call"):
            for value in self._engine.ask(file, handler, call.scope):
                if value[0] == "fn":
                    yield (value[1], value[2]), kind


def name_is_free(function: Function) -> bool:
    """A function that is neither a method nor a callback."""
    return function.cls < 0 and function.owner is None and function.call < 0
