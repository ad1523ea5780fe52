"""The roll-out of the live demonstration: one stage after the other, and what opens each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from migrate.core.comparing import Stage
from migrate.core.ports import Clock
from migrate.demo.live.counting import LOGINS, LOGOUTS, REQUESTS, Counts
from migrate.demo.live.operating import Operator
from migrate.demo.live.pace import Pace
from migrate.demo.live.screen import Screen
from migrate.demo.live.site import Deployed, Site
from migrate.demo.live.users import Crowd
from migrate.errors import Exit, MigrateError
from migrate.formats.figures import duration, plural
from migrate.stores.kv import HORIZON

_VERIFIES = 4  # at one stage, before it is given up
_LATELY = 10.0  # seconds
_LONGER = 1.5  # times as long as the slowest request, lately, is H at least


class Unproven(MigrateError):
    """The verify that is to open the next stage is not clean."""


class RollOut:
    """Takes a running application to object-only. Raises Unproven, and whatever export and verify raise."""

    def __init__(
        self, site: Site, counts: Counts, crowd: Crowd, screen: Screen, clock: Clock, pace: Pace
    ) -> None:
        self._site, self._counts, self._crowd = site, counts, crowd
        self._screen, self._clock, self._pace = screen, clock, pace
        self._operator = Operator(site, counts)
        self._began = clock.monotonic()
        self._alone = float("inf")
        """Since when nothing before shadow-read is deployed, Unix seconds."""

    def done(self) -> None:
        """All of it."""
        kv, dual, shadow, first, only = Stage
        self._deploy(Deployed(kv, kv))
        self._deploy(Deployed(kv, dual, 50), copying=True)
        self._deploy(Deployed(dual, dual))
        self._deploy(Deployed(dual, shadow, 50), copying=True)
        self._deploy(Deployed(shadow, shadow))
        self._wait()
        self._verify()
        self._deploy(Deployed(shadow, first, 50))
        self._deploy(Deployed(first, first))
        self._verify()
        self._deploy(Deployed(first, only, 50))
        self._deploy(Deployed(only, only))
        self._verify()

    def _deploy(self, deployed: Deployed, *, copying: bool = False) -> None:
        """Let it serve for a phase. `copying`: and meanwhile the export, or the next sweep of it."""
        self._site.deploy(deployed)
        if deployed.earlier is Stage.SHADOW_READ and deployed.percent == 100:
            self._alone = self._site.settings.clock.now()
        before = self._so_far()
        until = self._clock.monotonic() + self._pace.phase
        if copying:
            self._say(f"{deployed}, while sessions are copied:")
            self._tell(self._operator.export(self._horizon()))
        self._clock.sleep(max(0.0, until - self._clock.monotonic()))
        passed = {name: number - before[name] for name, number in self._so_far().items()}
        served = " + ".join(f"{passed[stage]:,}" for stage in deployed.live)
        logins, logouts = plural(passed[LOGINS], "login"), plural(passed[LOGOUTS], "logout")
        self._say(f"{deployed}: {served} requests, {logins}, {logouts}")

    def _wait(self) -> None:
        """Until nothing of an earlier stage can be on its way: H after its last isolate has gone."""
        seconds = self._horizon()
        self._say(
            f"waiting for H = {duration(seconds)} (--settle): no request takes so long, and local KV is not"
            f" eventually consistent; for Workers KV it is {duration(HORIZON)}"
        )
        self._clock.sleep(seconds)

    def _verify(self) -> None:
        """Verify until it is clean. Raises Unproven when it will not be."""
        operator, buried = self._operator, False
        for _ in range(_VERIFIES):
            settle, began = self._horizon(), self._clock.monotonic()
            self._tell(operator.verify(settle))
            if operator.last.exit is Exit.CLEAN:
                return
            if operator.last.exit is Exit.AGAINST:
                if buried or self._site.deployed.later is not Stage.SHADOW_READ or not operator.only_extra():
                    break  # from shadow-read on, no logout is known to KV alone
                # A write that took longer than H may have shown its object's half alone in both readings.
                if self._crowd.slowest(self._clock.monotonic() - began) < settle:
                    self._tell(operator.bury(settle, self._alone))
                    buried = True
        raise Unproven(
            f"the verify at {self._site.deployed.later} is not clean, so it opens no further stage",
            "unless the session store was changed, this is a defect of kvferry; please report it",
        )

    def _horizon(self) -> float:
        """H, in whole seconds: what `--settle` is given. A slow machine's requests take longer to end."""
        return max(self._pace.settle, float(math.ceil(_LONGER * self._crowd.slowest(_LATELY))))

    def _so_far(self) -> dict[str, int]:
        """Requests by stage, and of all stages together what changes how many sessions there are."""
        served = {str(stage): self._counts.at(REQUESTS, stage) for stage in Stage}
        return served | {name: self._counts.total(name) for name in (LOGINS, LOGOUTS)}

    def _say(self, line: str) -> None:
        self._screen.say(f"{self._clock.monotonic() - self._began:5.1f} s  {line}")

    def _tell(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._screen.say(f"         {line}")
