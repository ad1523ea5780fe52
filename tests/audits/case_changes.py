"""Changes of a case's text: between its tokens, which decides nothing, and of the end of a put."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from audits.js.syntax import grammar
from audits.js.syntax.grammar import Node
from audits.operation import Operation
from tests.audits.case_trees import Files, leaves, tree

_ENDS = {"expirationTtl", "expiration"}
_FILLERS = ("", "\n", " ", "\n\t\t", "/* kv.put( */", "\n// await env.KV.put('a', b)\n")


@dataclass(frozen=True, slots=True)
class Moves:
    """Where bytes of the new text come from: insertions as offsets in the old text and lengths."""

    inserted: tuple[tuple[int, int], ...]

    def back(self, offset: int) -> int:
        """The old offset of a byte of the new text that was not inserted."""
        sums = list(accumulate(length for _, length in self.inserted))
        starts = [at + before for (at, _), before in zip(self.inserted, [0, *sums], strict=False)]
        number = bisect_right(starts, offset)
        return offset - (sums[number - 1] if number else 0)


def reformatted(files: Files, seed: int) -> tuple[dict[str, str], dict[str, Moves]]:
    """Line breaks, blanks and comments between tokens: calls over several lines, other indentation."""
    chance = random.Random(seed)
    texts, moves = {}, {}
    for path, text in files.items():
        if not grammar.suffix(path):
            texts[path] = text
            continue
        at = [offset for offset in _gaps(tree(path, text)) if chance.random() < 0.5]
        fillers = [chance.choice(_FILLERS).encode() for _ in at]
        source, parts, last = text.encode(), [], 0
        for offset, filler in zip(at, fillers, strict=True):
            parts += [source[last:offset], filler]
            last = offset
        texts[path] = b"".join([*parts, source[last:]]).decode()
        moves[path] = Moves(tuple((a, len(f)) for a, f in zip(at, fillers, strict=True)))
    return texts, moves


def _gaps(root: Node) -> list[int]:
    """Offsets where white space and comments are free: behind brackets and commas, before a dot."""
    found = set()
    for leaf in leaves(root):
        if leaf.type in ("(", ",", "[", "{", ";"):
            found.add(leaf.end_byte)
        elif leaf.type == "." and leaf.parent is not None and leaf.parent.type == "member_expression":
            found.add(leaf.start_byte)
    return sorted(found)


def windows(files: Files) -> dict[str, str]:
    """Lines that end as on Windows."""
    return {path: text.replace("\n", "\r\n") for path, text in files.items()}


def with_end(files: Files, operation: Operation) -> dict[str, str] | None:
    """The put with `{ expirationTtl: 3600 }`; None when its options are not simple."""
    given = operation.arguments
    if len(given) == 2:
        start, end, text = given[1].end, given[1].end, ", { expirationTtl: 3600 }"
    elif len(given) == 3 and given[2].text in ("undefined", "null", "{}"):
        start, end, text = given[2].start, given[2].end, "{ expirationTtl: 3600 }"
    elif len(given) == 3 and given[2].text and not {m.name for m in given[2].members} & _ENDS:
        start, end, text = given[2].start + 1, given[2].start + 1, " expirationTtl: 3600,"
    else:
        return None
    return _edited(files, operation.place.path, start, end, text)


def without_end(files: Files, operation: Operation) -> dict[str, str] | None:
    """The put without its one literal `expirationTtl` or `expiration`; None when it has no such."""
    options = operation.arguments[2] if len(operation.arguments) == 3 else None
    ends = [one for one in options.members if one.name in _ENDS] if options is not None else []
    if options is None or len(ends) != 1 or not options.text:
        return None
    start = ends[0].start
    before = files[operation.place.path].encode()[options.start : start].decode()
    if named := re.search(rf"""["']?{ends[0].name}["']?\s*:\s*$""", before):
        start = options.start + len(before[: named.start()].encode())
    behind = files[operation.place.path].encode()[ends[0].end : options.end].decode()
    comma = re.match(r"\s*,", behind)
    end = ends[0].end + (len(comma[0].encode()) if comma else 0)
    return _edited(files, operation.place.path, start, end, "")


def _edited(files: Files, path: str, start: int, end: int, text: str) -> dict[str, str]:
    source = files[path].encode()
    return {**files, path: (source[:start] + text.encode() + source[end:]).decode()}
