"""`get` and `getWithMetadata` on the session store, with exactly the values that KV gave.

get(key, "json")          (await store.get(id))?.data ?? null, wherever it stands
JSON.parse(await get(key)) the same
const raw = await get(key) the stored session itself, if raw is only tested and parsed: raw.data
"""

from __future__ import annotations

from collections.abc import Sequence

from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.operation import Method
from audits.rewriting import uses
from audits.rewriting.calls import KvCall, needs_parentheses
from audits.rewriting.plan import Leave
from audits.rewriting.source import WRAPPERS, bare, inside, outermost
from audits.rewriting.target import named, session_id, store

_AS_TEXT = "the text itself is used, and the store gives parsed data"


def kind(call: KvCall) -> str:
    """`json` or `text`, by the call's options; raises Leave for everything else."""
    if len(call.arguments) == 1:
        return "text"
    if len(call.arguments) > 2:
        raise Leave("it has more arguments than a get takes")
    said = _type(call, call.arguments[1])
    if said not in ("json", "text"):
        raise Leave(f"it is read as {said}" if said else "its options cannot be seen here")
    return said


def _type(call: KvCall, node: Node) -> str:
    if node.type == "string":
        return call.source.text(node)[1:-1]
    if node.type != "object":
        return ""
    said = "text"
    for child in node.named_children:
        name, value = child.child_by_field_name("key"), child.child_by_field_name("value")
        if child.type != "pair" or name is None or value is None:
            return ""
        key = call.source.text(name).strip("\"'")
        if key == "type" and value.type == "string":
            said = call.source.text(value)[1:-1]
        elif key != "cacheTtl":  # the store is never staler than a cache
            return ""
    return said


def convert(call: KvCall, json_only: bool, written: Sequence[Node] = ()) -> list[Edit]:
    """The edits of a read. `json_only`: everything that the project writes under this prefix is JSON, as
    far as is seen; `written`: uses of its variable that somebody else takes care of. Raises Leave."""
    if call.operation.method is Method.GET_WITH_METADATA:
        return _with_metadata(call)
    if call.arguments[0].type == "array":
        raise Leave("it reads many keys at once")
    if kind(call) == "json":
        return _parsed(call)
    if call.types:
        raise Leave(_AS_TEXT)
    return _text(call, json_only, written)


def _asked(call: KvCall) -> list[Edit]:
    """The call itself, now of the store, without the options."""
    edits = [store(call), session_id(call)]
    if len(call.arguments) > 1:
        edits.append(call.without(call.arguments[0].end_byte, call.arguments[1].end_byte))
    return edits


def _parsed(call: KvCall) -> list[Edit]:
    if len(call.types) > 1:
        raise Leave("its type arguments are not those of a read as JSON")
    if call.awaited is None:
        end = call.node.end_byte
        return [*_asked(call), call.edit(end, end, ".then((session) => session?.data ?? null)")]
    return [*_asked(call), *_data_of(call, call.awaited)]


def _data_of(call: KvCall, outer: Node) -> list[Edit]:
    """`(await …)?.data ?? null` around the awaited call, in the place of `outer`."""
    awaited = call.outer
    opening, closing = ("((", ")?.data ?? null)") if needs_parentheses(outer) else ("(", ")?.data ?? null")
    return [
        call.edit(awaited.start_byte, awaited.start_byte, opening),
        call.edit(awaited.end_byte, awaited.end_byte, closing),
    ]


def _text(call: KvCall, json_only: bool, written: Sequence[Node]) -> list[Edit]:
    if call.awaited is None:
        raise Leave(_AS_TEXT)
    outer = outermost(call.awaited, frozenset(("parenthesized_expression",)))
    if uses.is_test(outer) or uses.is_test(call.awaited):
        return _asked(call)
    if not json_only:
        raise Leave("some sessions are written as other text than JSON, which the store may read differently")
    parsing = _parsing(call, call.awaited)
    if parsing is not None:
        return [*_asked(call), *_instead_of(call, parsing, call.awaited), *_data_of(call, parsing)]
    declarator = outer.parent
    if declarator is None or declarator.type != "variable_declarator":
        raise Leave(_AS_TEXT)
    return [*_asked(call), *_variable(call, declarator, written)]


def _parsing(call: KvCall, node: Node) -> Node | None:
    """The `JSON.parse(…)` whose only argument the node is, perhaps with `?? "null"` behind it."""
    node = outermost(node, WRAPPERS)
    parent = node.parent
    if parent is not None and parent.type == "binary_expression":
        operator, right = parent.child_by_field_name("operator"), parent.child_by_field_name("right")
        if parent.child_by_field_name("left") != node or operator is None or right is None:
            return None
        if operator.type not in ("??", "||") or right.type != "string":
            return None
        if call.source.text(right)[1:-1] != "null":
            return None
        node = outermost(parent, WRAPPERS)
        parent = node.parent
    if parent is None or parent.type != "arguments" or parent.named_child_count != 1:
        return None
    callee = parent.parent.child_by_field_name("function") if parent.parent is not None else None
    return parent.parent if callee is not None and call.source.text(callee) == "JSON.parse" else None


def _instead_of(call: KvCall, whole: Node, kept: Node) -> list[Edit]:
    """Delete what is around the part that is kept."""
    return [call.without(whole.start_byte, kept.start_byte), call.without(kept.end_byte, whole.end_byte)]


def _variable(call: KvCall, declarator: Node, written: Sequence[Node]) -> list[Edit]:
    """`const raw = await get(key)`: raw becomes the stored session, null in the same cases."""
    block, used = uses.block_of(declarator), uses.references(call.source, declarator)
    if block is None or used is None:
        raise Leave(f"{_AS_TEXT}; its variable is changed or declared twice")
    edits: list[Edit] = []
    for use in (one for one in used if one not in written):
        outer = outermost(use, frozenset(("parenthesized_expression",)))
        if uses.is_test(use) or uses.is_test(outer):
            continue
        parsing = _parsing(call, use)
        if parsing is None:
            raise Leave(f"{_AS_TEXT} in line {use.start_point[0] + 1}")
        name = call.source.text(use)
        text = f"{name}.data" if uses.guarded(use, block) else f"{name}?.data ?? null"
        if "??" in text and needs_parentheses(parsing):
            text = f"({text})"
        if call.source.comment_in(parsing.start_byte, parsing.end_byte):
            raise Leave("a comment stands in what would be replaced")
        edits.append(call.edit(parsing.start_byte, parsing.end_byte, text))
    annotation = declarator.child_by_field_name("type")
    if annotation is not None:
        if "".join(call.source.text(annotation).split()) not in (":string|null", ":null|string"):
            raise Leave("the variable's type speaks of text")
        edits.append(call.without(annotation.start_byte, annotation.end_byte))
    return edits


def _with_metadata(call: KvCall) -> list[Edit]:
    """`const { value, metadata } = await getWithMetadata(key, "json")`, or a variable of which only these
    two are asked."""
    if kind(call) != "json" or call.awaited is None:
        raise Leave(_AS_TEXT if call.awaited is not None else "its result is not awaited here")
    declarator = outermost(call.awaited, frozenset(("parenthesized_expression",))).parent
    pattern = declarator.child_by_field_name("name") if declarator is not None else None
    if declarator is None or declarator.type != "variable_declarator" or pattern is None:
        raise Leave("what becomes of value and metadata cannot be seen here")
    edits = [*_asked(call), *named(call, "get"), *_or_nothing(call)]
    if declarator.child_by_field_name("type") is not None:
        raise Leave("the variable's type is that of KV's answer")
    if pattern.type == "object_pattern":
        return [*edits, *_taken_apart(call, pattern)]
    used = uses.references(call.source, declarator)
    if used is None:
        raise Leave("its variable is changed or declared twice")
    return [*edits, *(edit for use in used for edit in _member(call, use))]


def _or_nothing(call: KvCall) -> list[Edit]:
    awaited = call.outer
    return [
        call.edit(awaited.start_byte, awaited.start_byte, "("),
        call.edit(awaited.end_byte, awaited.end_byte, ") ?? { data: null, metadata: null }"),
    ]


def _taken_apart(call: KvCall, pattern: Node) -> list[Edit]:
    edits: list[Edit] = []
    for child in (one for one in pattern.named_children if one.type != "comment"):
        name = child.child_by_field_name("key") if child.type == "pair_pattern" else child
        short = child.type == "shorthand_property_identifier_pattern"
        text = call.source.text(name) if name is not None else ""
        if name is None or text not in ("value", "metadata") or not (short or child.type == "pair_pattern"):
            raise Leave("it takes more from KV's answer than value and metadata")
        if text == "value":
            edits.append(call.edit(name.start_byte, name.end_byte, "data: value" if short else "data"))
    return edits


def _member(call: KvCall, use: Node) -> list[Edit]:
    """`result.value` becomes `result.data`; `result.metadata` stays."""
    parent = use.parent
    name = parent.child_by_field_name("property") if parent is not None else None
    if parent is None or name is None or parent.type != "member_expression":
        raise Leave("it takes more from KV's answer than value and metadata")
    if bare(parent) != parent or inside(parent) is None or parent.child_by_field_name("object") != use:
        raise Leave("it takes more from KV's answer than value and metadata")
    if any(child.type == "optional_chain" for child in parent.children):
        raise Leave("its variable is asked as if it could be missing")
    text = call.source.text(name)
    if text not in ("value", "metadata"):
        raise Leave("it takes more from KV's answer than value and metadata")
    return [call.edit(name.start_byte, name.end_byte, "data")] if text == "value" else []
