"""What a user knows of a session, and what a request may therefore show of it. Pure.

A user makes one request at a time, so the last acknowledged write is what a read owes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Wrong(enum.StrEnum):
    """What no user may ever see."""

    LOGOUT = "unexpected logouts"
    STALE = "stale reads"
    BACK = "back from the dead"


@dataclass(slots=True)
class Known:
    """A session by its cookie, which is a secret. `edition`: of the profile as written last, None: not known,
    because a write was answered with an error. `ended`: logged out; None: that was answered with an error."""

    cookie: str = field(repr=False)
    edition: int | None = 0
    ended: bool | None = False

    def wrote(self, edition: int, *, acknowledged: bool) -> None:
        """The profile was to be changed. What failed may happen at any later time, so it stays unknown."""
        if not acknowledged:
            self.edition = None
        elif self.edition is not None:
            self.edition = edition

    def signed_out(self, *, acknowledged: bool) -> None:
        """The session was to be ended."""
        self.ended = acknowledged or None

    def judge(self, edition: int | None) -> Wrong | None:
        """Is this wrong to be shown? `edition`: of the profile, None: that nobody is signed in."""
        if self.ended is None:
            return None
        if self.ended:
            return None if edition is None else Wrong.BACK
        if edition is None:
            return Wrong.LOGOUT
        return Wrong.STALE if self.edition not in (None, edition) else None
