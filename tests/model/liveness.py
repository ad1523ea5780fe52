"""Does the gate open in the end? From every state, once nothing fails and nobody begins anything new."""

from __future__ import annotations

from collections import defaultdict

from tests.model.search import Search, World
from tests.model.world import SHADOW

_WORSE = ("fails", "does not answer", "is lost", "lingers")
"""Failures: they do not happen any more."""

_NEVER = ("day", "purge", "finish", "roll back", "rollback", "roll out object")
"""What the operator leaves alone meanwhile."""


def calm(name: str, *, exporting: bool) -> bool:
    """May this still happen, once the operator wants the gate and nothing fails?"""
    if name.endswith(": ends"):
        return True
    if name.startswith("export"):
        return exporting
    return not name.startswith(_NEVER) and not any(one in name for one in _WORSE)


def stuck(search: Search, *, exporting: bool = True) -> list[World]:
    """The reachable states from which the gate of object-first cannot open any more."""
    before: dict[World, list[World]] = defaultdict(list)
    level, known, opened = [search.start], {search.start}, []
    while level:
        after = []
        for world in level:
            now = search.shared[world[0]]
            if now.gate or now.low > SHADOW:
                opened.append(world)
            for name, then, _ in search.steps(world):
                if calm(name, exporting=exporting) and not _begins(search, name, world, then):
                    before[then].append(world)
                if then not in known:
                    known.add(then)
                    after.append(then)
        level = after
    reached = set(opened)
    while opened:
        for world in before[opened.pop()]:
            if world not in reached:
                reached.add(world)
                opened.append(world)
    return [world for world in known if world not in reached]


def _begins(search: Search, name: str, world: World, then: World) -> bool:
    """Is this the first step of an operation of the application?"""
    if " at " not in name:
        return False
    ops = [sum(len(search.numbers.states[number].ops) for number in one[1:]) for one in (world, then)]
    return ops[1] > ops[0] or ops[0] == 0
