"""Which operations a rewriting is about: those that session-kv-call finds and no comment excuses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from audits.judging import judge
from audits.operation import Operation
from audits.request import Request


@dataclass(frozen=True, slots=True)
class Sessions:
    """`operations`: the session calls of the whole project, sorted by place; `collected`: the files that
    were looked at."""

    operations: tuple[Operation, ...]
    collected: tuple[str, ...]


def of(request: Request) -> Sessions:
    """Judge the whole project, whatever part of it is to be rewritten: what is written elsewhere decides
    what a read gives."""
    judged = judge(replace(request, paths=(), select=("session-kv-call",)))
    places = {one.finding.place for one in judged.findings}
    return Sessions(tuple(one for one in judged.operations if one.place in places), judged.collected)
