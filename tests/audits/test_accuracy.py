from tests.audits.cases_reader import parse
from tests.bench.accuracy import Tally, means, tallies, tally

CASE = parse(
    "style/name", "# a\n-- a.ts --\nkv.put(1); //! KV002 error\nkv.put(2); //! KV002 error, KV001\nx\n"
)
SEEN = parse("style/name", "# a\n-- a.ts --\nx //! KV002 warning\nx\nx //! KV002\n").expected


def test_findings_are_counted_by_place_whatever_their_severity():
    assert tally(CASE.expected, SEEN, "KV002") == Tally(right=1, false=1, missed=1)
    assert tally(CASE.expected, SEEN, "KV001") == Tally(missed=1)


def test_precision_and_recall_are_none_where_there_is_nothing_to_be_right_about():
    assert (Tally(3, 1, 0).precision, Tally(3, 1, 0).recall) == (75.0, 100.0)
    assert (Tally().precision, Tally().recall) == (None, None)
    assert (Tally(0, 2, 0).precision, Tally(0, 2, 0).recall) == (0.0, None)


def test_each_style_counts_alike_in_the_mean():
    assert means([Tally(9, 1, 0), Tally(1, 0, 1), Tally()]) == (95.0, 75.0)


def test_an_open_case_counts_as_an_error(tmp_path):
    text = "# a\nopen: not yet\n-- a.ts --\nelsewhere(kv); //! KV002\n"
    (found,) = [
        count for (_, code), count in tallies([parse("s/n", text)], tmp_path).items() if code == "KV002"
    ]
    assert found == Tally(missed=1)
