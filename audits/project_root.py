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

    A project has a package.json, a configuration of wrangler's, or `.git`. The current folder, when it is
    one and all of them are in it; except that one folder that is a project is so by itself, unless
    the current folder is a workspace and so joins it to others. Else the nearest project that they
    are in; where there is none, one folder is taken for one, and so is the current folder.
    """
    cwd = Path(os.path.abspath(cwd))
    full = [Path(os.path.abspath(cwd / path)) for path in paths] or [cwd]
    common = Path(os.path.commonpath(full))
    folder = common if common.is_dir() else common.parent
    root = _root(folder, cwd, len(full) == 1 and folder == common)
    relative = sorted({path.relative_to(root).as_posix() for path in full})
    return Area(root, () if "." in relative else tuple(relative))


def way_to(root: Path, cwd: Path) -> str:
    """What leads from the current folder to a project in it, with a slash at its end; else ""."""
    cwd = Path(os.path.abspath(cwd))
    return root.relative_to(cwd).as_posix() + "/" if cwd in root.parents else ""


def whole(root: Path) -> Path | None:
    """The project or workspace that a folder is only a part of, None when it is one of its own.

    A folder without a mark is a part of the nearest project above it; a project is one of a workspace
    above it in the same repository.
    """
    alone = _marked(root)
    if (root / ".git").exists():
        return None
    for folder in root.parents:
        if alone and (folder.joinpath(".git").exists() or _workspace(folder)):
            return folder if _workspace(folder) else None
        if not alone and _marked(folder):
            return folder
    return None


def _root(folder: Path, cwd: Path, one: bool) -> Path:
    if folder == cwd:
        return cwd
    below = cwd in folder.parents
    if below and _marked(cwd):
        return folder if one and _marked(folder) and not _workspace(cwd) else cwd
    above = [one for one in (folder, *folder.parents) if not below or cwd in one.parents]
    return next(filter(_marked, above), cwd if below and not one else folder)


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
