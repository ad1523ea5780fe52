import json
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.stores.dump import walk
from migrate.stores.dump.walk import Walker, WalkError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
indents = st.sampled_from([None, 0, 1, 2])


@pytest.fixture(params=[1, 3, 64], autouse=True)
def narrow_window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "_STEP", request.param)


@pytest.mark.parametrize("step", [1, 2, 5, 17, 1 << 18])
def test_elements_are_given_back_byte_for_byte_at_every_window(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @settings(deadline=None)
    @given(st.lists(json_values, max_size=5), indents, st.booleans())
    def check(values: list[object], indent: int | None, ascii_only: bool) -> None:
        text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
        walker = Walker(BytesIO(text.encode("utf-8", "surrogatepass")))
        raws = [raw.decode("utf-8", "surrogatepass") for raw, _ in walker.elements()]
        assert all(raw in text for raw in raws)
        assert [json.loads(raw) for raw in raws] == values
        assert walker.rest() == b""

    monkeypatch.setattr(walk, "_STEP", step)
    check()


def test_members_are_given_with_the_line_of_their_name() -> None:
    text = '\n{"a":1,\n"b" :\n\n[1,\n2],"\\n": "x"\n}\n Success! '
    walker = Walker(BytesIO(text.encode()))
    assert list(walker.members()) == [
        (b'"a"', b"1", 2),
        (b'"b"', b"[1,\n2]", 3),
        (b'"\\n"', b'"x"', 6),
    ]
    assert walker.rest() == b"Success!"


def test_elements_are_given_with_the_line_where_they_begin() -> None:
    walker = Walker(BytesIO(b"[\n{}, 12\n,\n\n[\n]\n]"))
    assert list(walker.elements()) == [(b"{}", 2), (b"12", 2), (b"[\n]", 5)]


@pytest.mark.parametrize("text", ["[]", " [ ] ", "[\n]"])
def test_an_empty_array_has_no_elements(text: str) -> None:
    assert list(Walker(BytesIO(text.encode())).elements()) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("[", 1),
        ("[1,\n", 2),
        ("[1,\n]", 2),
        ("[1\n2]", 2),
        ("[1,\n\ntru]", 3),
        ("[1,\n{]", 2),
        ('["a', 1),
        ('[\n"a\nb"]', 2),
        ("[,1]", 1),
        ("[\n\n" + "[" * 100_000, 3),
    ],
)
def test_a_broken_array_is_refused_with_the_line(text: str, line: int) -> None:
    with pytest.raises(WalkError) as caught:
        list(Walker(BytesIO(text.encode())).elements())
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text", ["{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{1:2}", '{"a" 1}', "{,}"]
)
def test_a_broken_object_is_refused(text: str) -> None:
    with pytest.raises(WalkError):
        list(Walker(BytesIO(text.encode())).members())


def test_an_error_early_in_a_large_document_is_found_without_reading_it_all() -> None:
    stream = BytesIO(b"[1, oops, " + b"1, " * 100_000 + b"1]")
    with pytest.raises(WalkError):
        list(Walker(stream).elements())
    assert stream.tell() < 1_000
