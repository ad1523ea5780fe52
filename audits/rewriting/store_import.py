"""The import of the session store: how a file names the module, and where the line goes.

The module is `--store-module`, a path from the source root (`src` of the project that a file belongs
to, or the project itself), or the name of a package; by default where `kvferry store init` put it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable

from audits import vendored
from audits.finding import Edit
from audits.rewriting.plan import Leave
from audits.rewriting.source import Source, walk
from audits.rewriting.target import STORE

DEFAULT = "./session-store"
"""Where the store is to be, when it is nowhere yet."""

_STORE_FILE = "session-store.ts"
_MARKS = ("package.json", "wrangler.toml", "wrangler.json", "wrangler.jsonc")
_ENDINGS = (".ts", ".js", ".mts", ".mjs", ".tsx", ".d.ts", "/index.ts", "/index.js")

_MODULE = ("import_statement", "export_statement")

Exists = Callable[[str], bool]
"""Is there a file or folder of that path, relative to the root?"""


def vendored_modules(files: Iterable[str], read: Callable[[str], bytes], exists: Exists) -> list[str]:
    """The modules by which the stores that `kvferry store init` put into these files are named, sorted."""
    found = set()
    for path in files:
        if posixpath.basename(path) != _STORE_FILE:
            continue
        try:
            marker = vendored.marker(read(path))
        except OSError:
            continue
        if marker is not None and marker.path == _STORE_FILE:
            way = posixpath.relpath(posixpath.splitext(path)[0], home(".", path, exists))
            found.add(way if way.startswith(".") else f"./{way}")
    return sorted(found)


def home(module: str, path: str, exists: Exists) -> str:
    """Where the module of a file's project is, without an ending; "" for a package."""
    if not module.startswith("."):
        return ""
    folder = posixpath.dirname(path)
    while folder and not any(exists(f"{folder}/{mark}") for mark in _MARKS):
        folder = posixpath.dirname(folder)
    root = posixpath.join(folder, "src")
    return posixpath.normpath(posixpath.join(root if exists(root) else folder, module))


def there(home_: str, exists: Exists) -> bool:
    """Is the module there?"""
    return not home_ or exists(home_) or any(exists(home_ + ending) for ending in _ENDINGS)


def is_store(path: str, home_: str) -> bool:
    """Is a file the module itself, or a part of it?"""
    return bool(home_) and (path.startswith((home_ + ".", home_ + "/")) or path == home_)


def specifier(source: Source, module: str, home_: str) -> str:
    """How the file imports the module, with the ending that its other imports have."""
    if not home_:
        return module
    relative = posixpath.relpath(home_, posixpath.dirname(source.path) or ".")
    relative = relative if relative.startswith(".") else f"./{relative}"
    endings = {posixpath.splitext(said)[1] for said in _relative_imports(source)}
    known = endings & {".js", ".ts", ".mjs"}
    already = posixpath.splitext(relative)[1] in (".js", ".ts", ".mjs")
    return relative + known.pop() if len(endings) == 1 and known and not already else relative


def _relative_imports(source: Source) -> list[str]:
    found = []
    for node in source.root.named_children:
        said = node.child_by_field_name("source") if node.type in _MODULE else None
        if said is not None and source.text(said)[1:2] == ".":
            found.append(source.text(said)[1:-1])
    return found


def check(source: Source, module: str) -> None:
    """Raises Leave when the file cannot import the store."""
    if source.broken:
        raise Leave("the file has syntax errors")
    if source.ending in (".vue", ".svelte", ".astro"):
        raise Leave("it stands in a component's file; move it into a module")
    if not any(node.type in _MODULE for node in source.root.named_children):
        raise Leave("the file is no ECMAScript module")
    taken = any(node.type == "identifier" and source.text(node) == STORE for node in walk(source.root))
    if taken and not _imported(source, module):
        raise Leave(f"the name {STORE} is taken in this file")


def _imported(source: Source, module: str) -> bool:
    """Does the file import the store already?"""
    for node in source.root.named_children:
        said = node.child_by_field_name("source") if node.type == "import_statement" else None
        if said is None or _last(source.text(said)[1:-1]) != _last(module):
            continue
        if any(one.type == "import_specifier" and source.text(one) == STORE for one in walk(node)):
            return True
    return False


def _last(module: str) -> str:
    """A module's name without folders and ending."""
    return posixpath.splitext(posixpath.basename(module))[0]


def line(source: Source, spec: str, module: str, style: Source) -> list[Edit]:
    """The import behind the last one, or at the top, in the style of a file; nothing when it is there."""
    if _imported(source, module):
        return []
    end = ";" if style.semicolons else ""
    text = f"import {{ {STORE} }} from {style.quote}{spec}{style.quote}{end}"
    imports = [node for node in source.root.named_children if node.type == "import_statement"]
    if imports:
        at = imports[-1].end_byte
        if source.raw[at : at + 1] == b";":
            at += 1
        return [Edit(source.path, at, at, "\n" + text)]
    at = _top(source)
    return [Edit(source.path, at, at, text + "\n\n")]


def _top(source: Source) -> int:
    """Behind `#!`, directives and comments that stand alone; before a comment that describes what follows."""
    at = 3 if source.raw.startswith(b"\xef\xbb\xbf") else 0
    for node in source.root.named_children:
        after = _ALONE.match(source.raw, node.end_byte)
        directive = node.type == "expression_statement" and node.named_children[0].type == "string"
        if node.type == "comment" and after is not None:
            at = after.end()
        elif node.type == "hash_bang_line" or directive:
            end = source.raw.find(b"\n", node.end_byte)
            at = after.end() if after is not None else end + 1 if end >= 0 else node.end_byte
        elif node.type != "comment":
            break
    return at


_ALONE = re.compile(rb"[ \t]*\r?\n[ \t]*\r?\n")
