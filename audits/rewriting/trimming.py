"""Expressions without what is null in them: `a ?? b` becomes `a`, `x ? a : b` one of its arms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.rewriting.absence import Known, Span, is_null, is_pure, operator, truth
from audits.rewriting.calls import LOOSE
from audits.rewriting.source import Source, bare, inside
from audits.rewriting.standing import FUNCTIONS, is_condition, is_waited_for

OTHERWISE = "what was read is used in another way"


class Stuck(Exception):
    """A form that is not understood; `span`: where it stands. Never leaves the package."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(reason)
        self.span: Span = (node.start_byte, node.end_byte)


class Trimming(ABC):
    """One file. `dropped`: statements and elements of arrays that go in any case."""

    def __init__(self, source: Source, dropped: Collection[Span]) -> None:
        self.source = source
        self.dropped = frozenset(dropped)

    @abstractmethod
    def inside(self, node: Node | None, known: Known) -> list[Edit]:
        """The edits in any node: blocks as blocks, expressions as expressions."""

    def inside_of(self, node: Node, known: Known) -> list[Edit]:
        """The edits in the parts of a node."""
        return [edit for child in node.named_children for edit in self.inside(child, known)]

    def value(self, node: Node, known: Known) -> list[Edit]:
        """An expression without what is null in it."""
        if node.type in FUNCTIONS:
            return self._function(node, known.calm)
        if node.type == "array" and any(map(self.is_dropped, node.named_children)):
            return self._elements(node, known)
        if not known.concerns(node):
            return self.inside_of(node, known)
        if node.type == "binary_expression":
            return self._combined(node, known)
        if node.type == "ternary_expression":
            return self._ternary(node, known)
        if known.is_read(node) or node.type == "identifier":
            raise Stuck(node, OTHERWISE)
        return self.inside_of(node, known)

    def _function(self, node: Node, known: Known) -> list[Edit]:
        body = node.child_by_field_name("body")
        if (
            body is not None
            and body.type != "statement_block"
            and known.concerns(body)
            and is_null(body, known)
        ):
            return [self.null(body)]
        return self.inside(body, known)

    def _combined(self, node: Node, known: Known) -> list[Edit]:
        """`a ?? b` and `a || b` without the one that is null, `a && b` without the one that is true."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return []
        if operator(node) in ("??", "||"):
            if is_null(right, known) and known.concerns(right):
                return self._only(node, left, known)
            if is_null(left, known) and known.concerns(left):
                return self._only(node, right, known)
        if operator(node) == "&&":
            if truth(left, known) and known.concerns(left) and is_pure(left, known):
                return self._only(node, right, known)
            if truth(right, known) and known.concerns(right) and is_condition(node):
                return self._only(node, left, known)
        return self.inside_of(node, known)

    def _ternary(self, node: Node, known: Known) -> list[Edit]:
        condition = node.child_by_field_name("condition")
        first, second = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        if condition is None or first is None or second is None:
            return []
        holds = truth(condition, known) if known.concerns(condition) else None
        if holds is not None:
            self.only_asks(condition, known)
            return self._only(node, first if holds else second, known)
        edits = self.inside(condition, known)
        for arm, another in ((first, second), (second, first)):
            if not (known.concerns(arm) and is_null(arm, known)):
                edits += self.inside(arm, known)
            elif arm == second and self.source.text(bare(condition)) == self.source.text(bare(another)):
                return self._only(node, another, known)
            else:
                edits.append(self.null(arm))
        return edits

    def _only(self, whole: Node, kept: Node, known: Known) -> list[Edit]:
        """One part of an expression in place of all of it, without parentheses that it no longer needs."""
        inner = kept
        if kept.type == "parenthesized_expression" and (whole.parent is None or whole.parent.type in LOOSE):
            inner = inside(kept) or kept
        around = self.around(whole, inner.start_byte, inner.end_byte)
        if known.concerns(inner) and is_null(inner, known):
            return [self.null(whole)]
        return [*around, *self.inside(inner, known)]

    def null(self, node: Node) -> Edit:
        """`null` in the place of what is null; a promise of it only where that makes no difference."""
        if not is_waited_for(node):
            raise Stuck(node, "the promise itself is handed on")
        return Edit(self.source.path, node.start_byte, node.end_byte, "null")

    def is_dropped(self, node: Node) -> bool:
        """Does it go in any case?"""
        return (node.start_byte, node.end_byte) in self.dropped

    def _elements(self, array: Node, known: Known) -> list[Edit]:
        """An array without the elements that go."""
        edits: list[Edit] = []
        items = [child for child in array.named_children if child.type != "comment"]
        for at, item in enumerate(items):
            if not self.is_dropped(item):
                edits += self.inside(item, known)
            elif at + 1 < len(items):
                edits.append(Edit(self.source.path, item.start_byte, items[at + 1].start_byte, ""))
            elif at > 0 and not self.is_dropped(items[at - 1]):
                edits.append(Edit(self.source.path, items[at - 1].end_byte, item.end_byte, ""))
            else:
                edits.append(Edit(self.source.path, item.start_byte, item.end_byte, ""))
        return edits

    def around(self, node: Node, start: int, end: int) -> list[Edit]:
        """Delete what of a node lies outside of these bytes."""
        spans = [(node.start_byte, start), (end, node.end_byte)]
        return [Edit(self.source.path, first, last, "") for first, last in spans if first < last]

    def only_asks(self, condition: Node, known: Known) -> None:
        """Raises Stuck when a condition that is to go does more."""
        if not is_pure(condition, known):
            raise Stuck(condition, "the condition does more than ask")
