"""Whether one read stands in for another: it is made, or its result taken, only where the other gave
nothing, failed, or could not be made.

The same question is asked both ways: of a read of KV behind a read of a consistent store, and of a
consistent store behind KV.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.evaluation.project import File
from audits.js.relations import consistent, presence
from audits.js.relations.arriving import Arrival, flow_of
from audits.js.relations.flow import Flow, Flows
from audits.js.relations.standing import Standing
from audits.js.syntax.facts import Expr, Scope


@dataclass(frozen=True, slots=True)
class Fallback:
    """How the second read stands in for the first. `how`: absent, failed, or unbound (the store itself
    may be missing). `together`: 2 when both results are what one name or one function gives, 1 when it
    is made of both, 0 when they go different ways."""

    how: str
    together: int


class Fallbacks:
    """What stands in for what, in a whole project: what a first read decides is found out once."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self._firsts: dict[tuple[int, int], _First] = {}

    def between(self, first: Arrival, second: Arrival) -> Fallback | None:
        """How the second stands in for the first, None when it does not. Both are in the same outermost
        function."""
        key = (first.file.index, id(first.expr))
        if key not in self._firsts:
            self._firsts[key] = _First(self._flows, first)
        return self._firsts[key].of(second)


class _First:
    """What one read decides by its result."""

    def __init__(self, flows: Flows, first: Arrival) -> None:
        self._flows = flows
        self._file = first.file
        self._arrival, self._first = first, first.expr
        self._flow = flow_of(flows, first, strict=True)
        self._choices = list(_choices(flows.standing(first.file), self._flow))
        self._says = dict(_arms(first.file, flows.standing(first.file), self._flow))
        self._around = list(_outward(first.file, first.scope))
        self._ends = self._leaving()

    def of(self, second: Arrival) -> Fallback | None:
        """How a second read stands in for it."""
        chosen = self._chosen(second)
        if chosen is not None:
            return chosen
        how = self._how(second)
        return Fallback(how, self._together(second)) if how else None

    def _together(self, second: Arrival) -> int:
        for strict, level in ((True, 2), (False, 1)):
            one = flow_of(self._flows, self._arrival, strict=strict)
            other = flow_of(self._flows, second, strict=strict)
            if one.names & other.names or one.returned & other.returned:
                return level
        return 0

    def _chosen(self, second: Arrival) -> Fallback | None:
        """`a ?? b`, `a || b`, `a ? a : b`: is the second what is taken in place of the first?"""
        standing, other = self._flows.standing(self._file), flow_of(self._flows, second)
        for choice, there, instead in self._choices:
            if not _holds(standing, other, instead, second.expr):
                continue
            if _holds(standing, other, there, second.expr):
                continue
            if choice[0] == "log":
                return Fallback("absent", 2)
            both = flow_of(self._flows, self._arrival).has(choice) and other.has(choice)
            return Fallback("absent", 2 if both else 0)
        return None

    def _how(self, second: Arrival) -> str:
        """absent, failed or unbound; "" when it does not depend on the first."""
        found = ""
        enclosing = list(_outward(self._file, second.scope))
        if self._apart(self._arrival.scope, enclosing):
            return "unbound" if any(self._other_arm(number) for number in enclosing) else ""
        for number in enclosing:
            told = self._inside(number)
            if told == "present":
                return ""
            found = found or told
        return found or self._after(second.expr, enclosing)

    def _inside(self, number: int) -> str:
        """What a scope around the second read says."""
        here = self._file.facts.scopes[number]
        if here.kind == "if" and here.test is not None:
            says = self._says.get(number)
            if says is not None:
                return "present" if says == (here.branch == 0) else "absent"
        if here.kind == "catch" and here.about[0] <= self._first[1] < here.about[1]:
            return "failed"
        return "failed" if here.kind == "fn" and self._is_catch(here) else ""

    def _apart(self, scope: int, enclosing: list[int]) -> bool:
        """Do the ways to a scope and to the second read part: into arms of one condition, or cases?"""
        scopes = self._file.facts.scopes
        groups = {scopes[n].group: scopes[n].branch for n in enclosing if scopes[n].kind in ("if", "case")}
        while scope >= 0 and scope not in enclosing:
            here = scopes[scope]
            if here.kind in ("if", "case") and groups.get(here.group, here.branch) != here.branch:
                return True
            scope = here.parent
        return False

    def _ended(self, number: int, enclosing: list[int]) -> bool:
        """Does something around an arm always end before the second read is reached?"""
        scopes = self._file.facts.scopes
        scope = scopes[number].parent
        while scope >= 0 and scope not in enclosing:
            if scopes[scope].kind in ("if", "catch") and scopes[scope].leaves:
                return True
            scope = scopes[scope].parent
        return self._apart(number, enclosing)

    def _other_arm(self, number: int) -> bool:
        """Is the first read in the other arm, which is for the store being bound?"""
        here = self._file.facts.scopes[number]
        if here.kind != "if" or here.test is None or number in self._says:
            return False
        arms = (self._file.facts.scopes[around] for around in self._around)
        if not any(
            arm.kind == "if" and arm.group == here.group and arm.branch != here.branch for arm in arms
        ):
            return False
        asked = consistent.asks_for(self._flows.engine, self._file, here.test, here.parent)
        return asked is not None and asked != (here.branch == 0)

    def _is_catch(self, scope: Scope) -> bool:
        """Is the function the one that is passed to the first read's `.catch`?"""
        call = self._file.facts.functions[scope.fn].call if scope.fn >= 0 else -1
        if call < 0:
            return False
        callee = self._file.facts.calls[call].expr[3]
        return callee[0] == "mem" and callee[4] == "catch" and self._flow.has(callee[3])

    def _leaving(self) -> list[int]:
        """The arms and catches behind which the code is reached only by some results of the first read."""
        found = []
        for number, here in enumerate(self._file.facts.scopes):
            if here.kind == "if" and here.leaves:
                if number in self._says or number in self._around:
                    found.append(number)
            elif here.kind == "catch" and not here.leaves and self._returned_in(here):
                found.append(number)
        return found

    def _after(self, second: Expr, enclosing: list[int]) -> str:
        """Is the second reached only when the first did not already end the function?"""
        scopes = self._file.facts.scopes
        functions = {scopes[number].fn for number in enclosing}
        found = ""
        for number in self._ends:
            here = scopes[number]
            if here.end > second[1] or here.fn not in functions or self._ended(number, enclosing):
                continue
            told = self._left(number, enclosing) if here.kind == "if" else "failed"
            if told == "present":
                return ""
            found = (told or found) if here.kind == "if" else (found or told)
        return found

    def _left(self, number: int, enclosing: list[int]) -> str:
        """What an arm that leaves says of the code behind it: absent, unbound, present, or nothing."""
        here = self._file.facts.scopes[number]
        if here.test is None or self._first[1] > here.end:
            return ""
        says = self._says.get(number)
        if says is None:
            if here.leaves != "return" or number not in self._around:
                return ""
            asked = consistent.asks_for(self._flows.engine, self._file, here.test, here.parent)
            return "unbound" if asked is not None and asked == (here.branch == 0) else ""
        if says == (here.branch == 0):
            return "absent" if here.leaves == "return" or self._goes_on(here, enclosing) else ""
        return "present" if not (here.test[0] == "log" and here.test[3] == "&&") else ""

    def _goes_on(self, here: Scope, enclosing: list[int]) -> bool:
        """`continue` in a loop that is around the second read as well."""
        loops = (s for n in enclosing if (s := self._file.facts.scopes[n]).kind == "loop")
        return here.leaves == "continue" and any(loop.start <= here.start < loop.end for loop in loops)

    def _returned_in(self, catch: Scope) -> bool:
        """Is the first read's result given back inside of what is tried?"""
        start, end = catch.about
        if not start <= self._first[1] < end:
            return False
        returns = (expr for function in self._file.facts.functions for expr, _ in function.returns)
        return any(start <= expr[1] < end and self._flow.has(expr) for expr in returns)


def _choices(standing: Standing, flow: Flow) -> Iterator[tuple[Expr, Expr, Expr]]:
    """The expressions that choose by the value: what is taken when it is there, and what instead."""
    seen: set[int] = set()
    for reached in flow.reached.values():
        for choice, _, _ in standing.outward(reached):
            if choice[0] not in ("log", "if") or id(choice) in seen:
                continue
            seen.add(id(choice))
            if choice[0] == "log":
                if choice[3] != "&&" and _part_of(flow, choice[4]):
                    yield choice, choice[4], choice[5]
            elif (says := presence.says(choice[3], flow)) is not None:
                yield (choice, choice[4], choice[5]) if says else (choice, choice[5], choice[4])


def _part_of(flow: Flow, expr: Expr) -> bool:
    """Is it the value, or a member of it: `row?.data`?"""
    while not flow.has(expr) and expr[0] in ("mem", "as", "await"):
        expr = expr[3]
    return flow.has(expr)


def _arms(file: File, standing: Standing, flow: Flow) -> Iterator[tuple[int, bool]]:
    """The arms of the conditions that ask for the value."""
    roots = {id(root): root for root in map(standing.root, flow.reached.values())}
    for identity, root in roots.items():
        if identity in standing.tests and (says := presence.says(root, flow)) is not None:
            yield from ((number, says) for number in standing.tests[identity])


def _holds(standing: Standing, flow: Flow, expr: Expr, call: Expr) -> bool:
    """Is the value in the expression, or the call somewhere inside of it?"""
    if flow.has(expr) or call is expr:
        return True
    return any(around is expr for around, _, _ in standing.outward(call))


def _outward(file: File, scope: int) -> Iterator[int]:
    """The scopes around, innermost first, through functions that are passed on."""
    while scope >= 0:
        yield scope
        scope = file.facts.scopes[scope].parent
