"""What a rule says: a finding is a value, with where, how bad, how certain, and why."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from audits.operation import Confidence, Evidence, Place


class Severity(enum.IntEnum):
    """How bad it is; compared with < and >."""

    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the bytes `start`..`end` of a file by `text`. `safe`: it cannot change behaviour for
    the worse without a person having asked for it."""

    path: str
    start: int
    end: int
    text: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `rule`: its name (`put-without-ttl`), `code` its short id (`KV002`).

    `message`: one sentence, lower case, without a full stop; names the binding and the key template
    and never anything that is not in the code. `signals`: names of what fired (sorted). `related`:
    other places that decided it, such as callers. `fixes`: edits that would mend it, all or none.
    """

    rule: str
    code: str
    place: Place
    call: Place
    severity: Severity
    confidence: Confidence
    message: str
    signals: tuple[str, ...] = ()
    related: tuple[Evidence, ...] = ()
    fixes: tuple[Edit, ...] = ()
