"""What a KV call becomes on the session store: the store in place of the namespace, the id of the key."""

from __future__ import annotations

from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.rewriting.calls import KvCall
from audits.rewriting.plan import Leave
from audits.rewriting.source import Source, inside

STORE = "sessionStore"


def store(call: KvCall) -> Edit:
    """`env.SESSIONS` becomes `sessionStore(env)`."""
    where = call.operation.env
    receiver = call.member.child_by_field_name("object")
    node = call.source.at(*where) if where is not None else None
    if node is None or receiver is None:
        raise Leave("the bindings are not in reach here: pass env to where the session is used")
    text = written(call.source, node)
    if "?." in text or "\n" in text or call.source.comment_in(node.start_byte, node.end_byte):
        raise Leave("the bindings are reached in a way that cannot be repeated here")
    if call.source.comment_in(receiver.start_byte, receiver.end_byte):
        raise Leave("a comment stands in what would be replaced")
    return call.edit(receiver.start_byte, receiver.end_byte, f"{STORE}({text})")


def session_id(call: KvCall) -> Edit:
    """The key becomes the id; what is not certain to be text is made text, as the key made it."""
    key, given = call.operation.key_id, call.arguments[0]
    if key is None:
        raise Leave("the key is not certain to be a constant prefix and one id behind it")
    node = call.source.at(key.start, key.end)
    if node is None:
        raise Leave("the id cannot be found in the code")
    if call.source.comment_in(given.start_byte, given.end_byte):
        raise Leave("a comment stands in what would be replaced")
    text = written(call.source, node)
    if call.source.typed and not key.text:
        text = "`${" + text + "}`"
    return call.edit(given.start_byte, given.end_byte, text)


def named(call: KvCall, method: str) -> list[Edit]:
    """The call with another method's name."""
    name = call.member.child_by_field_name("property")
    return [call.edit(name.start_byte, name.end_byte, method)] if name is not None else []


def written(source: Source, node: Node) -> str:
    """An expression with the `!` that stands behind it."""
    outer = node
    while node.parent is not None and node.parent.type in _KEPT and inside(node.parent) == node:
        node = node.parent
        outer = node if node.type != "parenthesized_expression" else outer
    return source.text(outer)


_KEPT = ("non_null_expression", "parenthesized_expression")
