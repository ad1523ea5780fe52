"""The pages of the rules: one for each, word for word what its docstring says."""

from pathlib import Path

from audits.report import word
from audits.rules import RULES
from tests.documents import pages


def test_no_page_is_stale() -> None:
    assert not sorted(pages.stale()), "stale pages: make pages, or python -m tests.documents.pages"


def test_every_rule_has_a_page_and_a_line_in_the_index() -> None:
    index = (pages.FOLDER / pages.INDEX).read_text()
    for rule in RULES:
        page = (pages.FOLDER / f"{rule.code}-{rule.name}.md").read_text()
        assert f"# {rule.name} ({rule.code})\n" in page
        for section in ("What", "Why", "Bad", "Good", "Remedy"):
            assert f"\n## {section}\n" in page
        assert f"| {rule.code} | [{rule.name}]({rule.code}-{rule.name}.md) |" in index
        assert f"| {rule.summary} |" in index


def test_the_page_about_audits_lists_every_rule_with_its_code_its_severity_and_its_page() -> None:
    told = pages.FOLDER.parent / "audit.md"
    rows = {
        cells[2].strip(): cells
        for line in told.read_text().splitlines()
        if len(cells := line.split("|")) == 6
    }
    for rule in RULES:
        page = f"[`{rule.name}`]({pages.FOLDER.relative_to(told.parent).as_posix()}/{pages.name(rule)})"
        assert rule.code in rows, (
            f"{told.name} has no row | {page} | {rule.code} | {word(rule.severity)} | … |"
        )
        assert rows[rule.code][1].strip() == page
        assert rows[rule.code][3].strip().startswith(word(rule.severity))


def test_what_was_changed_by_hand_or_belongs_to_no_rule_is_stale_until_written(tmp_path: Path) -> None:
    assert pages.write(tmp_path) == sorted(pages.pages())
    assert not pages.stale(tmp_path)
    page = pages.name(RULES[0])
    (tmp_path / page).write_text("by hand")
    (tmp_path / "KV999-gone.md").write_text("")
    assert set(pages.stale(tmp_path)) == {page, "KV999-gone.md"}
    assert pages.write(tmp_path) == [page, "KV999-gone.md"]
    assert not pages.stale(tmp_path)
