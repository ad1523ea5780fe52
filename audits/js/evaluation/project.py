"""A project for the evaluation: its files by number, where imports lead, and what is bound to `env`."""

from __future__ import annotations

import bisect
import codecs
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from audits.js.evaluation.bindings import Bindings
from audits.js.evaluation.known_types import KV_TYPE, OTHERS
from audits.js.evaluation.modules import Resolver
from audits.js.evaluation.values import Value, Values
from audits.js.syntax import topics
from audits.js.syntax.facts import Call, Class, Declared, Define, Expr, Facts, Type


class File:
    """One file: its facts, and answers about its scopes."""

    def __init__(self, index: int, path: str, facts: Facts, read: Callable[[], bytes]) -> None:
        self.index = index
        self.path = path
        self.facts = facts
        self._read = read
        self._made: dict[int, Expr] = {}
        self._narrowed: dict[str, list[int]] = {}
        self._defined: dict[tuple[str, int], list[Define] | None] = {}

    @cached_property
    def source(self) -> bytes:
        """The file's bytes."""
        return self._read()

    @cached_property
    def topics(self) -> tuple[str, ...]:
        """What the file speaks of, see topics.py."""
        return topics.of(self.path, self.source)

    @cached_property
    def _lines(self) -> list[int]:
        starts = [0]
        at = self.source.find(b"\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.source.find(b"\n", at + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1; columns count characters, a byte order mark is none."""
        line = bisect.bisect_right(self._lines, offset)
        before = self.source[self._lines[line - 1] : offset]
        if line == 1:
            before = before.removeprefix(codecs.BOM_UTF8)
        return line, len(before.decode("utf-8", "replace")) + 1

    def text(self, start: int, end: int) -> str:
        """The source between two offsets."""
        return self.source[start:end].decode("utf-8", "replace")

    def defines(self, name: str, scope: int) -> list[Define] | None:
        """How a name gets its values, None when the file does not declare it."""
        key = (name, scope)
        if key in self._defined:
            return self._defined[key]
        scopes = self.facts.scopes
        found = None
        while scope >= 0 and found is None:
            found = scopes[scope].names.get(name)
            scope = scopes[scope].parent
        self._defined[key] = found
        return found

    def plain(self, scope: int) -> int:
        """The scope without the blocks that always run with what is around them."""
        while self.facts.scopes[scope].kind == "block":
            scope = self.facts.scopes[scope].parent
        return scope

    def around(self, scope: int) -> list[int]:
        """The scope and those around it within one function, innermost first."""
        found = []
        home = self.facts.scopes[scope].fn
        while scope >= 0 and self.facts.scopes[scope].fn == home:
            found.append(scope)
            scope = self.facts.scopes[scope].parent
        return found

    @cached_property
    def immediate(self) -> Mapping[int, Call]:
        """Functions that are called where they stand, by their numbers: `(async () => { … })()`."""
        return {call.expr[3][3]: call for call in self.facts.calls if call.expr[3][0] == "fn"}

    def function_around(self, scope: int) -> int:
        """The number of the innermost function, -1: none."""
        return self.facts.scopes[scope].fn

    def class_around(self, scope: int) -> int:
        """The number of the innermost class, -1: none."""
        while scope >= 0:
            number = self.facts.scopes[scope].fn
            if number < 0:
                return -1
            if self.facts.functions[number].cls >= 0:
                return self.facts.functions[number].cls
            scope = self.facts.scopes[self.facts.functions[number].scope].parent
        return -1

    def narrow(self, path: str, at: int, values: Values) -> Values:
        """Without null and undefined where a condition excludes them."""
        if path not in self.facts.narrowed:
            return values
        bounds = self._narrowed.get(path)
        if bounds is None:
            bounds = self._narrowed[path] = _bounds(self.facts.narrowed[path])
        if bisect.bisect_right(bounds, at) % 2 == 0:
            return values
        return tuple((*v[:4], False) if v[0] == "u" else v for v in values if v[0] != "nul")

    def made(self, expr: Expr, make: Callable[[], Expr]) -> Expr:
        """An expression that stands for another one: always the same object."""
        found = self._made.get(id(expr))
        if found is None:
            found = self._made[id(expr)] = make()
        return found


@dataclass
class Project:
    """All files that can matter, sorted by path."""

    files: list[File]
    resolver: Resolver
    bindings: Bindings
    _targets: dict[tuple[int, str], int | None] = field(default_factory=dict)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """A file's number by its path."""
        return {file.path: file.index for file in self.files}

    def resolve(self, file: File, spec: str) -> int | None:
        """The file that an import means, None when it is none of the project's."""
        key = (file.index, spec)
        if key not in self._targets:
            found = self.resolver.resolve(file.path, spec)
            self._targets[key] = self.numbers.get(found) if found is not None else None
        return self._targets[key]

    @cached_property
    def globals(self) -> Mapping[str, list[tuple[int, Define]]]:
        """Names that one file declares for all: `declare global`, scripts, `globalThis.x = …`."""
        found: dict[str, list[tuple[int, Define]]] = {}
        for file in self.files:
            for name, defines in file.facts.globals.items():
                found.setdefault(name, []).extend((file.index, define) for define in defines)
            if file.facts.module or file.facts.exports:
                continue
            for name, defines in file.facts.scopes[0].names.items():
                kept = [d for d in defines if d.kind == "declare" or (d.kind == "var" and d.type is not None)]
                found.setdefault(name, []).extend((file.index, define) for define in kept)
        return found

    @cached_property
    def _ambient(self) -> dict[str, tuple[int, Declared]]:
        found: dict[str, tuple[int, Declared]] = {}
        for file in self.files:
            tables = [file.facts.ambient] if file.facts.module else [file.facts.types, file.facts.ambient]
            for table in tables:
                for name, declared in table.items():
                    before = found.get(name)
                    if before is not None and before[1].type[0] == "obj" == declared.type[0]:
                        both = ("obj", before[1].type[1] + declared.type[1])
                        extends = before[1].extends + declared.extends
                        found[name] = (before[0], Declared(both, declared.params, extends))
                    elif before is None:
                        found[name] = (file.index, declared)
        return found

    def ambient_type(self, files: list[File], name: str) -> tuple[File, Declared] | None:
        """A type that is declared for every file."""
        found = self._ambient.get(name)
        return (files[found[0]], found[1]) if found is not None else None

    @cached_property
    def durable_classes(self) -> frozenset[str]:
        """Class names that the configuration gives to Durable Objects."""
        return self.bindings.durable_classes

    @cached_property
    def abstractions(self) -> frozenset[str]:
        """Interfaces that a class of the project implements with a namespace of its own: what is called
        through them is that class."""
        return frozenset(
            _short(wanted)
            for file in self.files
            for made in file.facts.classes
            if made.implements and any(KV_TYPE.match(_short(said)) for said in _held(file, made))
            for wanted in made.implements
        )

    @cached_property
    def said(self) -> dict[str, tuple[str, int]]:
        """Names of members that any type of the project, also one that only stands between the angle
        brackets of a call, declares as a namespace or as something else that is bound: `(type's
        name, file)`; a namespace wins."""
        found: dict[str, tuple[str, int]] = {}
        for file in self.files:
            for table in (file.facts.types, file.facts.ambient):
                for declared in table.values():
                    self._say(file, declared.type, found)
            for call in file.facts.calls:  # new Hono<{ Bindings: { NAME: KVNamespace } }>()
                for given in call.expr[6] if len(call.expr) > 6 else ():
                    if given is not None:
                        self._say(file, given, found)
        return found

    def _say(self, file: File, type_: tuple[object, ...], found: dict[str, tuple[str, int]]) -> None:
        if type_[0] == "all":
            for part in type_[1]:  # type: ignore[attr-defined]  # the parts of an intersection are types
                self._say(file, part, found)
        if type_[0] != "obj":
            return
        for name, said, _ in type_[1]:  # type: ignore[attr-defined]  # the members of an object type
            short = _short(said)
            if KV_TYPE.match(short):
                found[name] = ("KVNamespace", file.index)
            elif short in OTHERS:
                found.setdefault(name, (short, file.index))
            elif said and said[0] == "obj":
                self._say(file, said, found)

    def binding(self, file: File | None, name: str, origin: str) -> Value | None:
        """What the configuration, or else any type of the project, says of a name in `env`."""
        kind, where = self.bindings.kind(file.path if file is not None else "", name)
        if kind == "kv_namespaces":
            return ("kv", name, 3, "wrangler-binding", f"{name} is bound to a namespace in {where}", None)
        if kind == "option":
            return ("kv", name, 3, "given-binding", f"{name} was named as a binding", None)
        if origin == "global":
            return None
        said = self.said.get(name)
        if said is not None and said[0] == "KVNamespace" and kind in ("", "vars", "secrets"):
            return ("kv", name, 3, "type-annotation", f"{name} is declared as KVNamespace", (said[1], 0))
        if kind == "script":
            return ("kv", name, 2, "command-line", f"{name} is a namespace in {where}", None)
        if kind in ("vars", "secrets"):
            return None
        if kind:
            return ("other", kind)
        return ("other", said[0]) if said is not None and name.upper() == name else None


def _bounds(spans: list[tuple[int, int]]) -> list[int]:
    """Where the union of some stretches begins and ends, in turn."""
    found: list[int] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1]:
            found[-1] = max(found[-1], end)
        else:
            found += (start, end)
    return found


def _held(file: File, made: Class) -> Iterator[Type | None]:
    """The types of a class's fields, and of what its constructor is given."""
    for defines in made.fields.values():
        yield from (define.type for define in defines)
    if made.constructor >= 0:
        yield from (define.type for define in file.facts.functions[made.constructor].params)


def _short(said: tuple[object, ...] | None) -> str:
    """The last name of a type, also of `T | undefined`."""
    if said is None:
        return ""
    if said[0] == "ref":
        return str(said[1]).rpartition(".")[2]
    if said[0] == "union":
        return next((s for part in said[1] if (s := _short(part))), "")  # type: ignore[attr-defined]
    return ""
