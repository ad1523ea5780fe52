"""Edits of bytes: who gets into whose way, what comes out, and a diff that git takes."""

import subprocess

import pytest

from audits.editing import Changed, apply, compatible, unified
from audits.finding import Edit


def edit(start, end, text, path="a.ts"):
    return Edit(path, start, end, text)


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        (edit(0, 3, "x"), edit(3, 5, "y"), True),
        (edit(0, 3, "x"), edit(2, 5, "y"), False),
        (edit(0, 5, "x"), edit(2, 2, "y"), False),
        (edit(2, 2, "y"), edit(0, 5, "x"), False),
        (edit(0, 5, "x"), edit(5, 5, "y"), True),
        (edit(0, 0, "y"), edit(0, 5, "x"), True),
        (edit(2, 2, "x"), edit(2, 2, "y"), False),
        (edit(2, 2, "x"), edit(2, 2, "x"), True),
        (edit(0, 3, "x"), edit(0, 3, "x"), True),
        (edit(0, 3, "x"), edit(0, 3, "y", "b.ts"), True),
    ],
)
def test_no_two_groups_change_the_same_bytes(first, second, fits):
    assert compatible([[first], [second]]) == [True, fits]


def test_a_group_is_taken_whole_or_not_at_all():
    groups = [[edit(0, 1, "a")], [edit(0, 1, "b"), edit(5, 6, "c")], [edit(5, 6, "d")]]
    assert compatible(groups) == [True, False, True]


def test_edits_are_made_in_the_order_of_the_file_and_insertions_in_the_order_given():
    edits = [edit(3, 5, "-"), edit(0, 0, "<"), edit(0, 0, "<<"), edit(5, 5, ">")]
    assert apply(b"abcdef", edits) == b"<<<abc->f"


@pytest.mark.parametrize("edits", [[edit(0, 3, ""), edit(2, 4, "")], [edit(5, 7, "")], [edit(3, 2, "")]])
def test_edits_that_overlap_or_lie_outside_are_refused(edits):
    with pytest.raises(ValueError, match="overlaps another one or lies outside"):
        apply(b"abcdef", edits)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (b"a\r\nb\r\n", b"x\r\ny\r\na\r\nb\r\n"),
        (b"a\nb\n", b"x\ny\na\nb\n"),
        (b"a\nb\nc\r\n", b"x\ny\na\nb\nc\r\n"),
        (b"", b"x\ny\n"),
    ],
)
def test_line_breaks_are_those_of_the_file(source, wanted):
    assert apply(source, [edit(0, 0, "x\ny\n")]) == wanted


def test_what_is_not_edited_stays_byte_for_byte():
    source = b"\xef\xbb\xbfa\xff\x00\rb"
    assert apply(source, [edit(4, 4, "é")]) == b"\xef\xbb\xbfa\xc3\xa9\xff\x00\rb"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\nc\n", b"a\nB\nc\n"),
        (b"a\nb", b"a\nb\nc"),
        (b"a\r\nb\r\n", b"a\r\nB\r\n"),
        (b"a\x0cb\rc\nd\n", b"a\x0cb\rc\nD\n"),
        (b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb\n"),
    ],
)
def test_git_applies_the_diff(before, after, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.ts").write_bytes(before)
    text = b"# a line for people\n" + unified(Changed("src/a.ts", before, after))
    subprocess.run(["git", "apply", "-"], input=text, cwd=tmp_path, check=True)
    assert (tmp_path / "src" / "a.ts").read_bytes() == after


def test_nothing_changed_is_no_diff():
    assert unified(Changed("a.ts", b"a", b"a")) == b""
