"""Rewritten samples through TypeScript's own checker, strict, with Cloudflare's types: no new error."""

import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

import migrate
from tests.audits.rewriting import samples
from tests.runtime.install import install, node

EDGE = Path(migrate.__file__).parent / "edge" / "src"
DECLARATION = resources.files("audits").joinpath("rewriting/session-store.d.ts")


def tree(folder: Path, *, after: bool) -> Path:
    """Every sample, one folder each, before or after; with the store's declaration where it is asked for."""
    for name in samples.NAMES:
        place = folder / name
        shutil.copytree(samples.FOLDER / name / "before", place)
        if after:
            made = samples.rewritten(place, samples.options(name))
            for one in made.changed:
                (place / one.path).write_bytes(one.after)
            for note in made.notes:
                if note.startswith("set KVFERRY_PREFIX to "):
                    continue
                home = re.search(r"there is no (\S+) yet", note)
                assert home is not None
                (place / f"{home[1]}.d.ts").write_text(DECLARATION.read_text())
    for name in samples.ENDING_NAMES:
        place = folder / f"end-{name}"
        shutil.copytree(samples.ENDINGS / name / "before", place)
        for one in samples.ended(place).changed if after else ():
            (place / one.path).write_bytes(one.after)
    shutil.copy(samples.FOLDER.parent / "stubs.d.ts", folder)
    return folder


def with_the_store(folder: Path) -> Path:
    """The samples after, with the session store itself in the place of its declaration."""
    tree(folder, after=True)
    shutil.copytree(EDGE, folder / "edge")
    for declared in folder.rglob("session-store.d.ts"):
        up = "../" * (len(declared.relative_to(folder).parts) - 1)
        declared.with_name("session-store.ts").write_text(f'export * from "{up}edge/session-store.ts";\n')
        declared.unlink()
    return folder


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], ...]:
    """What the checker says of all samples before, after, and after with the store itself."""
    root = tmp_path_factory.mktemp("types")
    trees = [tree(root / word, after=word == "after") for word in ("before", "after")]
    trees.append(with_the_store(root / "store"))
    modules = install()
    script = Path(__file__).parent / "check_types.mjs"
    types = modules / "workers-types" / "index.d.ts"
    done = subprocess.run(
        [str(node()), str(script), str(types), *map(str, trees)], capture_output=True, timeout=120, check=True
    )
    found = json.loads(done.stdout)
    return tuple(found[str(one)] for one in trees)


def test_the_samples_are_sound_before(errors: tuple[list[str], ...]) -> None:
    assert [line for line in errors[0] if not line.startswith("broken/")] == []


def test_no_sample_has_a_new_error_after(errors: tuple[list[str], ...]) -> None:
    before, after, _ = errors
    new = [line for line in after if line not in before]
    assert [line for line in new if not said(line)] == []


def test_the_store_itself_fits_what_is_written_for_its_declaration(errors: tuple[list[str], ...]) -> None:
    _, after, with_store = errors
    assert [line for line in with_store if line not in after] == []


def said(line: str) -> bool:
    """Is it about something that is not used any more, and was it left to a human for its comment?"""
    unused = re.fullmatch(r"([^/]+)/.*: TS6133: '(\w+)' is declared but its value is never read\.", line)
    if unused is None:
        return False
    left = samples.FOLDER / unused[1] / "left.txt"
    return left.exists() and f": {unused[2]} is not used any more" in left.read_text()


def test_the_checker_sees_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("export const n: number = 'x';\n")
    script = Path(__file__).parent / "check_types.mjs"
    types = install() / "workers-types" / "index.d.ts"
    done = subprocess.run(
        [str(node()), str(script), str(types), str(tmp_path)], capture_output=True, timeout=120, check=True
    )
    (line,) = json.loads(done.stdout)[str(tmp_path)]
    assert line.startswith("a.ts:1: TS2322: ")
