"""Lengths of time as they are typed: `7d`, `12h`, `90m`, `45s`, or seconds."""

from __future__ import annotations

import re
from typing import Any

import click

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Length(click.ParamType[int]):
    """Seconds, as a whole number, at least one."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds of `7d` and the like."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no length of time such as 7d, 12h, 90m or 45s", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


LENGTH = Length()
