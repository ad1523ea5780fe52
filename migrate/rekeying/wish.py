"""What is asked of a rekeying, and the command that asks for it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from migrate.confirming import Confirmed
from migrate.core.rekeying import Names
from migrate.opening import Settings


@dataclass(frozen=True, slots=True)
class Rekey:
    """What is asked for. `delete_old`: the code uses the new names by now, so the old ones may go.

    `settle`: seconds between two looks, None: as long as the source's answers may be old. `dump`, `no_dump`:
    where old records go before they are deleted. `fresh`: forget what was copied.
    """

    source: str
    names: Names
    settings: Settings
    execute: bool
    confirmed: Confirmed
    delete_old: bool = False
    settle: float | None = None
    dump: Path | None = None
    no_dump: bool = False
    fresh: bool = False

    def again(self, **options: object) -> str:
        """The command for the same names and store."""
        given = {
            **self.settings.typed(),
            "settle": self.settle,
            "dump": self.dump,
            "no_dump": self.no_dump,
            **options,
        }
        words = ["kvferry", "rekey", self.names.old, self.names.new, "--source", self.source]
        for name, value in given.items():
            for one in value if isinstance(value, list | tuple) else [value]:
                if one is None or one is False:
                    continue
                words.append("--" + name.replace("_", "-"))
                words += [] if one is True else [str(one)]
        return shlex.join(words)
