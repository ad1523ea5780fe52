"""A case's helpers in files of their own."""

from __future__ import annotations

from collections.abc import Mapping

from audits.js.syntax.grammar import Node
from tests.audits.case_trees import Files, leaves, names_of, text_of, tree

_MOVABLE = {
    *("function_declaration", "generator_function_declaration", "lexical_declaration", "class_declaration"),
    *("interface_declaration", "type_alias_declaration", "enum_declaration", "abstract_class_declaration"),
}


def moved(files: Files) -> dict[str, str]:
    """What a module declares for itself, in a file beside it; the rest imports it from there."""
    texts = dict(files)
    for path, text in files.items():
        stem, _, ending = path.rpartition(".")
        if ending not in ("ts", "tsx", "js", "mjs", "jsx") or path.endswith(".d.ts"):
            continue
        parts = _split(path, text)
        if parts is None:
            continue
        suffix = f".{ending}" if ending in ("js", "mjs", "jsx") else ""
        base = stem.rpartition("/")[2]
        imports, taken, rest, here, needed = parts
        back = f'import {{ {", ".join(sorted(needed))} }} from "./{base}{suffix}";\n' if needed else ""
        texts[f"{stem}.moved.{ending}"] = imports + back + taken
        texts[path] = (
            f'{imports}import {{ {", ".join(sorted(here))} }} from "./{base}.moved{suffix}";\n{rest}'
        )
    return texts


def _split(path: str, text: str) -> tuple[str, str, str, set[str], set[str]] | None:
    """Imports, what moves, what stays, the names that move, and the exported ones that they need."""
    root, source = tree(path, text), text.encode()
    if "addEventListener(" in text or "module.exports" in text or text.startswith("---"):
        return None
    imports, own, public, fixed = [], {}, set(), set()
    begin = 0
    for node in root.children:
        if node.type == "comment":
            continue
        span, begin = (begin, node.end_byte), node.end_byte
        if node.type == "import_statement":
            imports.append(source[slice(*span)])
        elif node.type in _MOVABLE and not source[node.start_byte :].startswith(b"let "):
            for name in names_of(node):
                own[text_of(name)] = (node, span)
        elif node.type == "export_statement":
            made = node.child_by_field_name("declaration")
            public |= {text_of(name) for name in names_of(made)} if made is not None else set()
        else:
            fixed |= {text_of(name) for name in names_of(node)}
    taken = _closed(own, fixed, public)
    if not taken:
        return None
    spans = sorted({own[name][1] for name in taken})
    rest, last = b"", 0
    for start, end in sorted([*spans, *_import_spans(root)]):
        rest, last = rest + source[last:start], end
    needed = {used for name in taken for used in _used(own[name][0])} & public
    body = b"".join(b"\nexport " + source[start:end].lstrip() for start, end in _bare(own, taken))
    return (
        b"".join(imports).decode().strip() + "\n",
        body.decode() + "\n",
        (rest + source[last:]).decode(),
        taken,
        needed,
    )


def _bare(own: Mapping[str, tuple[Node, tuple[int, int]]], taken: set[str]) -> list[tuple[int, int]]:
    return sorted({(own[name][0].start_byte, own[name][0].end_byte) for name in taken})


def _import_spans(root: Node) -> list[tuple[int, int]]:
    return [(node.start_byte, node.end_byte) for node in root.children if node.type == "import_statement"]


def _closed(own: Mapping[str, tuple[Node, tuple[int, int]]], fixed: set[str], public: set[str]) -> set[str]:
    """The names whose declarations use nothing that stays behind, unless it is exported."""
    taken = set(own)
    while True:
        staying = (set(own) - taken) | (fixed - public)
        blocked = {name for name in taken if _used(own[name][0]) & staying}
        if not blocked:
            return taken
        taken -= blocked


def _used(node: Node) -> set[str]:
    return {
        text_of(leaf)
        for leaf in leaves(node)
        if leaf.type.endswith("identifier") and leaf.type != "property_identifier"
    }
