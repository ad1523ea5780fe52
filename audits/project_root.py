"""Where a project begins: the folder that is read, when only a part of it is asked about."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MARKS = ("wrangler.toml", "wrangler.json", "wrangler.jsonc", "package.json", ".git")


@dataclass(frozen=True, slots=True)
class Area:
    """`root`: the folder that is read; `paths`: the parts that are reported on, relative with `/`,
    empty when all of it is meant."""

    root: Path
    paths: tuple[str, ...] = ()


def area(paths: Sequence[Path], cwd: Path) -> Area:
    """What these paths mean, typed in `cwd`.

    The current folder, when all of them are in it; except that one folder with a package.json or a
    configuration of wrangler's is a project by itself, unless the current folder is a workspace and
    so joins it to others. Elsewhere: the folder itself, or the nearest above the files that has a
    package.json, a configuration of wrangler's, or `.git`.
    """
    cwd = Path(os.path.abspath(cwd))
    full = [Path(os.path.abspath(cwd / path)) for path in paths] or [cwd]
    common = Path(os.path.commonpath(full))
    folder = common if common.is_dir() else common.parent
    root = _root(folder, cwd, len(full) == 1 and folder == common)
    relative = sorted({path.relative_to(root).as_posix() for path in full})
    return Area(root, () if "." in relative else tuple(relative))


def _root(folder: Path, cwd: Path, one: bool) -> Path:
    if folder == cwd:
        return cwd
    if cwd in folder.parents:
        alone = one and _marked(folder) and not _workspace(cwd)
        return folder if alone or (one and not _marked(cwd)) else cwd
    if one:
        return folder
    return next((above for above in (folder, *folder.parents) if _marked(above)), folder)


def _marked(folder: Path) -> bool:
    return any((folder / name).exists() for name in _MARKS)


def _workspace(folder: Path) -> bool:
    if any((folder / name).exists() for name in ("pnpm-workspace.yaml", "lerna.json", "rush.json")):
        return True
    try:
        package = json.loads((folder / "package.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(package, dict) and "workspaces" in package
