"""Takes away what nobody uses any more once calls are rewritten: variables, key helpers, imports.

Only what the removed code used, is declared in the same file, is not exported, and does nothing by
itself. A function or member with a comment of its own stays and is named: whether the comment is still
worth something is for a human to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from audits import editing
from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.rewriting import lines
from audits.rewriting.source import Source, walk

_NAMES = {
    "identifier",
    "shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
    "type_identifier",
}
_MEMBERS = {"property_identifier", "private_property_identifier"}
_PURE = {
    "string",
    "string_fragment",
    "escape_sequence",
    "template_string",
    "template_substitution",
    "identifier",
    "property_identifier",
    "member_expression",
    "parenthesized_expression",
    "non_null_expression",
    "number",
    "this",
    "object",
    "pair",
    "array",
    "arguments",
    "spread_element",
    "shorthand_property_identifier",
    "true",
    "false",
    "null",
    "undefined",
}
_TURNS = 6


def names_in(source: Source, edits: Iterable[Edit]) -> set[str]:
    """Every name in the code that the edits replace."""
    spans = [(edit.start, edit.end) for edit in edits if edit.start < edit.end]
    return {
        source.text(node)
        for node in walk(source.root)
        if node.type in _NAMES | _MEMBERS
        and any(start <= node.start_byte and node.end_byte <= end for start, end in spans)
    }


def without(
    source: Source, names: Collection[str], helpers: Collection[str] = ()
) -> tuple[Source, list[str]]:
    """The file without those of these names that are only declared, and the names that are not used any
    more but stay. `helpers`: variables whose value may be a call, because it is known to do nothing but
    join a key."""
    pending, stay = set(names), set[str]()
    for _ in range(_TURNS):
        edits: list[Edit] = []
        for name in sorted(pending - stay):
            whole = _unused(source, name, name in helpers)
            if whole is None:
                continue
            start, end = _span(source, whole)
            if source.comment_in(start, end) or (_is_documented(whole) and _described(whole)):
                stay.add(name)
            else:
                edits.append(Edit(source.path, start, end, ""))
        if not edits:
            break
        pending |= names_in(source, edits)
        source = Source(source.path, editing.apply(source.raw, _disjoint(edits)))
    return source, sorted(stay)


def declaration(source: Source, name: str) -> Node | None:
    """Where a name is declared that `without` left: its first declaration in the file."""
    found = (node for node in walk(source.root) if source.text(node) == name)
    return next((node for node in found if _declaration(node, helper=True) is not None), None)


def _disjoint(edits: Iterable[Edit]) -> Iterator[Edit]:
    end = -1
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        if edit.start >= end:
            yield edit
            end = edit.end


def _unused(source: Source, name: str, helper: bool) -> Node | None:
    """What can go because the name is only declared."""
    same = [node for node in walk(source.root) if node.child_count == 0 and source.text(node) == name]
    for kinds in (_NAMES, _MEMBERS):
        found = [node for node in same if node.type in kinds and not _is_label(node)]
        if len(found) == 1 and (whole := _declaration(found[0], helper=helper)) is not None:
            return whole
    return None


def _is_label(node: Node) -> bool:
    """Is it the name of a member of an object literal or a type, which is another thing?"""
    parent = node.parent
    if parent is None or parent.type not in ("pair", "property_signature"):
        return False
    return node in (parent.child_by_field_name("key"), parent.child_by_field_name("name"))


def _declaration(node: Node, *, helper: bool) -> Node | None:
    """What goes when this name, used nowhere else, goes: a statement or a part of one."""
    parent = node.parent
    if parent is None:
        return None
    if node.type in _MEMBERS:
        return _of_class(node, parent)
    if parent.type == "variable_declarator" and parent.child_by_field_name("name") == node:
        value, statement = parent.child_by_field_name("value"), parent.parent
        if statement is None or statement.type != "lexical_declaration" or value is None:
            return None
        functions = ("arrow_function", "function_expression")
        pure = value.type in functions or _is_pure(value, helper)
        alone = sum(child.type == "variable_declarator" for child in statement.named_children) == 1
        return statement if pure and alone and _owned(statement) else None
    if parent.type == "function_declaration" and parent.child_by_field_name("name") == node:
        return parent if _owned(parent) else None
    if node.type == "shorthand_property_identifier_pattern" and parent.type == "object_pattern":
        return _of_pattern(node, parent)
    if parent.type == "import_specifier":
        return _of_import(parent)
    return None


def _of_class(node: Node, member: Node) -> Node | None:
    """A private method, or a private field with a constant."""
    if member.type not in _CLASS_MEMBERS or member.child_by_field_name("name") != node:
        return None
    hidden = node.type == "private_property_identifier" or any(
        child.type == "accessibility_modifier" and child.text == b"private" for child in member.children
    )
    value = member.child_by_field_name("value")
    field = member.type != "method_definition"
    return member if hidden and not (field and (value is None or not _is_pure(value, False))) else None


_CLASS_MEMBERS = ("method_definition", "public_field_definition", "field_definition")


def _of_pattern(node: Node, pattern: Node) -> Node | None:
    """`const { SESSIONS } = env;`."""
    declarator = pattern.parent
    value = declarator.child_by_field_name("value") if declarator is not None else None
    if declarator is None or declarator.type != "variable_declarator" or value is None:
        return None
    if not _is_pure(value, False) or any(child.type == "rest_pattern" for child in pattern.named_children):
        return None
    statement = declarator.parent
    if pattern.named_child_count > 1 or statement is None:
        return node
    return statement if statement.named_child_count == 1 and _owned(statement) else None


def _of_import(specifier: Node) -> Node | None:
    named = specifier.parent
    clause = named.parent if named is not None else None
    if named is None or clause is None or clause.parent is None:
        return None
    if named.named_child_count > 1:
        return specifier
    return clause.parent if clause.named_child_count == 1 else None


def _owned(statement: Node) -> bool:
    """Is it nobody else's: not exported, not in the head of a loop?"""
    return statement.parent is not None and statement.parent.type in ("program", "statement_block")


_QUIET = (
    b"JSON.stringify", b"Date.now", b"Math.floor", b"Math.ceil", b"Math.round", b"Math.max", b"Math.min",
    b"String", b"Number",
)  # fmt: skip
"""Functions that do nothing but give a value."""


def _is_quiet(node: Node) -> bool:
    callee = node.child_by_field_name("function") if node.type == "call_expression" else None
    return callee is not None and callee.text in _QUIET


def _is_pure(value: Node, helper: bool) -> bool:
    kinds = _PURE | {"call_expression", "arguments"} if helper else _PURE
    for node in walk(value):
        if not node.is_named or node.type in kinds or _is_quiet(node):
            continue
        if node.type == "binary_expression":
            operator = node.child_by_field_name("operator")
            if operator is not None and operator.type in ("+", "-", "*", "/", "??", "||"):
                continue
        return False
    return True


def _is_documented(node: Node) -> bool:
    """Does a comment above it tell what it is, rather than what is being done?"""
    top = node.parent is not None and node.parent.type == "program" and node.type != "import_statement"
    return top or node.type in (*_CLASS_MEMBERS, "function_declaration")


def _described(node: Node) -> bool:
    """Does a comment stand right above it?"""
    before = node.prev_sibling
    return before is not None and before.type == "comment" and node.start_point[0] - before.end_point[0] <= 1


def _span(source: Source, node: Node) -> tuple[int, int]:
    """The bytes to delete: a statement with its line, a part of a list with its comma."""
    if node.type not in ("import_specifier", "shorthand_property_identifier_pattern"):
        semicolon = node.type in _CLASS_MEMBERS and source.raw[node.end_byte : node.end_byte + 1] == b";"
        return lines.whole(source.raw, node.start_byte, node.end_byte + semicolon)
    following, before = node.next_named_sibling, node.prev_named_sibling
    if following is not None:
        return node.start_byte, following.start_byte
    return (before.end_byte if before is not None else node.start_byte), node.end_byte
