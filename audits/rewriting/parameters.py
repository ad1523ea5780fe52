"""Takes away parameters that nobody uses any more, where every call of the function can be seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from audits import editing
from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.rewriting.source import Source, walk

_FUNCTIONS = ("function_declaration", "arrow_function", "function_expression", "method_definition")
_PARAMETERS = ("required_parameter", "optional_parameter", "identifier")


def without(source: Source, names: Collection[str]) -> tuple[Source, list[str]]:
    """The file without parameters of these names that are not used, and the names of those that stay
    because their function is exported, a method, or handed on."""
    stay: set[str] = set()
    for name in sorted(names):
        for function in _having(source, name):
            edits = _removal(source, function, name)
            if edits is None:
                stay.add(name)
                continue
            source = Source(source.path, editing.apply(source.raw, edits))
            break  # the nodes are those of the file before
    return source, sorted(stay)


def declaration(source: Source, name: str) -> Node | None:
    """The first parameter of that name that is a namespace."""
    found = (_parameter(source, one, name) for one in walk(source.root) if one.type in _FUNCTIONS)
    return next((one for one in found if one is not None), None)


def _having(source: Source, name: str) -> Iterator[Node]:
    """Functions with a parameter of that name that is used nowhere in them."""
    for function in walk(source.root):
        parameter = _parameter(source, function, name) if function.type in _FUNCTIONS else None
        if parameter is None:
            continue
        leaves = (node for node in walk(function) if node.child_count == 0)
        same = [node for node in leaves if source.text(node) == name]
        if all(parameter.start_byte <= node.start_byte < parameter.end_byte for node in same):
            yield function


def _parameter(source: Source, function: Node, name: str) -> Node | None:
    """A parameter of that name that is a namespace, as far as its type tells."""
    parameters = function.child_by_field_name("parameters")
    for one in parameters.named_children if parameters is not None else ():
        pattern = one.child_by_field_name("pattern") or one
        if one.type in _PARAMETERS and pattern.type == "identifier" and source.text(pattern) == name:
            return one if "KVNamespace" in source.text(one) or not source.typed else None
    return None


def _removal(source: Source, function: Node, name: str) -> list[Edit] | None:
    """The edits of the function and of its calls, None when they cannot all be seen."""
    called = _name_of(function)
    parameters = function.child_by_field_name("parameters")
    if called is None or parameters is None:
        return None
    given = [one for one in parameters.named_children if one.type != "comment"]
    parameter = _parameter(source, function, name)
    if parameter is None or any("..." in source.text(one) for one in given):
        return None
    at = given.index(parameter)
    edits = [_cut(source, given, at)]
    for node in walk(source.root):
        if node.type not in ("identifier", "shorthand_property_identifier") or node.text != called.text:
            continue
        if node == called:
            continue
        call = node.parent
        if call is None or call.type != "call_expression" or call.child_by_field_name("function") != node:
            return None
        arguments = call.child_by_field_name("arguments")
        passed = [one for one in arguments.named_children if one.type != "comment"] if arguments else []
        if len(passed) <= at or any(one.type == "spread_element" for one in passed):
            return None
        edits.append(_cut(source, passed, at))
    return edits


def _name_of(function: Node) -> Node | None:
    """The name of a function that is not exported."""
    owner = function.parent
    if function.type == "function_declaration":
        statement: Node | None = function
        name = function.child_by_field_name("name")
    elif owner is not None and owner.type == "variable_declarator":
        statement, name = owner.parent, owner.child_by_field_name("name")
    else:
        return None
    around = statement.parent if statement is not None else None
    return name if around is not None and around.type != "export_statement" else None


def _cut(source: Source, items: list[Node], at: int) -> Edit:
    """One item of a list with its comma."""
    if at + 1 < len(items):
        return Edit(source.path, items[at].start_byte, items[at + 1].start_byte, "")
    start = items[at - 1].end_byte if at else items[at].start_byte
    return Edit(source.path, start, items[at].end_byte, "")
