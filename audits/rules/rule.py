"""What a rule is: a function from all operations to findings, with its documentation beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from audits.finding import Finding, Severity
from audits.operation import Branch, Operation, Unread


@dataclass(frozen=True, slots=True)
class Settings:
    """What rules go by. `prefixes`: constant beginnings of session keys, `spotify_session:` is
    always one. `forever`: glob patterns of keys that are meant to live for ever. `now`: Unix
    seconds. `pedantic`: also the rules for purists. `ttl`: seconds that a fix may give to a put that
    has no end, None: none may."""

    prefixes: tuple[str, ...] = ("spotify_session:",)
    forever: tuple[str, ...] = ()
    now: float = 0.0
    pedantic: bool = False
    ttl: int | None = None


Check = Callable[[Sequence[Operation], Settings], Iterable[Finding]]
"""Every operation of the project, sorted by place; findings in any order."""


CheckBranches = Callable[[Sequence[Branch], Settings], Iterable[Finding]]
"""The branches for namespaces that are not bound, sorted by place; findings in any order."""

CheckUnread = Callable[[Sequence[Unread], Settings], Iterable[Finding]]
"""The calls on namespaces that could not be judged, sorted by place; findings in any order."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Its module's docstring is its documentation, with the sections what, why, bad, good
    and remedy; `severity` is the most that it reports."""

    name: str
    code: str
    severity: Severity
    summary: str
    check: Check
    pedantic: bool = False
    documentation: str = field(default="", repr=False)
    check_branches: CheckBranches | None = None
    check_unread: CheckUnread | None = None
