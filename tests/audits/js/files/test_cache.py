"""What is kept between audits: given back as it was, or not at all."""

import os
import pickle
from dataclasses import dataclass, make_dataclass, replace
from enum import Enum
from pathlib import Path

import pytest

from audits.auditing import audit
from audits.js.files.cache import Cache

CODE = """
export default { async fetch(request, env) {
  const session = await env.SESSIONS.get(`session:${id}`, "json");
  await env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: 3600 });
} };
"""
KEY = "0123456789"


class Kind(Enum):
    ONE = "one"


@dataclass(frozen=True, slots=True)
class Inner:
    name: str
    kind: Kind = Kind.ONE


@dataclass(frozen=True, slots=True)
class Outer:
    parts: tuple[Inner, ...]


@dataclass
class Hostile:
    place: Path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.place,)


VALUE = Outer((Inner("a"),))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_kept_is_given_back(tmp_path):
    Cache(tmp_path).put("outer", KEY, VALUE, Outer)
    assert Cache(tmp_path).get("outer", KEY, Outer) == VALUE
    assert Cache(tmp_path).get("outer", KEY[::-1], Outer) is None
    assert Cache(tmp_path).get("other", KEY, Outer) is None


INNER = {
    "a field more": make_dataclass("Inner", [("name", str), ("kind", Kind), ("more", int, 0)], slots=True),
    "a field less": make_dataclass("Inner", [("name", str)], slots=True),
    "another order": make_dataclass("Inner", [("kind", Kind), ("name", str)], slots=True),
    "another type": make_dataclass("Inner", [("name", bytes), ("kind", Kind)], slots=True),
    "another member": make_dataclass(
        "Inner", [("name", str), ("kind", Enum("Kind", {"ONE": "1"}))], slots=True
    ),
}


def outer(inner: type) -> type:
    made = make_dataclass("Outer", [("parts", tuple[inner, ...])], frozen=True, slots=True)  # type: ignore[valid-type]
    made.__module__ = inner.__module__ = Inner.__module__
    return made


@pytest.mark.parametrize("changed", INNER)
def test_what_other_classes_made_is_not_found(tmp_path, changed):
    """Under the same version: nobody has to think of raising it for a field."""
    Cache(tmp_path).put("outer", KEY, VALUE, Outer)
    assert Cache(tmp_path).get("outer", KEY, outer(INNER[changed])) is None
    assert Cache(tmp_path).get("outer", KEY, Outer) == VALUE


def test_what_is_of_another_type_is_not_given_out(tmp_path):
    Cache(tmp_path).put("outer", KEY, {"a": 1}, Outer)  # type: ignore[misc]
    assert files(tmp_path)
    assert Cache(tmp_path).get("outer", KEY, Outer) is None


def test_no_other_class_is_made_and_no_function_called(tmp_path):
    Cache(tmp_path).put("outer", KEY, Hostile(tmp_path / "made"), Outer)  # type: ignore[misc]
    assert Cache(tmp_path).get("outer", KEY, Outer) is None
    assert not (tmp_path / "made").exists()
    (place,) = files(tmp_path)
    pickle.loads(place.read_bytes()[32:])  # the file was fit for it
    assert (tmp_path / "made").exists()


def test_every_spoilt_byte_is_seen(tmp_path):
    Cache(tmp_path).put("outer", KEY, VALUE, Outer)
    (place,) = files(tmp_path)
    content = place.read_bytes()
    for at in range(len(content)):
        place.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert Cache(tmp_path).get("outer", KEY, Outer) is None, at
        place.write_bytes(content[:at])
        assert Cache(tmp_path).get("outer", KEY, Outer) is None, at
    place.write_bytes(content)
    assert Cache(tmp_path).get("outer", KEY, Outer) == VALUE


def test_a_folder_that_is_none_keeps_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file")
    cache.put("outer", KEY, VALUE, Outer)
    assert cache.get("outer", KEY, Outer) is None


def test_an_audit_takes_all_three_kinds_from_the_cache(audited, tmp_path, monkeypatch):
    """All that it keeps can be read again by the types that it asks for."""
    kept = tmp_path / "cache"
    first = audited(CODE, cache=kept)
    assert first.findings
    assert sorted({place.relative_to(kept).parts[0].split("-")[0] for place in files(kept)}) == [
        "analysis",
        "facts",
        "scan",
    ]
    for place in files(kept):  # the whole, then its parts
        if "analysis-" in str(place):
            monkeypatch.setattr("audits.js.analysis._analysed", None)
            assert audit(replace(first.request, cache=kept)).findings == first.findings
            monkeypatch.undo()
            place.unlink()
    monkeypatch.setattr("audits.js.files.loading._parsed", None)
    monkeypatch.setattr("audits.js.files.loading._look", None)
    assert audit(replace(first.request, cache=kept)).findings == first.findings


@pytest.mark.parametrize("spoilt", [b"", b"\x80", bytes(40), pickle.dumps({}), pickle.dumps(VALUE)])
def test_a_spoilt_cache_changes_nothing(audited, tmp_path, spoilt):
    kept = tmp_path / "cache"
    first = audited(CODE, cache=kept)
    for place in files(kept):
        place.write_bytes(spoilt)
    assert audit(replace(first.request, cache=kept)).findings == first.findings
    for place in files(kept):
        place.unlink()
        place.mkdir()
    assert audit(replace(first.request, cache=kept)).findings == first.findings
