"""A question of the gate, what it gets, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from migrate.core.comparing import Stage
from migrate.core.gate.evidence import Evidence, Verified
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door, Standing

_NEEDED = {
    Door.OBJECT_FIRST: Stage.SHADOW_READ,
    Door.OBJECT_ONLY: Stage.OBJECT_FIRST,
    Door.CLEANUP: Stage.OBJECT_ONLY,
}


class Fact(Protocol):
    """A piece of evidence."""

    @property
    def document(self) -> str:
        """The digest of the document that it was read from."""
        ...

    @property
    def at(self) -> float:
        """When it was gathered, Unix seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question comes to, and the facts that it rests on. `todo`: what to do when it did not pass,
    or is not believed any more."""

    standing: Standing
    said: str
    todo: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What every question gets. `now`: Unix seconds. `stores`: the options that name both stores."""

    door: Door
    evidence: Evidence
    policy: Policy
    now: float
    stores: str

    @property
    def needed(self) -> Stage:
        """The stage that must be everywhere before this door is opened."""
        return _NEEDED[self.door]

    @property
    def steady(self) -> float:
        """For how many seconds that stage must have been everywhere."""
        policy = self.policy
        if self.door is not Door.OBJECT_ONLY:
            return policy.steady
        longest = max((one.longest or 0.0 for one in self.evidence.verifies), default=0.0)
        window = policy.window if policy.window is not None else longest or policy.longest_window
        return max(policy.steady, min(window, policy.longest_window))

    @property
    def horizon(self) -> float:
        """H: the least that is known to be needed, in seconds."""
        live, audited, policy = self.evidence.live, self.evidence.audited, self.policy
        lag = (live.canary.lag if live is not None and live.canary is not None else None) or 0.0
        caches = audited.caches if audited is not None else 0.0
        kept = policy.isolate_cache or 0.0
        return max(policy.least_horizon, caches, kept, lag * policy.canaries) + policy.flight

    def type(self, verb: str, *options: str) -> str:
        """A command for these stores."""
        return " ".join(["kvferry", verb, *options, self.stores])

    @property
    def audit(self) -> str:
        """How the code is looked at; FOLDER is a checkout of the deployed commit."""
        return self.type("gate", f"--for {self.door}", "--audit FOLDER")

    def verify(self, *options: str) -> str:
        """The verify that a door wants, as a command."""
        return self.type("verify", "--fence", f"--stage {self.needed}", *options)

    @property
    def verified(self) -> Verified | None:
        """The newest verify."""
        return self.evidence.verifies[-1] if self.evidence.verifies else None

    def gone(self, stage: Stage) -> float | None:
        """Since when no isolate of a stage before `stage` can have been at work, as far as heartbeats
        tell; minus infinity when none ever was, None when nobody told."""
        live = self.evidence.live
        if live is None or not live.heartbeats:
            return None
        last = [one.last + live.beat_every for one in live.heartbeats if one.stage.before(stage)]
        return max(last, default=float("-inf"))


Question = Callable[[Asked], Answer]


def yes(said: str, *facts: Fact | None, again: str) -> Answer:
    """It holds. `again`: what renews the evidence when it is too old."""
    return Answer(Standing.PASSED, said, again, _there(facts))


def no(said: str, todo: str, *facts: Fact | None) -> Answer:
    """Something speaks against it."""
    return Answer(Standing.FAILED, said, todo, _there(facts))


def unknown(said: str, todo: str, *facts: Fact | None) -> Answer:
    """Nothing speaks for it."""
    return Answer(Standing.UNPROVEN, said, todo, _there(facts))


def _there(facts: Iterable[Fact | None]) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact is not None)


def counted(number: int, one: str, more: str) -> str:
    """`1 key was`, `1,000 keys were`."""
    return f"{number:,} {one if number == 1 else more}"


def span(seconds: float) -> str:
    """A duration as people say it: `45 s`, `15 min`, `36 h`, `7 d`."""
    for length, unit in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * length or (seconds >= length and seconds % length == 0):
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
