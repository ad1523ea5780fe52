"""Breadth-first search through all that can happen: how many states there are, and the shortest breach.

A state is the numbers of its sessions' states and of the shared one. What can happen to one session is worked
out once for every state of it, so a step of the search is a look into a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from tests.model import passing, toolkit
from tests.model.application import begun, continued
from tests.model.canonical import canonical, canonical_shared
from tests.model.operator import Evidence, deployments, gate_verify, settled
from tests.model.owed import breach
from tests.model.rules import Rules
from tests.model.world import BEGINNING, LOGGED_IN, ONLY, SHADOW, Session, Shared, put_row


@dataclass(frozen=True, slots=True)
class Bounds:
    """`values`: how often a session is put. `at_once`: operations in flight per session. `operations`: how
    many it has at all; None: without end.

    `others`: there are other sessions, as many as you like, of which nothing is known. Sessions meet in the
    stages, the operator's evidence and the gate only, so all that others can do to this one is to keep a
    step from being taken, or the gate from being opened. Whatever happens to it among others is searched,
    and more.
    """

    values: int = 2
    at_once: int = 1
    sessions: int = 1
    operations: int | None = None
    others: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """How many `states` were reached, and the `trace` of steps to the shortest breach, if there is one."""

    states: int
    broken: str = ""
    trace: tuple[str, ...] = ()


Edge = tuple[str, int, str]
"""A step's name, the number of the session's state after it, and what the step itself breaks."""


class Actor:
    """Who acts on one session alone: what may happen next, worked out once for each of its states."""

    def __init__(self, numbers: Numbers, steps: Callable[[Session], Iterator[toolkit.Breaking]]) -> None:
        self._numbers = numbers
        self._steps = steps
        self._known: dict[int, list[Edge]] = {}

    def edges(self, number: int) -> list[Edge]:
        """What may happen in this state."""
        known = self._known.get(number)
        if known is None:
            session = self._numbers.states[number]
            known = [(name, self._numbers.of(to), bad) for name, to, bad in self._steps(session)]
            self._known[number] = known
        return known


class Numbers:
    """Every state of one session that was met, by number."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.states: list[Session] = []
        self._known: dict[Session, int] = {}

    def of(self, session: Session) -> int:
        """The number of a state."""
        session = canonical(session, self._rules)
        found = self._known.get(session)
        if found is None:
            found = self._known[session] = len(self.states)
            self.states.append(session)
        return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What is asked of a session's state again and again."""

    may_go_back: bool
    may_be_read_from_kv: bool
    all_in_object: bool
    importing: bool
    sweeping: bool
    going_back: bool
    agrees: bool | None
    blind: int
    ticked: int
    dayed: int


World = tuple[int, ...]
"""The number of the shared state, then those of the sessions' states, in order: they are all alike."""


class Search:
    """All states of a set of rules, within bounds."""

    def __init__(
        self, rules: Rules, bounds: Bounds, begins: tuple[Shared, Session] = (BEGINNING, LOGGED_IN)
    ) -> None:
        """`begins`: with what it all begins, for each session alike."""
        self.rules = rules
        self.bounds = bounds
        self.numbers = Numbers(rules)
        self.shared: list[Shared] = []
        self._shares: dict[Shared, int] = {}
        self._acting: list[list[Actor]] = []
        self._actors: dict[tuple[object, ...], Actor] = {}
        self._seen: dict[int, Seen] = {}
        self._moves: dict[tuple[int, Evidence], list[tuple[str, int]]] = {}
        self._breaches: dict[tuple[int, int], str] = {}
        shared, session = begins
        first = self.numbers.of(session)
        self.start: World = (self._share(shared), *[first] * bounds.sessions)

    # ------------------------------------------------------------ the tables

    def _share(self, now: Shared) -> int:
        now = canonical_shared(now)
        found = self._shares.get(now)
        if found is None:
            found = self._shares[now] = len(self.shared)
            self.shared.append(now)
            self._acting.append([self._actor(*one) for one in _actors(now, self.rules)])
        return found

    def _actor(self, who: str, *mode: int) -> Actor:
        found = self._actors.get((who, *mode))
        if found is None:
            found = Actor(self.numbers, lambda session: _steps(session, self.rules, self.bounds, who, *mode))
            self._actors[(who, *mode)] = found
        return found

    def _look(self, number: int) -> Seen:
        seen = self._seen.get(number)
        if seen is None:
            session, rules, of = self.numbers.states[number], self.rules, self.numbers.of
            seen = self._seen[number] = Seen(
                may_go_back=toolkit.may_go_back(session, rules),
                may_be_read_from_kv=toolkit.may_be_read_from_kv(session, rules),
                all_in_object=toolkit.nothing_only_in_kv(session),
                importing=session.imported is not None,
                sweeping=session.sweep is not None,
                going_back=session.back is not None,
                agrees=toolkit.agrees(session, rules),
                blind=of(session._replace(looked=((), ()))),
                ticked=of(passing.tick(session, rules)),
                dayed=of(passing.day(session, rules)),
            )
        return seen

    # ------------------------------------------------------------ steps

    def steps(self, world: World) -> Iterator[tuple[str, World, str]]:
        """Everything that may happen next."""
        shared, *numbers = world
        for index, number in enumerate(numbers):
            others = numbers[:index] + numbers[index + 1 :]
            for actor in self._acting[shared]:
                for name, to, bad in actor.edges(number):
                    yield name, (shared, *sorted((to, *others))) if others else (shared, to), bad
        for name, then in self._together(shared, numbers):
            yield name, then, ""

    def _together(self, shared: int, numbers: list[int]) -> Iterator[tuple[str, World]]:
        """What happens to all sessions at once."""
        now = self.shared[shared]
        every = [self._look(number) for number in numbers]
        evidence = Evidence(
            may_go_back=all(seen.may_go_back for seen in every),
            may_be_read_from_kv=all(seen.may_be_read_from_kv for seen in every),
            all_in_object=all(seen.all_in_object for seen in every),
            importing=any(seen.importing for seen in every),
            sweeping=any(seen.sweeping for seen in every),
            going_back=any(seen.going_back for seen in every),
        )
        for name, to in self._moved(shared, evidence):
            yield name, (to, *numbers)
        if now.verifying and all(seen.agrees is not None for seen in every):
            agree = all(seen.agrees for seen in every)
            for gate in {agree, False} if self.bounds.others else {agree}:
                over = self._share(now._replace(verifying=False, gate=gate))
                yield f"verify: {'open' if gate else 'shut'}", (over, *sorted(seen.blind for seen in every))
        gone = min(self.rules.wait, now.gone + 1)
        yield "tick", (self._share(now._replace(gone=gone)), *sorted(seen.ticked for seen in every))
        later = self._share(now._replace(gone=self.rules.wait))
        yield "day", (later, *sorted(seen.dayed for seen in every))

    def _moved(self, shared: int, evidence: Evidence) -> list[tuple[str, int]]:
        """What the operator may do: the name of the step, and the shared state after it."""
        moves = self._moves.get((shared, evidence))
        if moves is None:
            now, found = self.shared[shared], among_others(evidence) if self.bounds.others else [evidence]
            moves = self._moves[shared, evidence] = list(
                dict.fromkeys(
                    (name, self._share(then))
                    for one in found
                    for step in (deployments, gate_verify)
                    for name, then in step(now, one, self.rules)
                )
            )
        return moves

    def breach(self, world: World) -> str:
        """What a read by one of the live isolates would break now."""
        stages = live(self.shared[world[0]])
        for number in world[1:]:
            for stage in stages:
                found = self._breaches.get((number, stage))
                if found is None:
                    found = breach(self.numbers.states[number], stage, self.rules)
                    self._breaches[number, stage] = found
                if found:
                    return found
        return ""

    def run(self) -> Found:
        """Reach every state, or the first one that breaks the contract."""
        came: dict[World, World] = {self.start: self.start}
        level = [self.start]
        while level:
            after = []
            for world in level:
                for _, then, bad in self.steps(world):
                    if then in came:
                        continue
                    came[then] = world
                    if broken := bad or self.breach(then):
                        return Found(len(came), broken, self._trace(came, then))
                    after.append(then)
            level = after
        return Found(len(came))

    def _trace(self, came: dict[World, World], end: World) -> tuple[str, ...]:
        names = []
        while end != self.start:
            before = came[end]
            names.append(next(name for name, then, _ in self.steps(before) if then == end))
            end = before
        return tuple(reversed(names))


def among_others(mine: Evidence) -> list[Evidence]:
    """What the evidence may be when other sessions count as well: each of its parts, or the worse of it."""
    parts = {"may_go_back": False, "may_be_read_from_kv": False, "all_in_object": False}
    parts |= {"importing": True, "sweeping": True, "going_back": True}
    choices = [{getattr(mine, part), worse} for part, worse in parts.items()]
    return [Evidence(**dict(zip(parts, chosen, strict=True))) for chosen in product(*choices)]


def live(now: Shared) -> tuple[int, ...]:
    """The stages of the isolates that are alive, seen or not."""
    return tuple(sorted({now.low, now.high} | ({now.lingers} if now.lingers >= 0 else set())))


def _actors(now: Shared, rules: Rules) -> Iterator[tuple[str, int] | tuple[str, int, int] | tuple[str]]:
    """Who may act, and under which conditions, as `_steps` takes them."""
    for stage in live(now):
        yield "application", stage, not now.gate
    yield "halves", not now.gate
    yield "export", not now.verifying and not now.finished
    at_rest = now.everywhere(SHADOW) and settled(now, rules)
    fenced = (now.verifying or now.gate) and rules.no_sweep_during_a_gates_verify
    yield "sweep", fenced, at_rest
    if at_rest and not now.verifying:
        yield ("rollback",)
    if now.verifying:
        yield ("verify",)
    if now.finished if rules.tombstones_stay_until_the_end else now.low == ONLY:
        yield ("purge",)


def _steps(
    session: Session, rules: Rules, bounds: Bounds, who: str, *mode: int
) -> Iterator[toolkit.Breaking]:
    if who == "export":
        yield from toolkit.export(session, rules, allowed=bool(mode[0]))
        return
    for name, to in _named(session, rules, bounds, who, *mode):
        yield name, to, ""


def _named(
    session: Session, rules: Rules, bounds: Bounds, who: str, *mode: int
) -> Iterator[tuple[str, Session]]:
    match who:
        case "application" if len(session.ops) < bounds.at_once and session.begun != bounds.operations:
            counted = 0 if bounds.operations is None else session.begun + 1
            for name, to in begun(session, mode[0], bounds.values, rules, early=bool(mode[1])):
                yield name, to._replace(begun=counted)
        case "halves":
            yield from continued(session, rules, early=bool(mode[0]))
        case "sweep":
            yield from toolkit.sweep(session, rules, fenced=bool(mode[0]), may_delete=bool(mode[1]))
        case "rollback":
            yield from toolkit.rollback(session, rules)
        case "verify":
            yield from toolkit.look(session)
        case "purge":
            row = session.row
            over = row is not None and (row.left == 0 or not rules.tombstones_stay_until_all_has_expired)
            if row is not None and row.value == 0 and over:
                yield "purge", put_row(session, None)
