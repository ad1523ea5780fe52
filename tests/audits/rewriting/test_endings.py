"""Sample projects at the end of a migration, and exactly what is left of each without KV."""

import pytest

from audits.js.syntax import soundness
from tests.audits.rewriting import samples
from tests.audits.rewriting.samples import ENDING_NAMES, ENDINGS


@pytest.mark.parametrize("name", ENDING_NAMES)
def test_a_sample_becomes_what_is_beside_it(name):
    made = samples.ended(ENDINGS / name / "before")
    assert {one.path: one.after for one in made.changed} == samples.files(ENDINGS / name / "after")
    left = ENDINGS / name / "left.txt"
    assert samples.told(made) == (left.read_text() if left.exists() else "")
    for one in made.changed:
        assert soundness.broken(one.after, one.path) == 0


@pytest.mark.parametrize("name", ENDING_NAMES)
def test_a_second_removal_changes_nothing(name, tmp_path):
    for path, content in samples.files(ENDINGS / name / "before").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    for one in samples.ended(tmp_path).changed:
        (tmp_path / one.path).write_bytes(one.after)
    again = samples.ended(tmp_path)
    assert (again.changed, again.places) == ((), 0)


@pytest.mark.parametrize("name", ["backfill", "chained", "dual-writes"])
def test_a_file_that_is_cut_off_anywhere_does_no_harm(name, tmp_path):
    for path, content in samples.files(ENDINGS / name / "before").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    whole = (ENDINGS / name / "before" / "src" / "index.ts").read_bytes()
    for end in range(0, len(whole), 97):
        (tmp_path / "src" / "index.ts").write_bytes(whole[:end])
        for one in samples.ended(tmp_path).changed:
            assert soundness.broken(one.after, one.path) == 0


def test_there_are_many_styles():
    assert len(ENDING_NAMES) >= 10
