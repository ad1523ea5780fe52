"""Names that patterns bind: parameters, declarations, destructuring with renames and defaults."""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.syntax import walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Expr, Path
from audits.js.syntax.grammar import Node


def bound(draft: Draft, node: Node | None, path: Path = ()) -> Iterator[tuple[str, Path, int]]:
    """Every name of a pattern with the path to its value and its offset."""
    if node is None:
        return
    kind = node.type
    if kind in ("identifier", "shorthand_property_identifier_pattern", "shorthand_property_identifier"):
        yield draft.slice(node), path, node.start_byte
    elif kind in ("object_pattern", "object"):
        yield from _object(draft, node, path)
    elif kind in ("array_pattern", "array"):
        yield from _array(draft, node, path)
    elif kind in ("assignment_pattern", "object_assignment_pattern", "assignment_expression"):
        yield from bound(draft, node.child_by_field_name("left"), path)
    elif kind in ("rest_pattern", "spread_element"):
        yield from bound(draft, node.named_children[0], path)


def _array(draft: Draft, node: Node, path: Path) -> Iterator[tuple[str, Path, int]]:
    index = 0
    for child in node.children:
        if child.type == ",":
            index += 1
        elif child.type == "rest_pattern":
            yield from bound(draft, child.named_children[0], (*path, (("rest", ()), None)))
        elif child.is_named and child.type != "comment":
            yield from _element(draft, child, path, index)


def _object(draft: Draft, node: Node, path: Path) -> Iterator[tuple[str, Path, int]]:
    taken: list[str] = []
    for child in node.named_children:
        kind = child.type
        if kind in ("shorthand_property_identifier_pattern", "shorthand_property_identifier"):
            name = draft.slice(child)
            taken.append(name)
            yield name, (*path, (name, None)), child.start_byte
        elif kind == "object_assignment_pattern":
            left = child.child_by_field_name("left")
            if left is not None:
                name = draft.slice(left)
                taken.append(name)
                yield from _element(draft, child, path, name)
        elif kind in ("pair_pattern", "pair"):
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            if key is not None and value is not None:
                name = draft.slice(key).strip("\"'")
                taken.append(name)
                yield from _element(draft, value, path, name)
        elif kind in ("rest_pattern", "spread_element") and child.named_children:
            yield from bound(draft, child.named_children[0], (*path, (("rest", tuple(taken)), None)))


def _element(draft: Draft, node: Node, path: Path, key: str | int) -> Iterator[tuple[str, Path, int]]:
    default: Expr | None = None
    if node.type in ("assignment_pattern", "object_assignment_pattern", "assignment_expression"):
        right = node.child_by_field_name("right")
        default = walk.lower(draft, right, "stored") if right is not None else None
        left = node.child_by_field_name("left")
    else:
        left = node
    yield from bound(draft, left, (*path, (key, default)))
