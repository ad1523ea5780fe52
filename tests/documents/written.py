"""A folder of pages that are made from the code: what is not as it should be, and how it becomes so."""

from collections.abc import Mapping
from pathlib import Path


def stale(folder: Path, wanted: Mapping[str, str]) -> dict[str, str | None]:
    """What is not as it should be: names with the text that they should have, None for a page that nobody
    asks for any more."""
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    changed: dict[str, str | None] = {
        page: text for page, text in wanted.items() if present.get(page) != text
    }
    return changed | {page: None for page in present if page not in wanted}


def write(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Make the folder what it should be; returns the names of what was changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = stale(folder, wanted)
    for page, text in changed.items():
        if text is None:
            (folder / page).unlink()
        else:
            (folder / page).write_text(text, encoding="utf-8")
    return sorted(changed)
