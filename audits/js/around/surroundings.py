"""What stands around a KV call: function, class, entry points, loops, guards, and its promise's fate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from audits.js.around import cookies, loops, origins, stretches
from audits.js.around.entries import Entries
from audits.js.around.guards import Guards
from audits.js.around.promises import Promises
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.places import place
from audits.js.evaluation.project import File
from audits.js.evaluation.values import join
from audits.js.files import collect
from audits.js.syntax.facts import Call, Expr, Function
from audits.operation import Awaited, Each, Enclosing, Entry, Place

_RETURNED = re.compile(r"(?:\breturn|=>)\s*\(?\s*$")
_NAMED_OBJECT = re.compile(
    r"(?P<name>[\w$]+)\s*(?:<[^<>()]*>)?(?::\s*[\w$.<>]+\s*=|[:=(])\s*(?:\(\s*)?"
    r"(?:[\w$]+(?:\s*\.\s*[\w$]+)*\s*(?:\?|&&)\s*)?$"  # kept only where there is a namespace
)
_EACH = re.compile(r"\.(?:map|forEach|filter|flatMap|reduce|some|every)$")


class Surroundings:
    """Answers for one project."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._guards = Guards(engine)
        self._entries = Entries(engine, self._guards)
        self._promises = Promises(engine)
        self._cookies: dict[tuple[int, int, int], str] = {}

    def enclosing(self, file: File, call: Call, method: str, callers: Iterable[Place]) -> Enclosing:
        """What surrounds the call of a namespace's method. `callers`: from where it is reached."""
        number = file.facts.scopes[call.scope].fn
        function = _named(file, number)
        cls = file.class_around(call.scope)
        text = self._with_cookies(file, function) if function is not None else ""
        entries = self._entered(file, call) if method == "put" else ()
        guarded = all(entry.guarded for entry in entries) if entries else False
        if method == "put" and not entries:
            guarded = self._guards.stand(file, call.expr[1], call.scope)
        return Enclosing(
            function=function.name if function is not None else "",
            cls=file.facts.classes[cls].name if cls >= 0 else "",
            loop=_loop(file, call.scope),
            guarded=guarded,
            test_file=collect.is_test(file.path),
            cookies_read=bool(text),
            key_in_cookie=bool(text) and cookies.holds(file, call, text),
            entries=entries,
            crons=self._engine.project.bindings.crons(file.path) if entries else (),
            each=self._each(file, call) if method != "list" else None,
            stretch=stretches.begin(file, call) if method.startswith("get") else 0,
            gathered=stretches.gathered(file, call) if method.startswith("get") else None,
            owner=_owner(file, number),
            topics=self._topics({file.path, *(place.path for place in callers)}),
        )

    def _with_cookies(self, file: File, function: Function) -> str:
        """The source of the function if it speaks of cookies, else ""."""
        key = (file.index, function.start, function.end)
        if key not in self._cookies:
            text = file.text(function.start, function.end)
            self._cookies[key] = text if "cookie" in text.lower() else ""
        return self._cookies[key]

    def let_go(self, file: File, call: Call, method: str) -> tuple[Place, ...]:
        """The calls whose promises nobody waits for, and with them nobody waits for this write."""
        if method not in ("put", "delete"):
            return ()
        if self._stands_in(file, call):
            return ()  # what is dropped here may be no promise
        found = self._promises.dropped(file, call)
        return tuple(sorted(self._place_of(index, number) for index, number in found))

    def _stands_in(self, file: File, call: Call) -> bool:
        """Can the call's own receiver be a map in place of a namespace, which nobody waits for?"""
        callee = call.expr[3]
        if callee[0] != "mem":
            return False
        return ("other", "Map") in self._engine.ask(file, callee[3], call.scope)

    def key_from(self, file: File, call: Call, method: str) -> tuple[int, ...]:
        """Where the calls begin that a key was made from."""
        key = call.expr[4][0] if call.expr[4] and method.startswith("get") else None
        if key is None:
            return ()
        parts = origins.behind(file, key, call.scope, True)
        return tuple(sorted({part[1] for part, _ in parts if part[0] == "call"}))

    def read_as(self, file: File, call: Call, method: str) -> str:
        """The type that a get asks for, "" when it asks for none or for one that is not known."""
        if not method.startswith("get") or len(call.expr[4]) < 2:
            return ""
        values = self._engine.ask(file, call.expr[4][1], call.scope)
        types = join(*(self._engine.property_of(v, "type") if v[0] == "obj" else (v,) for v in values))
        if len(types) != 1 or types[0][0] != "str" or not all(isinstance(p, str) for p in types[0][1]):
            return ""
        return "".join(types[0][1])

    def _entered(self, file: File, call: Call) -> tuple[Entry, ...]:
        ways = self._entries.ways(file, call)
        return tuple(sorted(Entry(way.kind, self._place(*way.place), way.guarded) for way in ways))

    def _each(self, file: File, call: Call) -> Each | None:
        key: Expr | None = call.expr[4][0] if call.expr[4] else None
        found = loops.around(self._engine, file, call, key)
        if found is None:
            return None
        place = self._place(found.file.index, found.call.expr[1], found.call.expr[2])
        return Each(found.text, place, found.listed, found.at_once, found.leaves, found.busy)

    def _topics(self, paths: set[str]) -> tuple[str, ...]:
        project = self._engine.project
        files = (project.files[project.numbers[path]] for path in paths)
        return tuple(sorted({topic for file in files for topic in file.topics}))

    def _place_of(self, index: int, number: int) -> Place:
        call = self._engine.file(index).facts.calls[number]
        return self._place(index, call.expr[1], call.expr[2])

    def _place(self, index: int, start: int, end: int) -> Place:
        return place(self._engine.file(index), start, end)


def _owner(file: File, number: int) -> str:
    """What the innermost object with the function as a method is called: the variable or property that
    holds it, the function that it is passed to, or the one that returns it."""
    owned = next(((n, f.owner) for n, f in _outward(file, number) if f.owner is not None), None)
    if owned is None:
        return ""
    before = file.text(max(0, owned[1][1] - 120), owned[1][1])
    if _RETURNED.search(before):
        around = [function for inner, function in _outward(file, number) if inner != owned[0]]
        return next((function.name for function in around if function.name), "")
    match = _NAMED_OBJECT.search(before)
    return match["name"] if match is not None else ""


def _outward(file: File, number: int) -> Iterator[tuple[int, Function]]:
    """The function and those around it."""
    while number >= 0:
        function = file.facts.functions[number]
        yield number, function
        number = file.facts.scopes[file.facts.scopes[function.scope].parent].fn


def _named(file: File, number: int) -> Function | None:
    """The innermost function that has a name."""
    found = [function for _, function in _outward(file, number)]
    return next((function for function in found if function.name), found[-1] if found else None)


def _loop(file: File, scope: int) -> str:
    """What the call runs once for each of, "" when it does not."""
    while scope >= 0:
        here = file.facts.scopes[scope]
        if here.kind == "loop":
            return " ".join(file.text(*here.about).split())[:80].strip(";") or "loop"
        if here.kind == "fn" and here.fn >= 0:
            function = file.facts.functions[here.fn]
            callee = file.text(*function.passed)
            match = _EACH.search(callee)
            if match is not None:
                return " ".join(callee[: match.start()].split())[:80]
            if function.call < 0:
                return ""
        scope = here.parent
    return ""


def awaited(sink: str) -> Awaited:
    """The sink that was noted as the seam calls it."""
    return Awaited(sink)
