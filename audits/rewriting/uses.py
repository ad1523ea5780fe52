"""Where a local variable is used, and where the code has made sure that it is not null."""

from __future__ import annotations

from audits.js.syntax.grammar import Node
from audits.rewriting.source import Source, inside, walk

_NAMES = ("identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern")
_BINDERS = {
    "required_parameter",
    "optional_parameter",
    "formal_parameters",
    "rest_pattern",
    "object_pattern",
    "array_pattern",
    "pair_pattern",
    "catch_clause",
    "function_declaration",
    "generator_function_declaration",
    "function_expression",
    "class_declaration",
    "import_specifier",
    "import_clause",
    "namespace_import",
    "for_in_statement",
}
_BLOCKS = ("statement_block", "program", "switch_case", "switch_default", "class_static_block")
_LEAVES = ("return_statement", "throw_statement", "continue_statement", "break_statement")


def references(source: Source, declarator: Node) -> list[Node] | None:
    """The uses of the name that a `const x = …` declares, in order; None when the name is declared
    again where it can be seen, is changed, or when it is no plain name."""
    name = declarator.child_by_field_name("name")
    block = block_of(declarator)
    if name is None or name.type != "identifier" or block is None:
        return None
    text = source.text(name)
    found = [node for node in walk(block) if node.type in _NAMES and source.text(node) == text]
    found.remove(name)
    return None if any(_binds(node) for node in found) else found


def block_of(node: Node) -> Node | None:
    """The block that a declaration belongs to, None for a `var`, which belongs to the function."""
    statement = node.parent
    if statement is None or statement.type != "lexical_declaration" or statement.parent is None:
        return None
    block = statement.parent
    if block.type == "export_statement":
        return None
    return block if block.type in _BLOCKS else None


def _binds(node: Node) -> bool:
    """Does the name stand where it is declared or changed?"""
    parent = node.parent
    if parent is None or node.type == "shorthand_property_identifier_pattern":
        return True
    if parent.type in _BINDERS:
        return parent.type != "for_in_statement" or parent.child_by_field_name("right") != node
    if parent.type == "variable_declarator":
        return parent.child_by_field_name("name") == node
    if parent.type in ("assignment_expression", "augmented_assignment_expression", "assignment_pattern"):
        return parent.child_by_field_name("left") == node
    if parent.type == "arrow_function":
        return parent.child_by_field_name("parameter") == node
    return parent.type == "update_expression"


def is_test(node: Node) -> bool:
    """Is the value only asked whether it is there: `!x`, `if (x)`, `x !== null`, `x && …`?"""
    while node.parent is not None and node.parent.type == "parenthesized_expression":
        node = node.parent
        if node.parent is not None and node.parent.child_by_field_name("condition") == node:
            return True
    parent = node.parent
    if parent is None:
        return False
    if parent.type in ("if_statement", "while_statement", "do_statement", "ternary_expression"):
        return parent.child_by_field_name("condition") == node
    if parent.type == "unary_expression":
        operator = parent.child_by_field_name("operator")
        return operator is not None and operator.type == "!"
    if parent.type == "binary_expression":
        operator = parent.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        left, right = parent.child_by_field_name("left"), parent.child_by_field_name("right")
        if sign in ("==", "!=", "===", "!=="):
            other = right if left == node else left
            # KV answers null and never undefined, and so does the store.
            return other is not None and other.type in ("null", "undefined")
        return sign == "&&" and left == node
    if parent.type == "arguments" and parent.parent is not None and len(parent.named_children) == 1:
        callee = parent.parent.child_by_field_name("function")
        return callee is not None and callee.text == b"Boolean"
    return False


def proves(node: Node | None, name: bytes, holds: bool) -> bool:
    """Is the variable truthy or not null whenever the condition is `holds`?"""
    if node is None:
        return False
    kind = node.type
    if kind == "parenthesized_expression":
        return proves(inside(node), name, holds)
    if kind == "identifier":
        return holds and node.text == name
    operator = node.child_by_field_name("operator")
    if kind == "unary_expression":
        negated = operator is not None and operator.type == "!"
        return negated and proves(node.child_by_field_name("argument"), name, not holds)
    if kind != "binary_expression" or operator is None:
        return False
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if operator.type == ("&&" if holds else "||"):
        return proves(left, name, holds) or proves(right, name, holds)
    if operator.type in ("==", "!=", "===", "!==") and left is not None and right is not None:
        same = left.type == "identifier" and left.text == name and right.type == "null"
        return same and holds == operator.type.startswith("!")
    return False


def leaves(node: Node | None) -> bool:
    """Does a statement always leave the block that it stands in?"""
    if node is None:
        return False
    if node.type in _LEAVES:
        return True
    kept = [child for child in node.named_children if child.type != "comment"]
    return node.type == "statement_block" and bool(kept) and leaves(kept[-1])


def guarded(use: Node, block: Node) -> bool:
    """Has the code made sure, on every way from the block's beginning, that the name at `use` has a
    value? The variable must be one that is never changed."""
    name, child = use.text or b"", use
    while child != block and child.parent is not None:
        parent = child.parent
        if _proven_by(parent, child, name):
            return True
        child = parent
    return False


def _proven_by(parent: Node, child: Node, name: bytes) -> bool:
    kind = parent.type
    if kind in ("if_statement", "ternary_expression"):
        condition = parent.child_by_field_name("condition")
        if parent.child_by_field_name("consequence") == child:
            return proves(condition, name, True)
        return parent.child_by_field_name("alternative") == child and proves(condition, name, False)
    if kind == "binary_expression" and parent.child_by_field_name("right") == child:
        operator = parent.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        left = parent.child_by_field_name("left")
        return (sign == "&&" and proves(left, name, True)) or (sign == "||" and proves(left, name, False))
    if kind in _BLOCKS:
        return any(_excludes(one, name) for one in parent.named_children if one.end_byte <= child.start_byte)
    return False


def _excludes(statement: Node, name: bytes) -> bool:
    """`if (!x) return;`."""
    return (
        statement.type == "if_statement"
        and statement.child_by_field_name("alternative") is None
        and leaves(statement.child_by_field_name("consequence"))
        and proves(statement.child_by_field_name("condition"), name, False)
    )
