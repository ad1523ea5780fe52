"""Sample projects before and after a rewriting: NAME/before, and beside it what it becomes, in samples for
`--to store` and in endings for `--remove-fallback`.

`after` holds the files that change, `left.txt` what a human must decide on, `options.txt` words of the
command line.
"""

from pathlib import Path

from audits.formats.rewriting import left
from audits.request import Request
from audits.rewriting import remove_fallback, sessions, to_store
from audits.rewriting.plan import Rewriting
from audits.rules.rule import Settings

FOLDER = Path(__file__).parent / "samples"
ENDINGS = Path(__file__).parent / "endings"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/before"))
ENDING_NAMES = sorted(path.parent.name for path in ENDINGS.glob("*/before"))


def options(name: str) -> dict[str, str]:
    """The words of options.txt by the option's name."""
    place = FOLDER / name / "options.txt"
    words = place.read_text().split() if place.exists() else []
    return dict(zip(words[::2], words[1::2], strict=True))


def rewritten(root: Path, words: dict[str, str]) -> Rewriting:
    """What `--to store` makes of the project in a folder."""
    prefix = words.get("--prefix")
    prefixes = tuple(filter(None, (*Settings().prefixes, prefix)))
    request = Request(root, settings=Settings(prefixes=prefixes))
    found = sessions.of(request).operations
    known = to_store.prefixes(found)
    wanted = to_store.Wanted(
        prefix if prefix is not None else known[0] if len(known) == 1 else "",
        words.get("--store-module", "./session-store"),
    )
    return to_store.rewrite(found, wanted, request.folder.read, lambda path: (root / path).exists())


def ended(root: Path) -> Rewriting:
    """What `--remove-fallback` makes of the project in a folder."""
    request = Request(root)
    found = sessions.of(request)
    return remove_fallback.rewrite(found.operations, found.branches, request.folder.read)


def told(rewriting: Rewriting) -> str:
    """What is left to a human, as the command prints it."""
    return "".join(line + "\n" for line in left(rewriting))


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
