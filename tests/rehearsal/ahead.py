"""How far the rehearsal's clock is ahead of the machine's, in a file that all processes have mapped."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_DOUBLE = struct.Struct("d")


class Ahead:
    """`seconds` is what was set last, by whichever process."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(_DOUBLE.pack(0.0))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _DOUBLE.size)

    @property
    def seconds(self) -> float:
        """Never falls."""
        return float(_DOUBLE.unpack_from(self._map)[0])

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        _DOUBLE.pack_into(self._map, 0, seconds)
