"""What git ignores, asked of the files that say so."""

from pathlib import Path

import pytest

from audits.js.files.gitignore import above, asked, ignores, within
from audits.refusal import Refused


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / "apps" / "one").mkdir(parents=True)
    return tmp_path


def test_the_rules_of_folders_above_hold_below(checkout):
    (checkout / ".gitignore").write_text("/apps/one/made/\n*.gen.ts\n")
    (checkout / "apps" / ".gitignore").write_text("!keep.gen.ts\n/one/x.ts\n")
    rules = above(checkout / "apps" / "one")
    told = {path: ignores(rules, path) for path in ("made/", "a.gen.ts", "keep.gen.ts", "x.ts", "src/x.ts")}
    assert told == {"made/": True, "a.gen.ts": True, "keep.gen.ts": False, "x.ts": True, "src/x.ts": False}


def test_the_nearest_folder_has_the_last_word(checkout):
    (checkout / ".gitignore").write_text("a.ts\n")
    one = checkout / "apps" / "one"
    (one / "src").mkdir()
    (one / "src" / ".gitignore").write_text("!a.ts\n/b.ts\n")
    rules = within(one / "src", "src/", above(one))
    assert [ignores(rules, path) for path in ("a.ts", "src/a.ts", "src/b.ts", "src/x/b.ts")] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("line", ["!", "a\\", "[z-a]"])
def test_a_line_that_is_no_pattern_leaves_the_others_as_they_are(line, checkout):
    (checkout / ".gitignore").write_text(f"{line}\nb.ts\n")
    rules = within(checkout, "", [])
    assert [ignores(rules, path) for path in ("a.ts", "b.ts")] == [False, True]


@pytest.mark.parametrize("pattern", ["!", "sk\\"])
def test_a_pattern_that_is_asked_for_must_be_one(pattern):
    with pytest.raises(Refused, match="is no pattern"):
        asked(["a/**", pattern])
    assert asked(["a/**"]).match_file("a/b.ts")


def test_what_is_excluded_in_the_checkout_alone_counts(checkout):
    (checkout / ".git" / "info" / "exclude").write_text("scratch/\n")
    assert ignores(above(checkout / "apps"), "scratch/")
    assert ignores(above(checkout), "scratch/")


def test_rules_end_at_the_repository(checkout):
    (checkout / ".gitignore").write_text("*.ts\n")
    (checkout / "apps" / "one" / ".git").write_text("gitdir: elsewhere\n")
    assert above(checkout / "apps" / "one") == []
    assert not ignores(above(checkout / "apps" / "one"), "a.ts")


def test_outside_of_a_repository_nothing_above_counts(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / ".gitignore").write_text("*.ts\n")
    assert not ignores(above(tmp_path / "x"), "a.ts")


def test_a_folder_that_is_ignored_itself_is_read_when_it_is_named(checkout):
    (checkout / ".gitignore").write_text("apps/\n")
    assert above(checkout / "apps" / "one") == ()
