"""What code remembers: values that were stored before, that an isolate or object keeps, and the time."""

from __future__ import annotations

import re

from audits.js.around import origins
from audits.js.evaluation.engine import Engine, Site
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Expr

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PREVIOUS = {
    "last", "prev", "previous", "previously", "old", "stored", "saved", "cached", "existing", "before",
    "seen", "known", "history", "snapshot", "baseline", "prior", "earlier", "persisted", "remembered",
}  # fmt: skip
_TIME = {
    "now", "age", "elapsed", "timestamp", "ts", "time", "expires", "expiry", "since", "interval",
    "cooldown", "throttle", "hour", "hours", "minute", "minutes", "deadline", "until",
}  # fmt: skip
_CLOCKS = {
    "now", "getTime", "getHours", "getUTCHours", "getMinutes", "getUTCMinutes", "getDay", "getUTCDay",
    "getDate", "getUTCDate", "toISOString", "random",
}  # fmt: skip
_READS = {"get", "getWithMetadata", "list", "match", "first", "getItem", "getAlarm"}
_REQUEST = {"headers", "header", "searchParams", "params", "query", "form", "formData", "cookies"}
_NOT_STATE = {"env", "ctx", "config", "options", "opts", "settings", "kv", "logger"}


class Memory:
    """Answers for one project on what was stored or remembered from before."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._giving: dict[tuple[Site, int], bool] = {}

    def stored(self, file: File, expr: Expr, scope: int, depth: int = 0) -> bool:
        """Is something in it that was stored or remembered from before?"""
        for part, at in origins.behind(file, expr, scope):
            if part[0] == "await" and (reads(part) or self._gives(file, part[3], at, depth)):
                return True
            if part[0] == "mem" and part[3][0] == "this" and part[4] not in _NOT_STATE:
                return True
            if part[0] in ("id", "mem") and _PREVIOUS & set(words(name_of(part))):
                return True
            if part[0] == "id" and _kept(file, part, at):
                return True
        return False

    def _gives(self, file: File, call: Expr, scope: int, depth: int) -> bool:
        """Does a function of the project give what it read?"""
        if call[0] != "call" or depth > 1:
            return False
        for value in self._engine.ask(file, call[3], scope):
            if value[0] != "fn":
                continue
            site = ((value[1], value[2]), depth)
            if site not in self._giving:
                self._giving[site] = False  # while it is being asked
                there = self._engine.file(value[1])
                returns = there.facts.functions[value[2]].returns
                self._giving[site] = any(
                    reads(expr) or self.stored(there, expr, at, depth + 1) for expr, at in returns
                )
            if self._giving[site]:
                return True
        return False

    def itself_stored(self, file: File, expr: Expr, scope: int) -> bool:
        """Is it what was read, and not only a part of it?"""
        if expr[0] in ("await", "as", "set"):
            if expr[0] == "await" and self._gives(file, expr[3], scope, 0):
                return True
            return reads(expr) or self.itself_stored(file, expr[3], scope)
        if expr[0] == "call":
            parsed = expr[3][0] == "mem" and expr[3][4] == "parse" and len(expr[4]) > 0
            return reads(expr) or (parsed and self.itself_stored(file, expr[4][0], scope))
        if expr[0] in ("log", "if"):
            return any(self.itself_stored(file, part, scope) for part in expr[4:6])
        if expr[0] == "mem":
            return expr[3][0] == "this" and expr[4] not in _NOT_STATE
        if expr[0] != "id":
            return False
        if _kept(file, expr, scope):
            return True
        return any(
            define.value is not None
            and define.kind in ("var", "set")
            and define.scope != 0
            and define.value[0] != "id"
            and self.itself_stored(file, define.value, define.scope)
            for define in file.defines(expr[3], scope) or ()
        )


def name_of(expr: Expr) -> str:
    """The last name of an expression, whatever it is called on."""
    if expr[0] == "id":
        return str(expr[3])
    if expr[0] == "mem":
        return str(expr[4])
    return name_of(expr[3]) if expr[0] in ("await", "as", "set", "call") else ""


def words(name: str) -> list[str]:
    """`lastSeenAt` → last, seen, at."""
    return [word.lower() for word in _WORD.findall(name)]


def reads(expr: Expr) -> bool:
    """Is it a call that reads what was stored?"""
    while expr[0] in ("await", "as"):
        expr = expr[3]
    if expr[0] != "call" or expr[3][0] != "mem":
        return False
    name, holder = expr[3][4], expr[3][3]
    if name in ("then", "catch", "finally"):
        return reads(holder)
    return name in _READS and name_of(holder) not in _REQUEST


def _kept(file: File, part: Expr, scope: int) -> bool:
    """A variable of the module that is changed while the isolate lives."""
    found = file.defines(part[3], scope) or []
    top = any(define.scope == 0 and define.kind in ("var", "declare") for define in found)
    return top and any(define.kind in ("set", "mut") and define.scope != 0 for define in found)


def timed(file: File, expr: Expr, scope: int) -> bool:
    """Is the time in it?"""
    for part, _ in origins.behind(file, expr, scope):
        if part[0] in ("call", "new") and name_of(part[3]) in (_CLOCKS if part[0] == "call" else {"Date"}):
            return True
        if part[0] in ("id", "mem"):
            found = words(name_of(part))
            if found and (found[-1] in _TIME or (len(found) > 1 and found[-1] == "at")):
                return True
        if part[0] == "bin" and part[3] == "%":
            return True
    return False
