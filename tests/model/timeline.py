"""What all walks of a batch have in common: which stages are live, a gate's verify, ticks and days.

A batch is a world of the model with as many sessions as it has walks. Where such a step asks something of all
sessions (a gate, a way back), the walks of those that stand in its way end there: what is left is a world
that never had them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.model import toolkit
from tests.model.operator import Evidence, deployments, gate_verify, settled
from tests.model.walking import RULES, Walk
from tests.model.world import BEGINNING, DUAL, SHADOW, STAGES, Session, Shared

VERIFY = ("verify: read KV", "verify: read row")

_WEIGHTS = {
    # the beginning of a name -> how likely it is, among what may happen
    "roll out": 5,
    "roll back": 1,
    "finish": 0,
    "tick": 4,
    "day": 0.5,
    "lingering": 3,
    "verify: begin": 12,
    "verify: read": 20,
    "verify: open": 20,
    "verify: shut": 2,
    "verify": 20,
}


@dataclass(slots=True)
class Timeline:
    """The shared steps. `walks`: those that go on, by their sessions' ids. `names`: of the steps so far."""

    chance: random.Random
    walks: dict[str, Walk]
    now: Shared = BEGINNING
    names: list[str] = field(default_factory=list)

    @property
    def fenced(self) -> bool:
        """Has a gate's verify begun? In the model sweeps go on after one that has shut the gate; no
        walk of many lifts the code's fence, so there a sweep ends where the model's may end."""
        return "verify: begin" in self.names

    @property
    def settled(self) -> bool:
        """Is shadow-read everywhere, and has any isolate of another stage been gone for H?"""
        return self.now.everywhere(SHADOW) and settled(self.now, RULES)

    def moves(self, *, copying: bool) -> dict[str, Shared]:
        """What may happen to all next, by name, and the shared state after it. `copying`: is an exporter at
        work?"""
        sessions = [walk.session for walk in self.walks.values()]
        # Those in the way of these two leave.
        evidence = Evidence(
            may_go_back=True,
            may_be_read_from_kv=True,
            all_in_object=True,
            importing=copying,
            sweeping=copying,
            going_back=False,
        )
        moves = dict(deployments(self.now, evidence, RULES)) | dict(gate_verify(self.now, evidence, RULES))
        if self.now.verifying:
            seen = [toolkit.agrees(session, RULES) for session in sessions]
            left = [name for name in VERIFY if any(not _looked(session, name) for session in sessions)]
            moves |= dict.fromkeys(left, self.now)
            over = self.now._replace(verifying=False)
            if not left:
                moves["verify: open"] = over._replace(gate=True)
                if not all(seen):
                    moves["verify: shut"] = over
        gone = min(RULES.wait, self.now.gone + 1)
        return moves | {"tick": self.now._replace(gone=gone), "day": self.now._replace(gone=RULES.wait)}

    def choose(self, *, copying: bool) -> str:
        """The name of one of them."""
        names = list(self.moves(copying=copying))
        return self.chance.choices(names, [_weight(name, self.now) for name in names])[0]

    def take(self, name: str) -> list[str]:
        """Do it; the ids of the walks that end here."""
        leaving = self._leaving(name)
        then = self.moves(copying=False)[name]
        for session_id in leaving:
            del self.walks[session_id]
        for walk in self.walks.values():
            _passed(walk, name)
        self.now = then
        self.names.append(name)
        return leaving

    def _leaving(self, name: str) -> list[str]:
        stays: Callable[[Session], bool] = lambda _: True  # noqa: E731
        if name == "verify: open":
            stays = lambda session: bool(toolkit.agrees(session, RULES))  # noqa: E731
        elif name == f"roll back to {STAGES[DUAL]}" and self.now.low == SHADOW:
            stays = lambda session: toolkit.may_go_back(session, RULES)  # noqa: E731
        elif name == f"roll out {STAGES[-1]}":
            stays = toolkit.nothing_only_in_kv
        return [session_id for session_id, walk in self.walks.items() if not stays(walk.session)]


def _looked(session: Session, name: str) -> bool:
    kv, row = session.looked
    return bool(kv if name == VERIFY[0] else row)


def _passed(walk: Walk, name: str) -> None:
    """What the step is to one session."""
    if name == "tick":
        walk.tick()
    elif name == "day":
        walk.days()
    elif name in ("verify: open", "verify: shut"):
        walk.session = walk.session._replace(looked=((), ()))
        walk.names.append(name)
    elif name not in VERIFY:
        walk.names.append(name)


def _weight(name: str, now: Shared) -> float:
    if name.endswith("is gone") and not name.startswith("lingering"):
        return 6 if name.startswith(STAGES[now.low]) else 1
    if name.endswith("lingers"):
        return 2
    return next(weight for word, weight in _WEIGHTS.items() if name.startswith(word))
