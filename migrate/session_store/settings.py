"""The session store's settings: what the environment says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from migrate.core.protocol.stages import STAGES, Ramp, ramp_of
from migrate.errors import ConfigError

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Settings:
    """`touch_every`: seconds; a touch that gains fewer, and less than half of what is left, is not written.
    `put_every`: seconds for which, from object-first on, a put of what is there already waits."""

    ramp: Ramp
    touch_every: float = 300
    put_every: float = 0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Settings:
        """SESSION_STAGE, SESSION_STAGE_PERCENT, SESSION_TOUCH_EVERY, SESSION_PUT_EVERY, as in Workers.

        Raises ConfigError for what is missing or cannot be understood: a wrong stage would be worse
        than none.
        """
        ramp = ramp_of(environ.get("SESSION_STAGE", ""), environ.get("SESSION_STAGE_PERCENT"))
        if ramp is None:
            raise ConfigError(
                "SESSION_STAGE or SESSION_STAGE_PERCENT is missing or cannot be understood",
                f"set SESSION_STAGE to one of {', '.join(STAGES)}, and SESSION_STAGE_PERCENT to 0 to 100",
            )
        return cls(
            ramp, _seconds(environ, "SESSION_TOUCH_EVERY", 300), _seconds(environ, "SESSION_PUT_EVERY", 0)
        )


def _seconds(environ: Mapping[str, str], name: str, otherwise: float) -> float:
    text = environ.get(name, "")
    if text and not _NUMBER.fullmatch(text):
        raise ConfigError(f"{name} is no number of seconds", f"set {name}={otherwise:g}")
    return float(text) if text else otherwise
