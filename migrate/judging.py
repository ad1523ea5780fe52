"""Judging a pair: what a verify, of everything or of some keys, makes of what both stores show now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from migrate.core.comparing import Kind, Rules, Stage, classify, undecided
from migrate.core.motion import moving
from migrate.core.ports import Answer, Clock, Holder, Source
from migrate.core.quarantine import quarantined
from migrate.core.record import Key, Record, Row
from migrate.core.rereading import Patience


@dataclass(frozen=True, slots=True)
class Judge:
    """Classes by these rules, as of now. What is asked of the stores raises what they raise."""

    source: Source
    target: Holder
    prefixes: Sequence[str]
    rules: Rules
    settling: Patience
    clock: Clock

    def undecided(self, answer: Answer, row: Row | None) -> bool:
        """Would the row's value say more than its digest?"""
        return isinstance(answer, Record) and row is not None and undecided(answer, row, self.rules)

    def moving(self, pairs: Iterable[tuple[Answer, Row | None]]) -> set[Key]:
        """Of which of these KV shows what the row was until at most H ago; see `motion`."""
        if self.rules.stage is not Stage.SHADOW_READ:
            return set()
        return moving(pairs, self.target, self.clock.now() - self.settling.horizon)

    def classify(
        self, answer: Record | None, row: Row | None, *, quarantined: bool, moving: bool
    ) -> Kind | None:
        """See `comparing.classify`."""
        now = self.clock.now() + self.source.skew
        return classify(answer, row, quarantined=quarantined, rules=self.rules, now=now, moving=moving)

    @property
    def patience(self) -> Patience:
        """How differences settle, by what is known of the source's clock now."""
        return replace(self.settling, skew=self.source.skew, live=self.source.live)

    def quarantined(self, keys: Sequence[Key]) -> set[Key]:
        """Which of some keys are in quarantine."""
        return quarantined(self.target, self.prefixes, keys)
