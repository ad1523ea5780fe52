"""Writes runbooks/messages.md: every message with which a command may fail, and its hint, from the code.

The code is read, not run: a message is the text with which one of the errors is made, with `…` for what is
put into it at run time. `pages.py` writes the page; `test_errors.py` fails while it is stale.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "runbooks" / "messages.md"

KINDS = {
    "The call or the configuration is wrong (2)": ("ConfigError", "Refused", "WranglerError", "GitError"),
    "A store says no (2)": ("StoreRefused", "BridgeRefused", "Rejected"),
    "Wait, then the same command (3)": ("StoreUnavailable", "BudgetSpent", "Choked", "SessionStoreError"),
    "A store broke its contract (3)": ("StoreBroken",),
    "A session cannot be represented (3)": ("RecordError",),
    "The ledger cannot be used (3)": ("LedgerError",),
    "Something else (3)": ("MigrateError", "Unproven"),
}
"""Titles by who acts, with the exit code, and the classes that belong there. `Refused` is an audit's word."""


def page() -> str:
    """The page's text."""
    found: dict[str, set[tuple[str, str]]] = {title: set() for title in KINDS}
    for folder in ("audits", "migrate"):
        for file in sorted(ROOT.glob(f"{folder}/**/*.py")):
            for name, message, hint in messages(file):
                (title,) = (title for title, names in KINDS.items() if name in names)
                found[title].add((message, hint))
    lines = [
        "<!-- made from the code by make pages: change it there -->",
        "",
        "# Every message",
        "",
        "What stands behind `kvferry:` when a command fails, by who has to act; `…` stands for what differs",
        "from one time to the next, and an empty hint for one that depends on it.",
        "[When a command says no](errors.md) explains the kinds, and [what if](what-if.md) tells what to do",
        "about the worst.",
        "",
    ]
    for title, pairs in found.items():
        lines += [f"## {title}", "", "| message | hint |", "|---|---|"]
        lines += [f"| {_cell(message)} | {_cell(hint)} |" for message, hint in sorted(pairs)]
        lines.append("")
    return "\n".join(lines)


def stale() -> bool:
    """Is the page another one than the code calls for?"""
    return not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page()


def messages(file: Path) -> Iterator[tuple[str, str, str]]:
    """The class, the message and the hint of each error that is made in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    known = {name for names in KINDS.values() for name in names}
    everywhere = _assigned(tree.body)
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(inner): scope for scope in scopes for inner in ast.walk(scope)}
    bodies = {
        id(inner): one.name
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef)
        for inner in ast.walk(one)
    }
    for node in ast.walk(tree):
        name = _made(node, bodies)
        if not (isinstance(node, ast.Call) and name in known):
            continue
        scope = inside.get(id(node))
        names = everywhere | ({} if scope is None else _assigned(list(ast.walk(scope))))
        first, *rest = [*node.args, *(word.value for word in node.keywords)] or [None]
        for message in _texts(first, names):
            for hint in _texts(rest[0] if rest else None, names) or [""]:
                yield name, message, hint


def _made(node: ast.AST, bodies: Mapping[int, str]) -> str:
    """The class of which a call makes one, also from within it by `super().__init__`; else nothing."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__")):
            return bodies.get(id(node), "")
    return ""


def _assigned(nodes: list[ast.stmt] | list[ast.AST]) -> dict[str, list[ast.expr]]:
    """What each plain name is set to there."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def _texts(node: ast.expr | None, names: Mapping[str, list[ast.expr]]) -> list[str]:
    """What a text may be; nothing where the code does not show it."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(_part(part) for part in parts)]
        case ast.Name(id=name) if name in names:
            inner = {other: values for other, values in names.items() if other != name}
            return [text for value in names[name] for text in _texts(value, inner)]
        case ast.IfExp(body=one, orelse=other):
            return [*_texts(one, names), *_texts(other, names)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            ends = _texts(right, names) or ["…"]
            return [first + end for first in _texts(left, names) for end in ends]
        case ast.BoolOp(values=values):
            return [text for value in values for text in _texts(value, names)]
    return []


def _part(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "…"


def _cell(text: str) -> str:
    """On one line, as it is printed, and no Markdown."""
    words = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"(?<![`\\])([<>|*\[\]])", r"\\\1", words)
