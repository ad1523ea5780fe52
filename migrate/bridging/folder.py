"""A bridge's folder on disk: which of its files kvferry wrote, which were edited, and writing them.

Nothing of somebody else's is ever overwritten. A file is ours while it is as the manifest says; one
that was edited, or that the manifest does not know, stays, and then nothing at all is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from migrate import written_files
from migrate.bridging.project import MANIFEST
from migrate.errors import ConfigError
from migrate.written_files import Act, Step, carry_out, fingerprint, not_written, paths_of, put, some, there

_OTHER_CONFIGS = ("wrangler.jsonc", "wrangler.toml")


def package_sources() -> dict[str, str]:
    """What the package brings along: the sources, and the npm project without its own configuration."""
    edge = resources.files("migrate") / "edge"
    found = {name: _text(edge / name) for name in ("package.json", "package-lock.json", "tsconfig.json")}
    found |= {f"src/{path}": _text(edge / "src" / path) for path in _below(edge / "src")}
    return dict(sorted(found.items()))


def manifest_files(folder: Path) -> dict[str, str]:
    """The manifest's files and their fingerprints; {} when the folder has no bridge of ours.

    Raises ConfigError for a manifest that cannot be read.
    """
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["files"]
        assert all(isinstance(name, str) and isinstance(digest, str) for name, digest in found.items())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {(error.strerror or 'error').lower()}", "choose another folder"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError):
        raise ConfigError(f"{path} is not what kvferry wrote", "choose another folder") from None
    return dict(found)


def survey(folder: Path, wanted: Mapping[str, str]) -> list[Step]:
    """What writing `wanted` would do to each file, the manifest left out. Reads, and writes nothing."""
    steps = written_files.survey(
        folder, {path: text for path, text in wanted.items() if path != MANIFEST}, manifest_files(folder)
    )
    foreign = [name for name in _OTHER_CONFIGS if os.path.lexists(folder / name)]
    return [*steps, *(Step(name, Act.FOREIGN) for name in foreign)]


def refuse(folder: Path, steps: list[Step], *, force: bool) -> None:
    """Raise ConfigError when these steps would touch what is not ours, or replace without `force`."""
    for act, why, hint in (
        (Act.FOREIGN, "not written by kvferry bridge init", "choose an empty folder, or move them away"),
        (
            Act.EDITED,
            "edited since kvferry wrote them",
            "move them away, run it again, and carry the edits over",
        ),
    ):
        if paths := paths_of(steps, act):
            raise ConfigError(f"{folder} has files that were {why}: {', '.join(paths)}", hint)
    changed = paths_of(steps, Act.REPLACE, Act.REMOVE)
    if changed and not force:
        raise ConfigError(
            f"{folder} has a bridge that differs: {some(changed)}",
            "--force replaces what kvferry wrote there",
        )


def write(folder: Path, wanted: Mapping[str, str], steps: list[Step]) -> None:
    """Carry the steps out, and the manifest last. Raises ConfigError when a file cannot be written."""
    try:
        carry_out(folder, wanted, steps)
        if there(folder, MANIFEST) != fingerprint(wanted[MANIFEST]):
            put(folder / MANIFEST, wanted[MANIFEST], replace=True)
    except OSError as error:
        raise not_written(folder, error) from None


def _below(folder: Traversable, at: str = "") -> list[str]:
    found: list[str] = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _below(one, f"{at}{one.name}/")
        elif one.name.endswith(".ts"):
            found.append(at + one.name)
    return found


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")
