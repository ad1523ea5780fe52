"""Why an audit cannot be made as it was asked for."""

from __future__ import annotations


class Refused(Exception):
    """The request is wrong, or what it names is: one line, lower case, and what to do next."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
