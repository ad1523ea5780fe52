"""What objects of a type are made of: the classes that can be in them, and a name for their fields."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from dataclasses import dataclass
from typing import get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Shape:
    """`name`: 12 hex digits, others as soon as a class has another field, type of a field, or member.
    `classes`: those of the project, by module and name."""

    name: str
    classes: dict[tuple[str, str], type]


_KNOWN: dict[object, Shape] = {}


def of(wanted: object) -> Shape:
    """The shape of a class, or of a type like `dict[str, Record]`, and of all that its fields name."""
    if wanted not in _KNOWN:
        _KNOWN[wanted] = _made(wanted)
    return _KNOWN[wanted]


def _made(wanted: object) -> Shape:
    seen: dict[type, str] = {}
    _walk(wanted, seen)
    said = [repr(wanted), *(f"{one.__module__}.{one.__qualname__} {fields}" for one, fields in seen.items())]
    name = hashlib.sha256("\n".join(said).encode()).hexdigest()[:12]
    return Shape(name, {(one.__module__, one.__qualname__): one for one in seen})


def _walk(part: object, seen: dict[type, str]) -> None:
    for inner in get_args(part):
        _walk(inner, seen)
    if not isinstance(part, type) or part in seen:
        return
    if issubclass(part, enum.Enum):
        seen[part] = repr([(member.name, member.value) for member in part])
    elif dataclasses.is_dataclass(part):
        hints = get_type_hints(part)
        fields = [(field.name, hints[field.name]) for field in dataclasses.fields(part)]
        seen[part] = repr(fields)
        for _, said in fields:
            _walk(said, seen)
