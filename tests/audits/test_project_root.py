from pathlib import Path

import pytest

from audits.project_root import Area, area, way_to, whole


@pytest.fixture
def tree(tmp_path):
    for name in (
        "mono/package.json",
        "mono/apps/one/wrangler.toml",
        "mono/apps/one/src/a.ts",
        "loose/deep/b.ts",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_nothing_named_is_the_current_folder(tree):
    assert area([], tree) == area([Path(".")], tree) == Area(tree)


def test_a_part_of_the_current_project_is_read_with_the_rest(tree):
    one = tree / "mono" / "apps" / "one"
    assert area([Path("src")], one) == area([one / "src"], one) == Area(one, ("src",))
    assert area([Path("src/a.ts"), Path("wrangler.toml")], one) == Area(one, ("src/a.ts", "wrangler.toml"))


def test_a_project_within_the_current_folder_is_one_by_itself(tree):
    mono = tree / "mono"
    assert area([Path("apps/one")], mono) == Area(mono / "apps" / "one")


def test_unless_a_workspace_joins_it_to_others(tree):
    mono = tree / "mono"
    (mono / "package.json").write_text('{"workspaces": ["apps/*"]}')
    assert area([Path("apps/one")], mono) == Area(mono, ("apps/one",))
    (mono / "package.json").write_text("{}")
    (mono / "pnpm-workspace.yaml").write_text("")
    assert area([Path("apps/one")], mono) == Area(mono, ("apps/one",))


def test_a_folder_elsewhere_is_a_project(tree):
    assert area([tree / "loose"], tree / "mono") == Area(tree / "loose")
    assert area([Path("loose")], tree) == Area(tree / "loose")


def test_a_file_elsewhere_belongs_to_the_project_above_it(tree):
    one = tree / "mono" / "apps" / "one"
    assert area([one / "src" / "a.ts"], tree / "loose") == Area(one, ("src/a.ts",))


def test_a_part_of_a_project_elsewhere_is_read_with_the_rest_of_it(tree):
    one = tree / "mono" / "apps" / "one"
    for cwd in (tree, tree / "mono" / "apps", tree / "loose"):
        assert area([one / "src"], cwd) == Area(one, ("src",))
        assert area([one / "src" / "a.ts"], cwd) == Area(one, ("src/a.ts",))


def test_a_file_in_no_project_is_read_with_the_current_folder(tree):
    assert area([Path("loose/deep/b.ts")], tree) == Area(tree, ("loose/deep/b.ts",))


def test_the_way_to_a_project_begins_at_the_current_folder(tree):
    assert way_to(tree / "mono" / "apps", tree) == "mono/apps/"
    assert way_to(tree, tree) == way_to(tree, tree / "mono") == way_to(tree / "loose", tree / "mono") == ""


def test_a_path_that_goes_up_is_no_part_of_the_current_folder(tree):
    one = tree / "mono" / "apps" / "one"
    assert area([Path("../../..") / "loose"], one) == Area(tree / "loose")


def test_a_folder_without_a_mark_is_a_part_of_the_project_above(tree):
    one = tree / "mono" / "apps" / "one"
    assert whole(one / "src") == one
    assert whole(tree / "mono" / "apps") == tree / "mono"


def test_a_project_is_a_part_of_a_workspace_above_in_the_same_repository(tree):
    mono = tree / "mono"
    one = mono / "apps" / "one"
    assert whole(one) is None
    (mono / "pnpm-workspace.yaml").write_text("")
    assert whole(one) == mono
    (one / ".git").mkdir()
    assert whole(one) is None


def test_a_workspace_beyond_the_repository_is_not_of_it(tree):
    mono = tree / "mono"
    (tree / "pnpm-workspace.yaml").write_text("")
    (mono / ".git").mkdir()
    assert whole(mono / "apps" / "one") is None
