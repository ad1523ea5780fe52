"""Takes code apart once reads of KV give nothing: what then never happens goes, what always happens stays.

A statement is kept, deleted, or replaced by a part of itself. Nothing is rewritten that does not depend
on such a read, and a form that is not understood raises `Stuck`: then its read stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.rewriting import lines, uses
from audits.rewriting.absence import Known, Span, found_absent, is_null, named, operator, truth
from audits.rewriting.source import Source, bare, inside, walk
from audits.rewriting.standing import (
    FUNCTIONS,
    bound,
    changed,
    code,
    declares,
    in_function,
    is_above,
    repeats,
)
from audits.rewriting.trimming import OTHERWISE, Stuck, Trimming


@dataclass(slots=True)
class Outcome:
    """What becomes of some statements. `kept`: how many are left of them, comments not counted; `leaves`:
    do they end the function, loop or block for certain, as they did not before; `known`: what holds
    behind them."""

    known: Known
    edits: list[Edit] = field(default_factory=list)
    kept: list[Node] = field(default_factory=list)
    leaves: bool = False

    @property
    def emptied(self) -> bool:
        """Is nothing left of what was there?"""
        return bool(self.edits) and not code(self.kept)


class Pruning(Trimming):
    """One file."""

    def __init__(self, source: Source, dropped: Collection[Span]) -> None:
        super().__init__(source, dropped)
        self._uses: list[Node] = []

    def file(self, reads: Collection[Span]) -> list[Edit]:
        """The edits of the whole file. Raises Stuck."""
        self._uses = []
        edits = self._statements(self.source.root.named_children, Known(frozenset(reads))).edits
        for use in self._uses:
            if not any(edit.start <= use.start_byte and use.end_byte <= edit.end for edit in edits):
                raise Stuck(use, OTHERWISE)
        return edits

    def _statements(self, nodes: Iterable[Node], known: Known) -> Outcome:
        """Statements one after the other; behind one that now leaves for certain, nothing is left."""
        out = Outcome(known)
        for node in nodes:
            if node.type == "comment":
                if not out.leaves:
                    out.kept.append(node)
            elif out.leaves and node.type not in _HOISTED:
                out.edits += self._gone(node)
            else:
                made = self._statement(node, out.known)
                out.edits += made.edits
                out.kept += made.kept
                out.known = made.known.without(changed(node) if made.kept else ())
                out.leaves = out.leaves or made.leaves
        return out

    def _statement(self, node: Node, known: Known) -> Outcome:
        if self.is_dropped(node):
            return Outcome(known, self._gone(node))
        handler = {
            "if_statement": self._if,
            "lexical_declaration": self._declaration,
            "variable_declaration": self._declaration,
            "expression_statement": self._expression,
            "return_statement": self._return,
            "try_statement": self._try,
        }.get(node.type)
        if handler is not None:
            return handler(node, known)
        return Outcome(known, self.inside(node, known), [node])

    def inside(self, node: Node | None, known: Known) -> list[Edit]:
        """The edits in any other node: blocks as blocks, expressions as expressions."""
        if node is None:
            return []
        if node.type in _BLOCKS:
            return self._statements(node.named_children, known.calm if repeats(node) else known).edits
        if node.type.endswith("_expression") or node.type in ("identifier", "array"):
            return self.value(node, known)
        return self.inside_of(node, known)

    def _if(self, node: Node, known: Known) -> Outcome:
        condition = node.child_by_field_name("condition")
        first, other = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        second = inside(other) if other is not None else None
        if condition is None or first is None:
            return Outcome(known, [], [node])
        holds = truth(condition, known) if known.concerns(condition) else None
        if holds is not None:
            self.only_asks(condition, known)
            taken = first if holds else second
            return Outcome(known, self._gone(node)) if taken is None else self._instead(node, taken, known)
        edits = self.inside(condition, known)
        then = self._arm(first, known.given(found_absent(condition, True)))
        after = known.given(found_absent(condition, False)) if uses.leaves(first) else known
        if other is None or second is None:
            if then.emptied:
                self.only_asks(condition, known)
                return Outcome(known, self._gone(node))
            return Outcome(after, [*edits, *then.edits], [node])
        otherwise = self._arm(second, known.given(found_absent(condition, False)))
        if then.emptied and not otherwise.emptied:
            raise Stuck(node, "only the other arm of the condition would be left")
        if then.emptied:
            self.only_asks(condition, known)
            return Outcome(known, self._gone(node))
        if otherwise.emptied:
            edits.append(Edit(self.source.path, first.end_byte, other.end_byte, ""))
            return Outcome(after, [*edits, *then.edits], [node])
        return Outcome(known, [*edits, *then.edits, *otherwise.edits], [node])

    def _arm(self, arm: Node, known: Known) -> Outcome:
        if arm.type == "statement_block":
            return self._statements(arm.named_children, known)
        return self._statement(arm, known)

    def _instead(self, node: Node, taken: Node, known: Known) -> Outcome:
        """An arm in the place of its `if`, without its braces and one step to the left."""
        if node.parent is not None and node.parent.type not in _BLOCKS:
            return self._arm_instead(node, taken, known)
        inner = taken.named_children if taken.type == "statement_block" else [taken]
        out = self._statements(inner, known)
        if not out.kept:
            return Outcome(known, self._gone(node), leaves=out.leaves)
        if any(one.type in ("lexical_declaration", "class_declaration") for one in out.kept):
            raise Stuck(node, "its variables would come into the block around it")
        start, end = out.kept[0].start_byte, out.kept[-1].end_byte
        edits = [edit for edit in out.edits if start <= edit.start and edit.end <= end]
        edits += self._shifted(node, out.kept[0], start, end, edits)
        edits += self.around(node, start, end)
        leaves = out.leaves or any(uses.leaves(one) for one in out.kept)
        return Outcome(known.without(changed(taken)), edits, out.kept, leaves)

    def _arm_instead(self, node: Node, taken: Node, known: Known) -> Outcome:
        """The same behind `else`, where it must stay one statement."""
        out = self._arm(taken, known)
        if not code(out.kept):
            raise Stuck(node, "nothing would be left behind else")
        edits = [*out.edits, *self.around(node, taken.start_byte, taken.end_byte)]
        return Outcome(known.without(changed(taken)), edits, [node], uses.leaves(taken))

    def _shifted(self, outer: Node, first: Node, start: int, end: int, edits: Sequence[Edit]) -> list[Edit]:
        """Delete what the lines are indented more than the statement that they take the place of."""
        raw = self.source.raw
        deep, shallow = lines.indent(raw, first.start_byte), lines.indent(raw, outer.start_byte)
        if not deep.startswith(shallow) or deep == shallow:
            return []
        texts = [n for n in walk(self.source.root) if n.type == "template_string"]
        made: list[Edit] = []
        at = raw.find(b"\n", start, end)
        while at >= 0:
            begin = at + 1
            until = begin + len(deep) - len(shallow)
            quoted = any(text.start_byte < begin < text.end_byte for text in texts)
            taken = any(edit.start < until and begin < edit.end for edit in edits)
            if raw.startswith(deep, begin) and not quoted and not taken:
                made.append(Edit(self.source.path, begin, until, ""))
            at = raw.find(b"\n", begin, end)
        return made

    def _declaration(self, node: Node, known: Known) -> Outcome:
        declarators = [child for child in node.named_children if child.type == "variable_declarator"]
        names = {named(one) for declarator in declarators for one in bound(declarator)}
        if len(declarators) == 1:
            name = declarators[0].child_by_field_name("name")
            value = declarators[0].child_by_field_name("value")
            if value is not None and known.concerns(value) and is_null(value, known):
                if name is None or name.type != "identifier":
                    raise Stuck(node, "what was read is taken apart")
                used = uses.references(self.source, declarators[0])
                if used is None:
                    raise Stuck(node, "the variable is changed later")
                self._uses += used
                return Outcome(known.null(named(name)), self._gone(node))
        return Outcome(known.without(names), self.inside_of(node, known.without(names)), [node])

    def _expression(self, node: Node, known: Known) -> Outcome:
        value = bare(node.named_children[0]) if node.named_children else node
        if known.is_read(value):
            return Outcome(known, self._gone(node))
        if value.type in ("assignment_expression", "augmented_assignment_expression"):
            left, right = value.child_by_field_name("left"), value.child_by_field_name("right")
            if left is not None and right is not None and known.concerns(right):
                return self._assignment(node, left, right, operator(value), known)
        return Outcome(known, self.inside_of(node, known), [node])

    def _assignment(self, node: Node, left: Node, right: Node, sign: str, known: Known) -> Outcome:
        """`session = await kv.get(…)` where there is no session yet changes nothing any more."""
        if is_null(right, known):
            if sign in ("??=", "||="):
                return Outcome(known, self._gone(node))
            if left.type != "identifier" or named(left) not in known.absent:
                raise Stuck(node, "a variable is set that may have a value")
            if self._set_by_function(named(left)):
                raise Stuck(node, "a function changes the variable as well")
            return Outcome(known.null(named(left)), self._gone(node))
        kept = bare(right)
        if kept.type == "binary_expression" and operator(kept) in ("??", "||"):
            first, second = kept.child_by_field_name("left"), kept.child_by_field_name("right")
            same = first is not None and self.source.text(first) == self.source.text(left)
            if same and is_null(second, known):
                return Outcome(known, self._gone(node))
        return Outcome(known, self.inside_of(node, known), [node])

    def _set_by_function(self, name: str) -> bool:
        """Is a variable of that name changed in a function that stands in another one?"""
        nested = (node for node in walk(self.source.root) if node.type in FUNCTIONS)
        return any(
            name in changed(node) and in_function(node) and not declares(node, name) for node in nested
        )

    def _return(self, node: Node, known: Known) -> Outcome:
        value = next((child for child in node.named_children if child.type != "comment"), None)
        if value is None or not known.concerns(value) or not is_null(value, known):
            return Outcome(known, self.inside_of(node, known), [node])
        return Outcome(known, [self.null(value)], [node])

    def _try(self, node: Node, known: Known) -> Outcome:
        body = node.child_by_field_name("body")
        others = [node.child_by_field_name(name) for name in ("handler", "finalizer")]
        tried = self._statements(body.named_children if body is not None else (), known)
        if tried.emptied:
            if any(one is not None and not self._only_tells(one) for one in others):
                raise Stuck(node, "nothing is left to be tried, and something is done about failures")
            return Outcome(known, self._gone(node))
        edits = [edit for one in others for edit in self.inside(one, known.calm)]
        return Outcome(known, [*tried.edits, *edits], [node])

    def _only_tells(self, clause: Node) -> bool:
        """Does it do nothing but write to the console?"""
        body = clause.child_by_field_name("body") or clause
        return all(
            one.type == "expression_statement" and self.source.text(one).startswith("console.")
            for one in code(body.named_children)
        )

    def _gone(self, node: Node) -> list[Edit]:
        """Delete a statement, and comments right above it that are about what is deleted."""
        first, before = node, node.prev_sibling
        while before is not None and before.type == "comment" and is_above(before, first):
            if not _ABOUT.search(self.source.text(before)):
                break
            first, before = before, before.prev_sibling
        start, end = lines.whole(self.source.raw, first.start_byte, node.end_byte)
        return [Edit(self.source.path, start, end, "")]


_ABOUT = re.compile(
    r"\bkv\b|fall(?:s|ing)?[ -]?back|legacy|migrat|@ts-|eslint-disable-next-line|dual[ -]?writ", re.IGNORECASE
)
_BLOCKS = ("statement_block", "class_body", "program", "switch_case", "switch_default")
_HOISTED = (
    "function_declaration",
    "generator_function_declaration",
    "interface_declaration",
    "type_alias_declaration",
)
