"""A clock that stands still until a test moves it."""

from dataclasses import dataclass

NOW = 1_700_000_000.0


@dataclass
class ManualClock:
    """Implements `ports.Clock`; `time`: Unix seconds."""

    time: float = NOW

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
