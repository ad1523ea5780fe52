"""Small Workers in every style, with the findings that a careful reviewer expects of them."""

from collections import Counter

import pytest

from tests.audits.cases_reader import JUDGED, BadCase, Case, difference, found, parse, read, run

CASES = read()
STYLES = [case for case in CASES if {*case.rules} <= {*JUDGED}]
"""Those that are about puts and sessions: in folders by style; the others are in folders by rule."""


def parameter(case: Case):
    marks = [pytest.mark.xfail(reason=case.open, strict=True)] if case.open else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_the_findings_are_those_that_a_reviewer_expects(case: Case, tmp_path):
    result = run(case, tmp_path)
    wrong = difference(case, found(case, result), result)
    assert not wrong, "\n" + wrong


def test_there_are_enough_of_both_kinds():
    kinds = Counter(case.kind for case in STYLES)
    assert min(kinds["err"], kinds["ok"]) >= 150


def test_every_style_has_both_kinds():
    kinds = {(case.style, case.kind) for case in STYLES}
    assert {style for style, kind in kinds if kind == "err"} == {
        style for style, kind in kinds if kind == "ok"
    }


def test_no_two_cases_are_the_same():
    texts = Counter((tuple(sorted(case.files.items())), str(case.options)) for case in CASES)
    assert max(texts.values()) == 1


SAMPLE = "# a put\nrules: KV002\noptions: prefix=s:, binding=A\n-- a.ts --\nx\n  a.put(b); //! KV002 error, KV002\n"


def test_a_case_is_read_with_its_marks_taken_off():
    case = parse("s/n", SAMPLE)
    assert (case.style, case.kind, case.about, case.rules) == ("s", "err", "a put", ("KV002",))
    assert case.files == {"a.ts": "x\n  a.put(b);\n"}
    assert [str(spot) for spot in case.expected] == ["a.ts:2 KV002", "a.ts:2 KV002 error"]
    assert case.settings.prefixes == ("spotify_session:", "s:")
    assert case.options["binding"] == ("A",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-- a.ts --\nx\n", "does not say what it shows"),
        ("# a\n", "no file"),
        ("# a\nrule: KV001\n-- a.ts --\nx\n", "its header has"),
        ("# a\n-- a.ts --\nx //! KV2\n", "marks `KV2`"),
        ("# a\n-- a.ts --\nx //!KV002\n", "a marker that is not one"),
        ("# a\nrules: KV001\n-- a.ts --\nx //! KV002\n", "not among its rules"),
        ("# a\noptions: ttl=3\n-- a.ts --\nx\n", "is no option"),
        ("# a\n-- a.ts --\nx\n-- a.ts --\ny\n", "twice"),
    ],
)
def test_a_case_that_does_not_say_what_it_means_is_refused(text, told):
    with pytest.raises(BadCase, match=told):
        parse("s/n", text)


def test_the_difference_names_what_is_missed_unexpected_and_otherwise_severe():
    case = parse("s/n", "# a\n-- a.ts --\nput(1); //! KV002 error\nput(2); //! KV002 error\nput(3);\n")
    seen = tuple(parse("s/n", "# a\n-- a.ts --\n\nx //! KV002 warning\nx //! KV001\n").expected)
    lines = difference(case, seen).splitlines()
    assert lines[1::2] == [
        "missed      a.ts:1 KV002 error",
        "severity    a.ts:2 KV002 error, but found as warning",
        "unexpected  a.ts:3 KV001: ",
    ]
    assert difference(case, case.expected) == ""
