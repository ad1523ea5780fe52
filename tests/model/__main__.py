"""Searches the protocol wider than the tests do, and prints how many states that were, or the breach.

make model
python -m tests.model --values 1 --at-once 2
python -m tests.model --off tombstones_are_final
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import sys
import time

from tests.model.middle import BEGINNINGS, entering
from tests.model.rules import NAMES, Rules
from tests.model.search import Bounds, Search
from tests.model.world import STAGES

ALL = "no breach, and no state within the bounds is left"

WIDE = (
    Bounds(values=2, at_once=1),
    Bounds(values=1, at_once=2),
    Bounds(values=3, at_once=2, operations=3),
    Bounds(values=2, at_once=1, sessions=2, operations=1),
    Bounds(values=2, at_once=1, others=True),
)


def main() -> int:
    """Exit 1 when the whole protocol breaks its contract; a rule that is off is expected to."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, help="how often a session is put")
    parser.add_argument("--at-once", type=int, default=1, help="operations in flight per session")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--operations", type=int, help="of a session, altogether")
    parser.add_argument("--stale", type=int, default=0, help="ticks that a stale read of KV may span")
    parser.add_argument("--off", choices=NAMES, action="append", default=[], help="a rule, repeatable")
    given = parser.parse_args()
    rules = dataclasses.replace(Rules(stale=given.stale), **dict.fromkeys(given.off, False))
    bounds = (
        WIDE
        if given.values is None
        else (Bounds(given.values, given.at_once, given.sessions, given.operations),)
    )
    gc.disable()  # nothing of a search is garbage before its end
    broken = False
    for one in bounds:
        began = time.monotonic()
        found = Search(rules, one).run()
        took = time.monotonic() - began
        many = "" if one.operations is None else f", {one.operations} operations each"
        others = ", and as many others as you like" if one.others else ""
        size = f"sessions {one.sessions}{others}, values {one.values}, at once {one.at_once}{many}"
        print(f"{size}: {found.states:,} states in {took:.0f} s: {found.broken or ALL}", flush=True)
        for number, name in enumerate(found.trace, 1):
            print(f"{number:4} {name}")
        broken = broken or bool(found.broken)
    if given.values is None:
        broken = _middle(rules) or broken
    return 1 if broken and not given.off else 0


def _middle(rules: Rules) -> bool:
    """Enter at every stage with rows from before the migration. Was the contract broken?"""
    broken = False
    for (right, stage, name), session in BEGINNINGS.items():
        bounds = Bounds(values=session.born, at_once=1)
        found = Search(dataclasses.replace(rules, right=right), bounds, (entering(stage), session)).run()
        begins = f"{right} is right, entered at {STAGES[stage]} with {name}"
        print(f"{begins}: {found.states:,} states: {found.broken or 'no breach'}", flush=True)
        broken = broken or bool(found.broken)
    return broken


sys.exit(main())
