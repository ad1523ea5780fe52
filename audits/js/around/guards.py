"""Does a condition on change or on age stand before a call, or only one on whether there is something?

A guard compares with what was stored or remembered (`next !== previous`), with the time
(`Date.now() - last > HOUR`), asks whether something is *not* there yet (`if (await kv.get(key)) return`),
or goes by a flag that says so (`if (changed)`). `if (session)` and `if (!response.ok) return` are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.around import origins, remembering
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Expr, Scope

_DEEPEST = 4
_CHANGE = {
    "changed", "changes", "change", "dirty", "modified", "modifications", "stale", "expired", "outdated",
    "due", "differs", "different", "diff", "duplicate", "duplicated", "already", "processed", "handled",
    "notified", "sent", "delivered", "seen", "done", "fresh", "unchanged", "throttled", "debounced",
    "equal", "equals", "same", "recent", "recently", "elapsed", "sample", "sampled", "overdue",
}  # fmt: skip
_ASKING = {"is", "has", "did", "was", "needs", "need", "should", "must", "are"}
_WISHING = {"needs", "need", "should", "must"}
_MEMBERS = {"has", "includes", "indexOf", "find", "findIndex"}
_EACH = {"some", "every", "filter", "find"}
_COMPARE = {"===", "!==", "==", "!=", "<", ">", "<=", ">="}
_LASTING = {"active", "enabled", "online", "connected", "ok", "valid", "ready", "healthy", "live"}
"""States in which something stays: to demand one of them stops no write."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is so where something runs: `test` holds, or does not."""

    test: Expr
    holds: bool
    scope: int


def before(file: File, offset: int, scope: int) -> Iterator[Condition]:
    """The conditions under which the code at an offset runs, once its function was entered."""
    facts = file.facts
    home, around = facts.scopes[scope].fn, set(file.around(scope))
    for number in sorted(around, reverse=True):
        here = facts.scopes[number]
        if here.test is not None:
            yield Condition(here.test, here.branch == 0, here.parent)
    for branch in facts.arms:
        if branch.start <= offset < branch.end and facts.scopes[branch.scope].fn == home:
            yield Condition(branch.test, branch.holds, branch.scope)
    for exit_ in facts.exits:
        if exit_.start <= offset < exit_.end and facts.scopes[exit_.scope].fn == home:
            for number in file.around(exit_.scope):
                here = facts.scopes[number]
                if here.test is not None and number not in around:
                    yield Condition(here.test, here.branch != 0, here.parent)


class Guards:
    """Answers for one project."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._memory = remembering.Memory(engine)
        self._known: dict[tuple[int, int, bool, int], bool] = {}

    def stand(self, file: File, offset: int, scope: int) -> bool:
        """Does a guard stand between the entry of the function and that offset?"""
        facts = file.facts
        for number in file.around(scope):
            here = facts.scopes[number]
            if here.kind == "catch":
                return True  # it runs when something has failed, and not each time
            if here.kind == "loop" and self._chosen(file, here):
                return True
        return any(self._guards(file, one) for one in before(file, offset, scope))

    def _guards(self, file: File, condition: Condition) -> bool:
        """The same as `guards`, asked once of each: many calls stand behind the same conditions."""
        key = (file.index, id(condition.test), condition.holds, condition.scope)
        if key not in self._known:
            self._known[key] = self.guards(file, condition)
        return self._known[key]

    def chooses(self, file: File, items: Expr, scope: int) -> bool:
        """Are the items of a loop only those that are new, changed or due?"""
        if _flagged(remembering.name_of(items)):
            return True
        return self._compared(file, items, scope, 0)

    def guards(self, file: File, condition: Condition, depth: int = 0) -> bool:
        """Is it a condition on change or age?"""
        test, holds, scope = condition.test, condition.holds, condition.scope
        kind = test[0]
        if depth > _DEEPEST:
            return False
        if kind in ("as", "set"):
            return self.guards(file, Condition(test[3], holds, scope), depth)
        if kind == "await":
            if not holds and remembering.reads(test[3]):
                return True
            return self.guards(file, Condition(test[3], holds, scope), depth)
        if kind == "un":
            return test[3] == "!" and self.guards(file, Condition(test[4], not holds, scope), depth)
        if kind == "log":
            sides = test[4:6]
            if test[3] == "&&" and not holds:  # `old && old !== next` fails where they are equal, too
                sides = tuple(side for side in sides if not self._is_there(file, side, scope)) or sides
            return any(self.guards(file, Condition(side, holds, scope), depth) for side in sides)
        if kind == "bin":
            return self._comparison(file, condition, depth)
        if kind == "call":
            return self._call(file, condition, depth)
        if kind in ("id", "mem"):
            return self._flag(file, condition, depth)
        return False

    def _is_there(self, file: File, test: Expr, scope: int) -> bool:
        """Does the test only ask whether anything is stored?"""
        return test[0] in ("id", "mem") and self._memory.itself_stored(file, test, scope)

    def _comparison(self, file: File, condition: Condition, depth: int) -> bool:
        test, scope = condition.test, condition.scope
        sign, left, right = test[3:6]
        if sign == "%":
            return True  # once in so many times
        if sign == "in":
            return not condition.holds and self._memory.stored(file, right, scope)
        if sign not in _COMPARE or any(side[0] == "un" and side[3] == "typeof" for side in (left, right)):
            return False
        for one, other in ((left, right), (right, left)):
            if one[0] == "nul":
                present = (sign[0] == "!") == condition.holds
                return self._presence(file, Condition(other, present, scope), depth)
            if one[0] == "bool":
                wanted = one[3] == ((sign[0] == "=") == condition.holds)
                return self.guards(file, Condition(other, wanted, scope), depth)
            if one[0] == "num" and one[3] in (0, 1) and other[0] == "mem" and other[4] in ("length", "size"):
                some = _some(sign, one is left, one[3]) == condition.holds
                return self._presence(file, Condition(other[3], some, scope), depth)
        if any(remembering.timed(file, side, scope) for side in (left, right)):
            return True
        if not any(self._memory.stored(file, side, scope) for side in (left, right)):
            return False
        equal = sign[0] in "=!" and (sign[0] == "=") == condition.holds
        return not equal or _state(left, right)

    def _presence(self, file: File, condition: Condition, depth: int) -> bool:
        """Something is there, or is not."""
        if not condition.holds and self._memory.itself_stored(file, condition.test, condition.scope):
            return True
        return self.guards(file, condition, depth)

    def _call(self, file: File, condition: Condition, depth: int) -> bool:
        test, holds, scope = condition.test, condition.holds, condition.scope
        name = remembering.name_of(test[3])
        if _flagged(name) or (not holds and remembering.reads(test)):
            return True
        held = (*((test[3][3],) if test[3][0] == "mem" else ()), *test[4])
        if name in _MEMBERS and not holds:
            return any(self._memory.stored(file, part, scope) for part in held)
        if name in ("some", "every"):
            return any(self._body(file, part, depth) for part in test[4])
        if name == "Boolean" and test[4]:
            return self.guards(file, Condition(test[4][0], holds, scope), depth + 1)
        given = any(self._memory.stored(file, part, scope) for part in test[4])
        given = given or any(remembering.timed(file, part, scope) for part in test[4])
        return given and self._judges(file, test, scope, depth)

    def _judges(self, file: File, test: Expr, scope: int, depth: int) -> bool:
        """Does a function of the project answer with a comparison?"""
        for value in self._engine.ask(file, test[3], scope):
            if value[0] != "fn":
                continue
            there = self._engine.file(value[1])
            for returned, at in there.facts.functions[value[2]].returns:
                parts = list(origins.behind(there, returned, at))
                if any(part[0] == "bin" and part[3] in _COMPARE for part, _ in parts):
                    return True
                if self.guards(there, Condition(returned, True, at), depth + 1):
                    return True
        return False

    def _body(self, file: File, part: Expr, depth: int) -> bool:
        """Does what a function gives for an item depend on change or age?"""
        if part[0] != "fn":
            return False
        returns = file.facts.functions[part[3]].returns
        conditions = (Condition(expr, holds, at) for expr, at in returns for holds in (True, False))
        return any(self.guards(file, condition, depth + 1) for condition in conditions)

    def _flag(self, file: File, condition: Condition, depth: int) -> bool:
        """A name that stands alone: a flag, or whether there is something."""
        test, holds, scope = condition.test, condition.holds, condition.scope
        if _flagged(remembering.name_of(test)):
            return True
        if test[0] == "mem" and test[4] in ("length", "size"):
            return self._presence(file, Condition(test[3], holds, scope), depth)
        if test[0] != "id":
            return False
        if not holds and self._memory.itself_stored(file, test, scope):
            return True
        for define in file.defines(test[3], scope) or ():
            value = define.value
            if value is None or define.path or define.kind == "mut":
                continue
            if value[0] in ("bin", "log", "un", "call", "as") and self.guards(
                file, Condition(value, holds, define.scope), depth + 1
            ):
                return True
            if holds and self._compared(file, value, define.scope, depth + 1):
                return True
            if value[0] == "bool" and value[3] == holds and define.kind == "set":
                around = before(file, define.start, define.scope)
                if any(self.guards(file, one, depth + 1) for one in around):
                    return True
        return False

    def _compared(self, file: File, value: Expr, scope: int, depth: int) -> bool:
        """Is it what a comparison has left of something?"""
        if depth > _DEEPEST:
            return False
        for part, _ in origins.behind(file, value, scope):
            if part[0] == "call" and part[3][0] == "mem" and part[3][4] in _EACH:
                if any(self._body(file, argument, depth + 1) for argument in part[4]):
                    return True
        return False

    def _chosen(self, file: File, loop: Scope) -> bool:
        for defines in loop.names.values():
            for define in defines:
                if define.kind == "for" and define.value is not None:
                    return self.chooses(file, define.value, define.scope)
        return False


def _flagged(name: str) -> bool:
    """A name that says that something changed or is due: `changed`, `isStale`, `needsRefresh`."""
    found = remembering.words(name)
    if not found or found[0] in ("last", "get", "fetch", "load"):
        return False
    if found[0] in _WISHING or found[-1] in _CHANGE or found == ["is", "new"]:
        return True
    return found[0] in _ASKING and bool(_CHANGE & set(found))


def _state(left: Expr, right: Expr) -> bool:
    """`job.status === "queued"`: what is done then is not done again; unlike being `active`."""
    for side in (left, right):
        if side[0] == "str":
            return side[3].lower() not in _LASTING
        if side[0] == "num":
            return True
    return False


def _some(sign: str, swapped: bool, number: float) -> bool:
    """Does `length SIGN number` mean that there is at least one?"""
    if swapped:
        sign = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign)
    if number == 0:
        return sign in (">", "!==", "!=")
    return sign in (">=", ">", "===", "==")
