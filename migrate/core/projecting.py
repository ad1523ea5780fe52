"""Projection: which fields of a session may differ, or have another name, without being a difference.

A class that stores decoded fields gives back JSON that is made of its columns: some have other names
there, some are its own affair (a column that every read sets). The project list of the configuration
names each of them with the reason, and two values are then compared without them:

    source {"user_id": 7, "seen": 1}  ─ rename /user_id to /userId, ignore /seen ─▶ {"userId": 7}
    target {"userId": 7, "seen": 9}   ─ ignore /seen ─────────────────────────────▶ {"userId": 7}

Fields are named by JSON Pointers (RFC 6901), whose steps are members of objects, never places in a
list. What is ignored is dropped on both sides; what is renamed is renamed on the source's side only.
A value is never changed by this, only looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.core.record import Record, Row, equal_json, holds, parse_json, same_json
from migrate.errors import ConfigError

Path = tuple[str, ...]
"""The members to go through, outermost first."""

Entry = Mapping[str, str]
"""As the configuration has it: ignore or rename, to, reason."""

_HINT = 'name a field by its JSON Pointer, for example "/lastAccessed" or "/user/id"'


@dataclass(frozen=True, slots=True)
class Ignored:
    """A field that is dropped on both sides."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A field that the source has under the last member of `path` and the target under `name`."""

    path: Path
    name: str
    reason: str

    @property
    def target(self) -> Path:
        """Where the target has it: in the same object."""
        return (*self.path[:-1], self.name)


@dataclass(frozen=True, slots=True)
class Projection:
    """What the project list says, in its order. Without any field it is false, and equates nothing.

    `form`: values of equal JSON are equal anyway, for a target that keeps no bytes.
    """

    ignored: tuple[Ignored, ...] = ()
    renamed: tuple[Renamed, ...] = ()
    form: bool = False

    @classmethod
    def parse(cls, entries: Iterable[Entry]) -> Projection:
        """Read the list of the configuration.

        Raises ConfigError for what is no pointer, a rename that leaves its object, and two entries
        that speak of one field, or of a field and one within it.
        """
        ignored: list[Ignored] = []
        renamed: list[Renamed] = []
        for entry in entries:
            if "ignore" in entry:
                ignored.append(Ignored(_path(entry["ignore"]), entry["reason"]))
            else:
                renamed.append(_renamed(entry))
        _distinct([one.path for one in ignored] + [end for one in renamed for end in (one.path, one.target)])
        return cls(tuple(ignored), tuple(renamed))

    def __bool__(self) -> bool:
        return bool(self.ignored or self.renamed)

    def entries(self) -> list[dict[str, str]]:
        """The list again, as the configuration has it: what is ignored, then what is renamed."""
        return [
            *({"ignore": pointer(one.path), "reason": one.reason} for one in self.ignored),
            *(
                {"rename": pointer(one.path), "to": pointer(one.target), "reason": one.reason}
                for one in self.renamed
            ),
        ]

    def words(self) -> list[list[str]]:
        """What it means, whatever the order and the reasons: equal for lists that do the same."""
        ignored = [["ignore", pointer(one.path)] for one in self.ignored]
        renamed = [["rename", pointer(one.path), pointer(one.target)] for one in self.renamed]
        return sorted(ignored + renamed)

    def same(self, source: bytes, target: bytes) -> bool:
        """Are both JSON objects that are equal but for what the list names? False without a list, but
        for what `form` equates."""
        if self.form and same_json(source, target):
            return True
        if not self:
            return False
        try:
            one, other = parse_json(source), parse_json(target)
            if not isinstance(one, dict) or not isinstance(other, dict):
                return False
            projected = self.of_source(one)
            return projected is not None and equal_json(projected, self.of_target(other))
        except (ValueError, RecursionError):
            return False

    def of_source(self, value: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is compared of the source's value. None: it has the new name of a field as well as the
        old one, so that one of two fields would be lost."""
        projected = self.of_target(value)
        for one in self.renamed:
            holder = _within(projected, one.path)
            if holder is None or one.path[-1] not in holder:
                continue
            if one.name in holder:
                return None
            holder[one.name] = holder.pop(one.path[-1])
        return projected

    def of_target(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """What is compared of the target's value."""
        named = [*(one.path for one in self.ignored), *(one.path for one in self.renamed)]
        projected = _copied(value, named)
        for one in self.ignored:
            holder = _within(projected, one.path)
            if holder is not None:
                holder.pop(one.path[-1], None)
        return projected


NOTHING = Projection()
"""No project list."""


def same_value(record: Record, row: Row, projection: Projection) -> bool:
    """Do both hold the same value, byte for byte or but for what the projection names?

    Of a value that was not shown only the first is known.
    """
    if holds(row.value, record.value):
        return True
    return isinstance(row.value, bytes) and projection.same(record.value, row.value)


def pointer(path: Path) -> str:
    """The JSON Pointer of a path (RFC 6901, section 3)."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _path(text: str) -> Path:
    return steps(text, "project", _HINT)


def steps(text: str, where: str, hint: str = "for example /createdAt, or /meta/created") -> Path:
    """The path of a JSON Pointer. Raises ConfigError; the whole value is no field."""
    found = text.split("/")
    bare = text.replace("~0", "").replace("~1", "")
    if found[0] or len(found) < 2 or "~" in bare:
        raise ConfigError(f"{where}: {text!r} is no JSON Pointer to a field", hint)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in found[1:])


def _renamed(entry: Entry) -> Renamed:
    path, to = _path(entry["rename"]), _path(entry["to"])
    if path[:-1] != to[:-1]:
        raise ConfigError(
            f"project: {entry['rename']} cannot become {entry['to']}: a rename stays in its object",
            f"name a field beside it, such as {pointer((*path[:-1], to[-1]))}",
        )
    return Renamed(path, to[-1], entry["reason"])


def _distinct(paths: Sequence[Path]) -> None:
    """No two entries may speak of one field: which of them holds would be a guess."""
    for one, other in itertools.pairwise(sorted(paths)):
        # sorted, a field's neighbour behind it is itself or lies within it, if anything does
        if one == other:
            raise ConfigError(
                f"project: two entries speak of {pointer(one)}",
                "ignore a field or rename it, once, and rename no two fields to one name",
            )
        if other[: len(one)] == one:
            raise ConfigError(
                f"project: {pointer(other)} lies within {pointer(one)}, of which another entry speaks",
                "keep the entry of the outer field, or name the inner ones only",
            )


def _within(value: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The object that holds the last member of a path, None when there is none."""
    for step in path[:-1]:
        inner = value.get(step)
        if not isinstance(inner, dict):
            return None
        value = inner
    return value


def _copied(value: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """A copy whose objects along the paths are copies, too: they may be changed."""
    whole = dict(value)
    for path in paths:
        holder = whole
        for step in path[:-1]:
            inner = holder.get(step)
            if not isinstance(inner, dict):
                break
            holder[step] = inner = dict(inner)
            holder = inner
    return whole
