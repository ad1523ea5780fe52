"""`put` and `delete` on the session store: `JSON.stringify(data)` becomes the data itself.

A put of a new random id is a login, `create`; one that writes back what was read, only to renew the
expiration, is a `touch`, if nothing else can have been meant.
"""

from __future__ import annotations

from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.rewriting import lines, uses
from audits.rewriting.calls import KvCall
from audits.rewriting.plan import Leave
from audits.rewriting.source import Source
from audits.rewriting.target import named, session_id, store

NOT_JSON = "what is written is not made by JSON.stringify here"


def stringified(source: Source, node: Node) -> Node | None:
    """`x` of `JSON.stringify(x)`."""
    if node.type != "call_expression":
        return None
    callee, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if callee is None or arguments is None or source.text(callee) != "JSON.stringify":
        return None
    given = [child for child in arguments.named_children if child.type != "comment"]
    return given[0] if len(given) == 1 and given[0].type != "spread_element" else None


def delete(call: KvCall) -> list[Edit]:
    """The edits of a delete."""
    if len(call.arguments) != 1:
        raise Leave("it has more arguments than a delete takes")
    return [store(call), session_id(call)]


def put(call: KvCall, *, first: bool) -> list[Edit]:
    """The edits of a put; `first`: nothing was done with its id before. Raises Leave."""
    if len(call.arguments) not in (2, 3):
        raise Leave("it has not the arguments of a put")
    return [*aimed(call, first=first), *_value(call)]


def aimed(call: KvCall, *, first: bool) -> list[Edit]:
    """The edits of a put but for the value: a login is a `create`."""
    edits = [store(call), session_id(call)]
    return [*edits, *named(call, "create")] if first and _is_login(call) else edits


def _value(call: KvCall) -> list[Edit]:
    value = call.arguments[1]
    data = stringified(call.source, value)
    if data is not None:
        return [
            call.without(value.start_byte, data.start_byte),
            call.without(data.end_byte, value.end_byte),
        ]
    if value.type == "identifier":
        return _prepared(call, value)
    raise Leave(NOT_JSON)


def _prepared(call: KvCall, value: Node) -> list[Edit]:
    """`const text = JSON.stringify(data);` in the line before, and used nowhere else."""
    declarator = declared(call.source, value)
    made = declarator.child_by_field_name("value") if declarator is not None else None
    data = stringified(call.source, made) if made is not None else None
    if declarator is None or data is None or declarator.child_by_field_name("type") is not None:
        raise Leave(NOT_JSON)
    statement = declarator.parent
    used = uses.references(call.source, declarator)
    if statement is None or used != [value] or not _follows(statement, call.node):
        raise Leave("what is written was made into JSON too far away")
    if len([child for child in statement.named_children if child.type == "variable_declarator"]) != 1:
        raise Leave("what is written was made into JSON too far away")
    return [
        call.edit(value.start_byte, value.end_byte, call.source.text(data)),
        *removed(call, statement),
    ]


def removed(call: KvCall, statement: Node) -> list[Edit]:
    """Delete a statement, with its line if nothing else stands on it."""
    raw = call.source.raw
    if call.source.comment_in(statement.start_byte, statement.end_byte):
        raise Leave("a comment stands in what would be deleted")
    start, end = lines.whole(raw, statement.start_byte, statement.end_byte)
    return [call.edit(start, end, "")]


def declared(source: Source, use: Node) -> Node | None:
    """The `const x = …` of a name, in the block of its use or one around it."""
    node: Node | None = use
    while node is not None:
        for statement in node.named_children if node.type in ("statement_block", "program") else ():
            for one in statement.named_children if statement.type == "lexical_declaration" else ():
                name = one.child_by_field_name("name")
                if name is not None and name.text == use.text:
                    return one
        node = node.parent
    return None


def _follows(statement: Node, call: Node) -> bool:
    """Does the statement of the call come next?"""
    following = statement.next_named_sibling
    return following is not None and following.start_byte <= call.start_byte < following.end_byte


def _is_login(call: KvCall) -> bool:
    """A new random id, written once for each that is made."""
    key = call.operation.key_id
    if key is None or not key.fresh:
        return False
    name = call.source.at(key.start, key.end)
    declarator = declared(call.source, name) if name is not None else None
    block = uses.block_of(declarator) if declarator is not None else None
    statement = declarator.parent if declarator is not None else None
    if block is None or statement is None:
        return False
    return not is_repeated(call, block)


def is_repeated(call: KvCall, block: Node) -> bool:
    """May the call run more than once, or later, for one run of a block around it?"""
    at: Node | None = call.node
    while at is not None and at != block:
        if at.type in REPEATED:
            return True
        at = at.parent
    return at is None


REPEATED = frozenset(
    (
        "for_statement",
        "for_in_statement",
        "while_statement",
        "do_statement",
        "arrow_function",
        "function_expression",
        "function_declaration",
        "method_definition",
    )
)
"""Loops and functions: what stands in one may run more than once, or later."""
