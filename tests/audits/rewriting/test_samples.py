"""Sample projects of many styles, and exactly what a rewriting makes of each."""

from collections import Counter
from pathlib import Path

import pytest

from audits.js.syntax import soundness
from audits.rewriting.source import Source
from tests.audits.rewriting import samples
from tests.audits.rewriting.samples import FOLDER, NAMES


def applied(root: Path, name: str) -> None:
    """Copy a sample and write what the rewriting makes of it."""
    for path, content in samples.files(FOLDER / name / "before").items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for one in samples.rewritten(root, samples.options(name)).changed:
        (root / one.path).write_bytes(one.after)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_becomes_what_is_beside_it(name):
    made = samples.rewritten(FOLDER / name / "before", samples.options(name))
    assert {one.path: one.after for one in made.changed} == samples.files(FOLDER / name / "after")
    left = FOLDER / name / "left.txt"
    assert samples.told(made) == (left.read_text() if left.exists() else "")
    assert bool(made.places) == bool(made.changed)
    assert all(one.before != one.after for one in made.changed)


@pytest.mark.parametrize("name", NAMES)
def test_a_second_rewriting_changes_nothing(name, tmp_path):
    applied(tmp_path, name)
    again = samples.rewritten(tmp_path, samples.options(name))
    assert (again.changed, again.places) == ((), 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_result_parses_and_keeps_comments_line_breaks_and_marks(name):
    for one in samples.rewritten(FOLDER / name / "before", samples.options(name)).changed:
        assert soundness.broken(one.after, one.path) == 0
        before, after = Source(one.path, one.before), Source(one.path, one.after)
        kept = Counter(map(after.text, after.comments))
        assert not Counter(map(before.text, before.comments)) - kept
        assert one.after.startswith(b"\xef\xbb\xbf") == one.before.startswith(b"\xef\xbb\xbf")
        crlf = one.before.count(b"\r\n") == one.before.count(b"\n")
        assert one.after.count(b"\r\n") == (one.after.count(b"\n") if crlf else 0)


@pytest.mark.parametrize("name", ["text-uses", "renewal", "service-class", "comments", "promises"])
def test_a_file_that_is_cut_off_anywhere_does_no_harm(name, tmp_path):
    for path, content in samples.files(FOLDER / name / "before").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    path, whole = next(
        (p, c) for p, c in samples.files(FOLDER / name / "before").items() if b"SESSIONS." in c
    )
    for end in range(0, len(whole), 61):
        (tmp_path / path).write_bytes(whole[:end])
        for one in samples.rewritten(tmp_path, {}).changed:
            assert soundness.broken(one.after, one.path) == 0


def test_the_result_does_not_depend_on_the_part_that_is_asked_for():
    from audits.request import Request
    from audits.rewriting import sessions, to_store

    root = FOLDER / "hono" / "before"
    request = Request(root, paths=("src/middleware.ts",))
    found = sessions.of(request).operations
    made = to_store.rewrite(
        found,
        to_store.Wanted("sess:"),
        request.folder.read,
        lambda path: (root / path).exists(),
        request.covers,
    )
    assert [one.path for one in made.changed] == ["src/middleware.ts"]
    assert made.changed[0].after == (FOLDER / "hono" / "after" / "src" / "middleware.ts").read_bytes()


def test_there_are_many_styles():
    assert len(NAMES) >= 20
    assert sum((FOLDER / name / "after").exists() for name in NAMES) >= 20
