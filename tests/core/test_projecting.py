import itertools
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migrate.core.projecting import NOTHING, Path, Projection, pointer
from migrate.errors import ConfigError

WHY = {"reason": "the class keeps it otherwise"}
NAMES = st.sampled_from(["a", "b", "c", "~/", ""])
LEAVES = st.sampled_from([None, True, 1, 1.5, "", "x", [], [{"a": 1}], [1, 2]])
VALUES = st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=8)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


def ignore(path: Path) -> dict[str, str]:
    return {"ignore": pointer(path), **WHY}


def rename(path: Path, name: str) -> dict[str, str]:
    return {"rename": pointer(path), "to": pointer((*path[:-1], name)), **WHY}


ENTRIES = st.lists(PATHS.map(ignore) | st.builds(rename, PATHS, NAMES), min_size=1, max_size=4)


def parsed(entries: list[dict[str, str]]) -> Projection:
    """The projection of a list; a list that is refused is not looked at any further."""
    try:
        return Projection.parse(entries)
    except ConfigError:
        assume(False)
        raise


PROJECTIONS = ENTRIES.map(parsed)


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def members(value: dict[str, Any], at: Path = ()) -> dict[Path, str]:
    """Each member's path, with what stands there; of an object only that it is one."""
    found = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            found |= {(*at, name): "an object", **members(inner, (*at, name))}
        else:
            found[*at, name] = json.dumps(inner)
    return found


def equal_but_for(projection: Projection, source: dict[str, Any], target: dict[str, Any]) -> bool:
    """The same question, answered over lists of members instead of objects."""
    ours, theirs = members(source), members(target)
    for one in projection.ignored:
        ours, theirs = (
            {path: leaf for path, leaf in side.items() if path[: len(one.path)] != one.path}
            for side in (ours, theirs)
        )
    for rule in projection.renamed:
        if rule.path in ours and rule.target in ours:
            return False
        size = len(rule.path)
        ours = {
            (*rule.target, *path[size:]) if path[:size] == rule.path else path: leaf
            for path, leaf in ours.items()
        }
    return ours == theirs


@given(PROJECTIONS, OBJECTS, OBJECTS)
def test_two_values_are_equal_just_when_they_are_but_for_the_named_fields(
    projection: Projection, source: dict[str, Any], target: dict[str, Any]
) -> None:
    assert projection.same(text(source), text(target)) == equal_but_for(projection, source, target)
    projected = projection.of_source(source)
    if projected is not None:
        assert projection.same(text(source), text(projected))
        assert equal_but_for(projection, source, projected)


@given(PROJECTIONS, OBJECTS)
def test_projecting_twice_is_projecting_once(projection: Projection, value: dict[str, Any]) -> None:
    once = projection.of_source(value)
    if once is not None:
        assert projection.of_source(once) == once
    assert projection.of_target(projection.of_target(value)) == projection.of_target(value)


@given(PROJECTIONS, OBJECTS)
def test_projecting_leaves_the_value_itself_alone(projection: Projection, value: dict[str, Any]) -> None:
    before = text(value)
    projection.of_source(value)
    projection.of_target(value)
    assert text(value) == before


@given(ENTRIES, OBJECTS, OBJECTS, st.randoms(use_true_random=False))
def test_neither_the_order_of_entries_nor_that_of_members_matters(
    entries: list[dict[str, str]], source: dict[str, Any], target: dict[str, Any], random: Any
) -> None:
    projection = parsed(entries)
    shuffled = random.sample(entries, len(entries))
    turned = dict(reversed(source.items()))
    assert Projection.parse(shuffled).words() == projection.words()
    assert Projection.parse(shuffled).same(text(turned), text(target)) == projection.same(
        text(source), text(target)
    )


@given(PROJECTIONS, OBJECTS, st.data())
def test_a_field_that_is_not_named_is_never_let_differ(
    projection: Projection, source: dict[str, Any], data: st.DataObject
) -> None:
    target = projection.of_source(source)
    assume(target)
    assert target is not None
    named = [one.path for one in projection.ignored]
    free = [path for path in members(target) if not any(path[: len(one)] == one for one in named)]
    assume(free)
    path = data.draw(st.sampled_from(free))
    changed: dict[str, Any] = json.loads(text(target))
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = ["another"]
    assert not projection.same(text(source), text(changed))
    del holder[path[-1]]
    assert not projection.same(text(source), text(changed))


@given(PROJECTIONS)
def test_the_entries_say_the_projection_again(projection: Projection) -> None:
    assert Projection.parse(projection.entries()) == projection


LIST = Projection.parse([{"ignore": "/seen", **WHY}, {"rename": "/user/user_id", "to": "/user/id", **WHY}])


@pytest.mark.parametrize(
    ("source", "target", "same"),
    [
        ('{"user": {"user_id": 7}, "seen": 1}', '{"seen": 2, "user": {"id": 7}}', True),
        ('{"user": {"user_id": 7}}', '{"user": {"id": 7}, "seen": 2}', True),
        ('{"user": {"user_id": 7}}', '{"user": {"id": 8}}', False),
        ('{"user": {"id": 7}, "seen": 1}', '{"user": {"id": 7}}', True),
        # renamed on the source's side only, and never over another field
        ('{"user": {"id": 7}}', '{"user": {"user_id": 7}}', False),
        ('{"user": {"id": 7, "user_id": 7}}', '{"user": {"id": 7}}', False),
        # only objects, on both sides
        ('[{"seen": 1}]', '[{"seen": 2}]', False),
        ('{"seen": 1}', "null", False),
        ('{"seen": 1}', "{seen: 2}", False),
        ("", "", False),
        # steps go through objects only
        ('{"user": [{"user_id": 7}]}', '{"user": [{"id": 7}]}', False),
        ('{"user": 1, "seen": 1}', '{"user": 1, "seen": 2}', True),
        ('{"user": 1, "seen": 1}', '{"user": true, "seen": 2}', False),
    ],
)
def test_what_a_list_makes_equal(source: str, target: str, same: bool) -> None:
    assert LIST.same(source.encode(), target.encode()) is same


def test_without_a_list_nothing_is_made_equal() -> None:
    assert not NOTHING
    assert not NOTHING.same(b'{"a": 1}', b'{"a": 1}')


def test_what_nests_too_deeply_to_be_parsed_is_not_equal() -> None:
    deep = b'{"seen": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert not LIST.same(deep, deep)


BAD = {
    "no pointer": [{"ignore": "lastAccessed", **WHY}],
    "the whole value": [{"ignore": "", **WHY}],
    "no such escape": [{"ignore": "/a~2", **WHY}],
    "an escape that is cut": [{"ignore": "/a~~0", **WHY}],
    "the same twice": [{"ignore": "/a", **WHY}, {"ignore": "/a", **WHY}],
    "two onto one name": [{"rename": "/a", "to": "/c", **WHY}, {"rename": "/b", "to": "/c", **WHY}],
    "one to two names": [{"rename": "/a", "to": "/b", **WHY}, {"rename": "/a", "to": "/c", **WHY}],
    "a chain": [{"rename": "/a", "to": "/b", **WHY}, {"rename": "/b", "to": "/c", **WHY}],
    "a swap": [{"rename": "/a", "to": "/b", **WHY}, {"rename": "/b", "to": "/a", **WHY}],
    "to itself": [{"rename": "/a", "to": "/a", **WHY}],
    "renamed and ignored": [{"rename": "/a", "to": "/b", **WHY}, {"ignore": "/b", **WHY}],
    "within what is ignored": [{"ignore": "/a", **WHY}, {"ignore": "/a/b", **WHY}],
    "within what is renamed": [{"ignore": "/b/c", **WHY}, {"rename": "/a", "to": "/b", **WHY}],
    "out of its object": [{"rename": "/a/b", "to": "/b", **WHY}],
}


@pytest.mark.parametrize("why", BAD)
def test_a_list_that_could_be_read_in_two_ways_is_refused(why: str) -> None:
    for entries in itertools.permutations(BAD[why]):
        with pytest.raises(ConfigError, match=r"^project: ") as caught:
            Projection.parse(entries)
        assert caught.value.hint
