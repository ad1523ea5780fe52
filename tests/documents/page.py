"""What a page of Markdown, or a file of the sources, has that can be checked: links, anchors, texts."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path


def prose_of(text: str) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def links_of(text: str) -> Iterator[tuple[str, str]]:
    """`(file, anchor)` of each link that does not leave the repository; either may be empty."""
    for link in re.findall(r"\]\(((?!\w+:)[^)\s]+)\)", prose_of(text)):
        target, _, anchor = link.partition("#")
        yield target, anchor


def anchors_of(text: str) -> set[str]:
    """What links call its headings: as GitHub makes them, the second of a name with `-1` behind it."""
    seen: dict[str, int] = {}
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose_of(text), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return found


def texts_of(file: Path) -> Iterator[tuple[int, str]]:
    """Each text of a Python file with its line; what is put into it at run time is `X`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "X"
                    for part in node.values
                ),
            )
