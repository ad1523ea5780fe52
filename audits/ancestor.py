"""The commit that a change began at, and its files: what was there before the change is not its fault.

    REF ─▶ merge base with HEAD ─▶ the files that an audit reads, in a temporary folder

Two whole audits are compared, rather than changed lines looked at: a helper that loses its TTL makes a
finding at a put in a file that nobody touched.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from audits import git
from audits.git import GitError
from audits.js.files.collect import concerns
from audits.refusal import Refused

_FETCH = "fetch the history: fetch-depth: 0 for actions/checkout, or git fetch --unshallow"

_NAME = re.compile("[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True)
class Ancestor:
    """`ref` as it was typed; `commit` the merge base; `top` the repository's folder, and `prefix` the
    audited folder in it, with a slash at its end."""

    ref: str
    commit: str
    top: Path
    prefix: str


def find(root: Path, ref: str) -> Ancestor:
    """The commit at which HEAD parted from `ref`. Refused when git cannot say."""
    try:
        top = Path(git.line(root, "rev-parse", "--show-toplevel"))
        prefix = git.line(root, "rev-parse", "--show-prefix")
    except GitError as error:
        hint = "leave --since out, or use --baseline"
        if "dubious ownership" in str(error):  # a container of CI's, whose user is not the folder's
            hint = f"git config --global --add safe.directory {root}"
        raise Refused(f"--since needs a git checkout: {error}", hint) from None
    commit = _commit(root, ref)
    if commit is None:
        raise Refused(
            f"git knows no commit {ref!r}",
            _FETCH if _shallow(root) else "name a branch, tag or commit, for example --since origin/main",
        )
    if _commit(root, "HEAD") is None:
        raise Refused("--since needs a commit, and this branch has none", "leave --since out")
    try:
        base = git.line(root, "merge-base", "HEAD", commit)
    except GitError:
        raise Refused(
            f"HEAD and {ref} have no commit in common" + (" in this shallow clone" if _shallow(root) else ""),
            _FETCH if _shallow(root) else "name the branch that this one began at",
        ) from None
    return Ancestor(ref, base, top, prefix)


@contextmanager
def checked_out(ancestor: Ancestor) -> Iterator[Path]:
    """The audited folder as it was, for as long as the context lasts: only the files that decide."""
    with tempfile.TemporaryDirectory(prefix="kvferry-") as name:
        place = Path(name)
        try:
            _mark(place, ancestor.top)
            _write(place, ancestor.top, ancestor.commit, ancestor.prefix)
        except OSError as error:
            reason = (error.strerror or "error").lower()
            raise Refused(
                f"the files of {ancestor.commit[:12]} cannot be laid out: {reason}", "make room"
            ) from None
        except GitError as error:
            raise Refused(f"the files of {ancestor.commit[:12]} are not here: {error}", _FETCH) from None
        root = place / ancestor.prefix
        root.mkdir(parents=True, exist_ok=True)
        yield root


def _commit(root: Path, ref: str) -> str | None:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
    try:
        name = git.line(root, *words)
    except GitError:
        return None
    return name if _NAME.fullmatch(name) else None


def _shallow(root: Path) -> bool:
    try:
        return git.line(root, "rev-parse", "--is-shallow-repository") == "true"
    except GitError:
        return False


def _mark(place: Path, top: Path) -> None:
    """Make it look like the repository's top, where rules of what to ignore end."""
    (place / ".git" / "info").mkdir(parents=True)
    excluded = top / ".git" / "info" / "exclude"
    if excluded.is_file():
        shutil.copyfile(excluded, place / ".git" / "info" / "exclude")


def _write(place: Path, top: Path, commit: str, prefix: str) -> None:
    """Write the files of a commit that lie under `prefix` and that an audit would look at."""
    above = [f"{folder}/.gitignore".removeprefix("./") for folder in map(str, PurePosixPath(prefix).parents)]
    words = ("ls-tree", "-r", "-z", "--full-tree", commit, "--", prefix or ".", *above)
    names: dict[str, str] = {}
    for entry in git.ask(top, *words).split(b"\0")[:-1]:
        about, _, raw = entry.partition(b"\t")
        mode, kind, name = about.decode("ascii").split()
        path = raw.decode("utf-8", "surrogateescape")
        if not _inside(path):
            continue
        if kind == "commit":
            _submodule(place / path, top / path, name)
        elif mode != "120000" and (path in above or concerns(path.removeprefix(prefix))):
            names[path] = name
    for path, content in zip(names, git.blobs(top, names.values()), strict=True):
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _submodule(place: Path, folder: Path, commit: str) -> None:
    """A repository within the repository, when it is checked out and so is read today."""
    if (folder / ".git").exists():
        place.mkdir(parents=True, exist_ok=True)
        _write(place, folder, commit, "")


def _inside(path: str) -> bool:
    """A tree can be made that names other places."""
    parts = path.split("/")
    return ".git" not in (part.lower() for part in parts) and not {"", ".", ".."} & set(parts)
