"""Whether the key of a KV call is what a cookie holds: read from one, or sent in one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audits.js.around import origins
from audits.js.evaluation import expression_names
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Call, Expr

_COOKIE = re.compile("cookie", re.IGNORECASE)
_SENT = r"(?:set-?cookie|cookies?\)? ?\??\. ?set|serialize).{0,200}?"


def holds(file: File, call: Call, text: str) -> bool:
    """`text`: the function around the call."""
    if not call.expr[4]:
        return False
    key = call.expr[4][0]
    parts = list(origins.behind(file, key, call.scope, True))
    if any(_COOKIE.search(_said(part)) for part, _ in parts):
        return True
    names = sorted({chain for part in _within(key) if (chain := expression_names.chain_text(part))})
    sent = "|".join(r" ?\??\. ?".join(map(re.escape, name.split("."))) for name in names)
    pattern = rf"{_SENT}(?<![\w\"'])(?:{sent})(?![\w\"'])"
    return bool(names) and re.search(pattern, " ".join(text.split()), re.IGNORECASE) is not None


def _within(expr: Expr) -> Iterator[Expr]:
    """The variables that an expression names itself."""
    if expr[0] in ("id", "mem"):
        yield expr
    elif expr[0] != "call":
        for part in origins.inside(expr):
            yield from _within(part)


def _said(part: Expr) -> str:
    """What is called or named there."""
    return expression_names.text_of(part[3] if part[0] in ("call", "idx") else part)
