"""The page `errors.md` against the code: exit codes, classes of errors, and what a bridge says, both ways."""

import inspect
import re
from pathlib import Path

from migrate import errors
from migrate.errors import Exit, MigrateError
from tests.documents import messages

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "runbooks" / "errors.md").read_text()


def rows(title: str) -> list[list[str]]:
    """The cells of the table in the part of that title, without its head."""
    (part,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def test_every_exit_code_is_explained_and_no_other() -> None:
    assert [int(code) for code, *_ in rows("Exit codes")] == sorted(map(int, Exit))


def test_every_class_of_errors_is_there_with_its_exit_code() -> None:
    named = {cells[0].strip("`"): int(cells[1]) for cells in rows("Who has to act")}
    classes = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, MigrateError)]
    for one in classes:
        if one is errors.StoreError:  # nothing raises it; the sentence behind the table speaks of it
            assert f"`{one.__name__}`" in PAGE
        else:
            assert named.pop(one.__name__) == int(one.exit), one
    assert [*named] == ["unexpected …, a defect of kvferry"]
    assert "a defect of kvferry" in (ROOT / "migrate" / "main.py").read_text()


def test_every_problem_of_a_bridge_is_there_with_its_status_and_no_other() -> None:
    source = (ROOT / "migrate" / "edge" / "src" / "problem.ts").read_text()
    table = source.split("const PROBLEMS = {")[1].split("} as const")[0]
    problems = dict(re.findall(r'^  "?([\w-]+)"?: \[(\d+),', table, re.MULTILINE))
    assert {cells[0].strip("`"): cells[1] for cells in rows("What a bridge says")} == problems
    assert len(problems) > 20


def test_every_error_of_the_session_store_is_there() -> None:
    named = {cells[0].strip("`") for cells in rows("What the application sees")}
    sources = [*ROOT.glob("migrate/edge/src/**/*.ts")]
    thrown = {
        name
        for path in sources
        for name in re.findall(r"export class (\w+) extends Error", path.read_text())
        if name.startswith("Session")
    }
    assert named == thrown


def test_the_page_of_all_messages_is_current() -> None:
    assert not messages.stale(), "stale page: make pages, or python -m tests.documents.pages"


def test_every_way_in_which_the_code_makes_a_message_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "made.py"
    file.write_text(
        """
_AGAIN = "type it again"
raise ConfigError("plain", "a hint")
def why(path, late):
    message = f"{path}: late" if late else "early"
    hint = _AGAIN
    raise StoreUnavailable(message, hint)
class Rejected(StoreRefused):
    def __init__(self, who):
        super().__init__(f"{who} refused a request", "check the address" + who)
raise Other("not ours")
"""
    )
    assert sorted(messages.messages(file)) == [
        ("ConfigError", "plain", "a hint"),
        ("Rejected", "… refused a request", "check the address…"),
        ("StoreUnavailable", "early", "type it again"),
        ("StoreUnavailable", "…: late", "type it again"),
    ]
