import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.jsonc import JsoncError, blank, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='ab"\\/*,]}: \nü\u2028', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('/*,"a', max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
GAPS = st.sampled_from(
    ["", " ", "\n", "//\n", '// , ] " /* \n', "/**/", '/* , } " // \n */', "/*/ */", "\t\r\n"]
)


def tokens(value):
    """The JSON text of a value, in the pieces between which blanks and comments may stand."""
    if isinstance(value, list):
        return ["[", *(t for i, v in enumerate(value) for t in ([","] if i else []) + tokens(v)), "]"]
    if isinstance(value, dict):
        pieces = ["{"]
        for index, (key, inner) in enumerate(value.items()):
            pieces += ([","] if index else []) + [json.dumps(key, ensure_ascii=False), ":", *tokens(inner)]
        return [*pieces, "}"]
    return [json.dumps(value, ensure_ascii=False)]


@settings(deadline=None)
@given(value=VALUES, data=st.data())
def test_comments_and_trailing_commas_anywhere_outside_strings_never_change_the_value(value, data):
    text = data.draw(GAPS)
    previous = ""
    for token in tokens(value):
        if token in ("]", "}") and previous not in ("[", "{") and data.draw(st.booleans()):
            text += "," + data.draw(GAPS)
        text += token + data.draw(GAPS)
        previous = token
    assert loads(text) == value


@settings(deadline=None)
@given(text=st.text(alphabet='ab"\\/*,[]{}: \n\r', max_size=40))
def test_blanking_moves_nothing_and_touches_no_line_end(text):
    try:
        blanked = blank(text)
    except JsoncError:
        return
    assert len(blanked) == len(text)
    for before, after in zip(text, blanked, strict=True):
        assert after == before or (after == " " and before not in "\r\n")


@settings(deadline=None)
@given(text=st.text(alphabet='{}[]":,/*\\ab1 \n', max_size=30))
def test_what_plain_json_accepts_is_read_the_same(text):
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert loads(text) == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("[,]", 1),
        ("[1,,]", 1),
        ('{"a":,}', 1),
        ('{,"a":1}', 1),
        ("\n[1\n// 2\n 3]", 4),
        ('{"a": 1,\n/* never\nclosed', 2),
        ("[1] /*/", 1),
        ('["open // ]\n]', 1),
        ('["open /* \n */ "]', 1),
        ("[tr/**/ue]", 1),
        ("[1/**/2]", 1),
        ("['single']", 1),
        ("[NaN]", 1),
        ("[1] // fine\n, [2]", 2),
        ("[" * 100_000, 1),
        ("[" + "9" * 5_000 + "]", 1),
    ],
)
def test_what_is_no_json_even_with_comments_is_an_error_with_its_line(text, line):
    with pytest.raises(JsoncError) as caught:
        loads(text)
    assert caught.value.line == line
    assert "\n" not in caught.value.message


def test_a_byte_order_mark_is_no_part_of_the_value():
    assert loads('\ufeff{"a": 1}') == {"a": 1}
