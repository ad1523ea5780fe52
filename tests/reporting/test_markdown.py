"""The Markdown of a report: short, in order of importance, and nothing in it but our own markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from migrate.core.document import moment
from migrate.formats.review.markdown import MOST, markdown_text
from migrate.gate.exhibits import EXPORT, Exhibit
from migrate.reporting.review import build_report
from tests.reporting.hostile import hostile
from tests.reporting.story import NOW, migration


def test_the_answer_the_doors_and_the_waivers_are_in_sight_the_rest_is_folded():
    text = markdown_text(build_report(migration()))
    seen = text.partition("<details>")[0]
    assert seen.startswith("## kvferry: may the fallback be deleted?\n\n**yes**: open until")
    assert [line.split(" | ")[0] for line in seen.splitlines() if line.startswith("| o")] == [
        "| object-first",
        "| object-only",
        "| object-first",
    ]
    assert "the preview of the payment team is bound to another namespace" in seen
    assert text.count("<details>") == text.count("</details>") == 8
    assert len(text) < 16_000


def test_a_table_has_as_many_cells_in_every_row_as_in_its_head():
    for document in (build_report(migration()), hostile()[0]):
        widths: list[int] = []
        for line in [*markdown_text(document).splitlines(), ""]:
            if line.startswith("|"):
                widths.append(len(re.findall(r"(?<!\\)\|", line)))
            else:
                assert len(set(widths)) <= 1
                widths = []


@pytest.mark.parametrize("runs", [10, 500])
def test_it_is_never_longer_than_a_comment_may_be_and_says_what_it_left_out(runs):
    found = migration()
    one = next(one for one in found.bundle.exhibits if one.kind == EXPORT)
    more = []
    for at in range(runs):
        times = {"started": moment(NOW - 9e6 + at * 900), "finished": moment(NOW - 9e6 + at * 900 + 60)}
        more.append(Exhibit(EXPORT, times["finished"]["unix"], {**one.document, **times, "note": "n" * 900}))
    exhibits = (*more, *found.bundle.exhibits)
    text = markdown_text(build_report(replace(found, bundle=replace(found.bundle, exhibits=exhibits))))
    assert len(text) <= MOST
    assert "**yes**" in text


def test_what_has_no_room_is_named():
    document = build_report(migration())
    document["waivers"] = [{**document["waivers"][0], "reason": "r" * 400} for _ in range(90)]
    document["unseen"] = ["u" * 400] * 200
    text = markdown_text(document)
    assert len(text) <= MOST
    assert "Left out, since a comment has its limit: what it cannot see" in text
    assert text.index("! Waived") < text.index("<details>")


def test_nothing_that_somebody_else_wrote_is_markup_a_mention_or_a_link():
    document, _ = hostile()
    text = re.sub(r"(`+).*?\1", "", markdown_text(document))
    tags = set(re.findall(r"(?<!\\)<[^>]*>", text))
    assert tags <= {"<details>", "</details>", "<summary>", "</summary>", "<!-- -->"}
    assert not re.search(r"@\w|https?://|(?<!\\)\[|www\.e|(?<!\\)`", text)


def test_control_characters_are_shown_and_not_obeyed():
    document = build_report(migration())
    document["waivers"][0]["reason"] = "a\nb\x1b[31m\u202ec"
    text = markdown_text(document)
    assert "a\\\\nb\\\\x1b\\[31m\\\\u202ec" in text
