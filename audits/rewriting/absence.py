"""What expressions and conditions come to when reads of KV give nothing.

Evaluated in parts, as far as that is certain: `raw ? JSON.parse(raw) : null` is null where `raw` is, and
`!raw || other` is true.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from audits.js.syntax.grammar import Node
from audits.rewriting.source import WRAPPERS, inside, walk

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Known:
    """What holds at one place. `reads`: the bytes of expressions that give null; `nulls`: variables
    that have no value because it came from such a read; `absent`: variables that the code around has found to
    have no value."""

    reads: Collection[Span] = ()
    nulls: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()

    def given(self, names: Collection[str]) -> Known:
        """With more variables that have no value."""
        return replace(self, absent=self.absent | set(names))

    def null(self, name: str) -> Known:
        """With one more variable that has no value because it came from a read."""
        return replace(self, nulls=self.nulls | {name})

    def without(self, names: Collection[str]) -> Known:
        """After variables were changed or declared anew."""
        return replace(self, absent=self.absent - set(names), nulls=self.nulls - set(names))

    @property
    def calm(self) -> Known:
        """In code that may run again or later: only what never changes holds."""
        return replace(self, absent=frozenset())

    def is_read(self, node: Node) -> bool:
        """Is this one of the reads?"""
        return (node.start_byte, node.end_byte) in self.reads

    def concerns(self, node: Node) -> bool:
        """Does a read, or what comes from one, stand in this code?"""
        return any(
            self.is_read(one) or (one.type in _NAMES and named(one) in self.nulls) for one in walk(node)
        )


_NAMES = ("identifier", "shorthand_property_identifier")


def named(node: Node) -> str:
    """The text of a name."""
    return (node.text or b"").decode("utf-8", "replace")


def is_null(node: Node | None, known: Known) -> bool:
    """Is the value null or undefined for certain?"""
    if node is None:
        return False
    if known.is_read(node):
        return True
    kind = node.type
    if kind in ("null", "undefined"):
        return True
    if kind == "identifier":
        return named(node) in known.nulls
    if kind in WRAPPERS or kind == "await_expression":
        return is_null(inside(node), known)
    if kind == "ternary_expression":
        return _chosen(node, known)
    if kind == "binary_expression":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        sign = operator(node)
        if sign in ("??", "||"):
            return is_null(left, known) and is_null(right, known)
        return sign == "&&" and is_null(left, known)
    if kind == "member_expression":
        optional = any(child.type == "optional_chain" for child in node.children)
        return optional and is_null(node.child_by_field_name("object"), known)
    return is_parsing(node) and _is_no_text(_argument(node), known)


def _is_no_text(node: Node | None, known: Known) -> bool:
    """Does `JSON.parse` make null of it: of null, of the text "null", or of one in place of the other?"""
    if node is None or is_null(node, known):
        return node is not None
    if node.type == "binary_expression" and operator(node) in ("??", "||"):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        return is_null(left, known) and _is_no_text(right, known)
    return node.type == "string" and (node.text or b"")[1:-1] == b"null"


def _chosen(node: Node, known: Known) -> bool:
    holds = truth(node.child_by_field_name("condition"), known)
    arms = [node.child_by_field_name(name) for name in ("consequence", "alternative")]
    if holds is None:
        return all(is_null(arm, known) for arm in arms)
    return is_null(arms[0 if holds else 1], known)


def is_parsing(node: Node) -> bool:
    """Is it a call of `JSON.parse` with one argument?"""
    callee = node.child_by_field_name("function") if node.type == "call_expression" else None
    return callee is not None and callee.text == b"JSON.parse" and _argument(node) is not None


def _argument(call: Node) -> Node | None:
    arguments = call.child_by_field_name("arguments")
    given = [child for child in arguments.named_children if child.type != "comment"] if arguments else []
    return given[0] if len(given) == 1 else None


def operator(node: Node) -> str:
    """The operator of an expression, "" when it has none."""
    found = node.child_by_field_name("operator")
    return found.type if found is not None else ""


def truth(node: Node | None, known: Known) -> bool | None:
    """Does the condition hold? None: that is not certain."""
    if node is None:
        return None
    if is_null(node, known):
        return False
    kind = node.type
    if kind == "identifier":
        return False if named(node) in known.absent else None
    if kind in ("true", "false"):
        return kind == "true"
    if kind in WRAPPERS:
        return truth(inside(node), known)
    if kind == "unary_expression" and operator(node) == "!":
        inner = truth(node.child_by_field_name("argument"), known)
        return None if inner is None else not inner
    if kind == "binary_expression":
        return _combined(node, known)
    return None


def _combined(node: Node, known: Known) -> bool | None:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    sign = operator(node)
    if sign in ("&&", "||"):
        decisive = sign == "||"
        first, second = truth(left, known), truth(right, known)
        if first is decisive or (second is decisive and is_pure(left, known)):
            return decisive
        return not decisive if first is second is (not decisive) else None
    if sign in ("===", "==", "!==", "!=") and right is not None and right.type in ("null", "undefined"):
        if not is_null(left, known) or (right.type == "undefined" and len(sign) == 3):
            return None  # KV gives null, and what was taken from it may be undefined
        return sign[0] == "="
    return None


def is_pure(node: Node | None, known: Known) -> bool:
    """Does it do nothing but read, so that it need not be asked?"""
    if node is None or known.is_read(node):
        return True
    return node.type not in _DOING and all(is_pure(child, known) for child in node.named_children)


_DOING = {
    "call_expression",
    "new_expression",
    "await_expression",
    "assignment_expression",
    "augmented_assignment_expression",
    "update_expression",
    "yield_expression",
}


def found_absent(node: Node | None, holds: bool) -> set[str]:
    """Variables that have no value for certain whenever the condition is `holds`."""
    if node is None:
        return set()
    kind = node.type
    if kind == "parenthesized_expression":
        return found_absent(inside(node), holds)
    if kind == "identifier":
        return set() if holds else {named(node)}
    if kind == "unary_expression" and operator(node) == "!":
        return found_absent(node.child_by_field_name("argument"), not holds)
    if kind != "binary_expression":
        return set()
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    sign = operator(node)
    if sign == ("&&" if holds else "||"):
        return found_absent(left, holds) | found_absent(right, holds)
    if sign in ("===", "==", "!==", "!=") and right is not None and left is not None:
        absent = holds == (sign[0] == "=") and right.type in ("null", "undefined")
        return {named(left)} if absent and left.type == "identifier" else set()
    return set()
