"""Which operations a rewriting is about: those that session-kv-call finds and no comment excuses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from audits.judging import judge
from audits.operation import Branch, Operation
from audits.request import Request


@dataclass(frozen=True, slots=True)
class Sessions:
    """`operations`: the session calls of the whole project, sorted by place; `branches`: all code for
    namespaces that are not bound; `collected`: the files that were looked at."""

    operations: tuple[Operation, ...]
    branches: tuple[Branch, ...]
    collected: tuple[str, ...]


def of(request: Request) -> Sessions:
    """Judge the whole project, whatever part of it is to be rewritten: what is written elsewhere decides
    what a read gives."""
    judged = judge(replace(request, paths=(), select=("session-kv-call",)))
    places = {one.finding.place for one in judged.findings}
    found = tuple(one for one in judged.operations if one.place in places)
    branches = tuple(
        one
        for one in judged.analysis.branches
        if request.meant(one.place.path) and one.place.path not in judged.migration
    )
    return Sessions(found, branches, judged.collected)
