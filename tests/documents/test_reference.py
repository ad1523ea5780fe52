"""The pages of the commands: each says what its command does, and the index leads to all."""

import pytest

from tests.documents import reference, written
from tests.documents.command_line import NAMES, options_of


def test_no_page_is_stale() -> None:
    stale = written.stale(reference.FOLDER, reference.pages())
    assert not sorted(stale), "stale pages: make pages, or python -m tests.documents.pages"


@pytest.mark.parametrize("name", [one for one in NAMES if options_of(one) > {"--debug"}])
def test_a_page_has_every_option_of_its_command_and_no_other(name: str) -> None:
    page = (reference.FOLDER / reference.name(name)).read_text()
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert named == options_of(name) - {"--help"}
    index = (reference.FOLDER / reference.INDEX).read_text()
    assert f"| [`kvferry {name}`]({reference.name(name)}) | {reference.summary(name)} |" in index
