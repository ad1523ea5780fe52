"""How much speaks for a KV key being a login session's: named signals with weights, for and against.

No signal alone is proof: real session keys are `spotify:{id}`, `sess:…`, `{prefix}{sid}` or a bare id,
and `SESSIONS` namespaces also hold rate limits and OAuth states. The words are those of public
Workers' code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from audits.operation import Hole, Method, Operation, Template
from audits.rules.session_words import (
    BARE_OTHERS,
    CONTENT,
    CONVERSATION,
    FOREIGN,
    NEUTRAL,
    OTHER,
    OWNERS,
    PERSONS,
    TELLING,
    TOKENS,
)

ENOUGH = 3
"""The sum of weights from which a key is taken for a session's."""

SURE = 5
"""The sum from which that is called certain."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SESSION = re.compile(
    r"(?:admin|user|auth|login|web|app|portal|member|customer|active|my|r|x)?"
    r"(?:sessions?(?:ids?|keys?|data|tokens?|store|kv)?|sess|sids?|sessids?)"
)
_AUTH = re.compile(
    r"log_?(?:in|out)|sign_?(?:in|out)|authenticat|authoriz|require_?(?:auth|login|user)|current_?user|with_?auth|whoami",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Score:
    """`signals`: the names of what spoke for it, sorted; `weight`: all that spoke for and against."""

    key: Template
    weight: int
    signals: tuple[str, ...]
    listed: bool = False


def words(name: str) -> list[str]:
    """`spotify_sessionId` in its words, lower case: spotify, session, id."""
    return [word.lower() for word in _WORD.findall(name)]


def best(operation: Operation, prefixes: Sequence[str]) -> Score:
    """The score of the key that looks most like a session's."""
    around = list(_around(operation))
    scores = [_score(operation, key, prefixes, around) for key in operation.keys]
    return max(scores, key=lambda score: (score.listed, score.weight, str(score.key)))


def is_session(operation: Operation, prefixes: Sequence[str]) -> bool:
    """Is a key of the operation a session's, by what speaks for it and against it?"""
    if not operation.keys:
        return False
    score = best(operation, prefixes)
    return score.listed or score.weight >= ENOUGH


def speaks_of_sessions(text: str) -> bool:
    """Is a word for sessions in the text: a name, a key, SQL?"""
    return any(_SESSION.fullmatch(word) for word in words(text))


def tells_which(name: str) -> bool:
    """Does a variable's name say which session it is, as `sessionId` and `token` do?"""
    return _which(name) or bool(TOKENS & set(words(name)))


Signal = tuple[str, int]


def _score(operation: Operation, key: Template, prefixes: Sequence[str], around: Iterable[Signal]) -> Score:
    listed = bool(key.prefix) and any(_begins(key, prefix) for prefix in prefixes if prefix)
    signals = [*_of_key(key), *around]
    if operation.method is not Method.LIST and key.constant and _about(words(key.constant)) != "session":
        signals.append(("constant-key", -2))
    if listed:
        signals.append(("key-prefix", 2 * SURE))
    fired = tuple(sorted({name for name, weight in signals if weight > 0}))
    return Score(key, sum(weight for _, weight in signals), fired, listed)


def _begins(key: Template, prefix: str) -> bool:
    return key.prefix.startswith(prefix) or (len(key.parts) == 1 and prefix == key.prefix)


def _of_key(key: Template) -> Iterator[Signal]:
    holes = [part for part in key.parts if isinstance(part, Hole)]
    text: list[str] = []
    for part in key.parts:
        if isinstance(part, str):
            text += words(part)
        elif part.name.isupper():  # a constant whose value is not known: its name says what it holds
            text += words(part.name)
    about = _about(text)
    if about in _BY_TEXT:
        yield _BY_TEXT[about]
    yield from _of_holes([hole.name for hole in holes if not hole.name.isupper()], bare=not text)
    helpers = [hole.helper for hole in holes if hole.helper]
    if any(_named_session(helper) for helper in helpers):
        yield "key-helper", 3
    elif any(words(helper)[-1:] == ["key"] for helper in helpers) and about != "session":
        yield "foreign-helper", -3


_BY_TEXT: dict[str, Signal] = {
    "session": ("key-text", 4),
    "other": ("foreign-key", -5),
    "foreign": ("foreign-key", -5),
    "unknown": ("unknown-key", -1),
}


def _of_holes(names: Sequence[str], *, bare: bool) -> Iterator[Signal]:
    """`bare`: there is no constant text beside them."""
    if any(_which(name) for name in names):
        yield "hole-name", 3
        return
    if any(TOKENS & set(words(name)) for name in names):
        yield "token-hole", 1
    if bare and any(_of_another(name) for name in names):
        yield "foreign-hole", -3


def _of_another(name: str) -> bool:
    """Does the name of a key's hole say that it is something else's: `email`, `guildId`?"""
    found = words(name)
    if not found:
        return False
    if found[-1] != "id" or len(found) == 1:
        return found[-1] in BARE_OTHERS
    return len(found[-2]) > 1 and found[-2] not in OWNERS  # the header X-Id says nothing


def _about(text: Sequence[str]) -> str:
    """What the constant text of a key speaks of: session, other, foreign, neutral, unknown or nothing."""
    if any(_SESSION.fullmatch(word) for word in text):
        browser = ("session", "storage") in pairwise(text)
        return "other" if browser or OTHER & set(text) else "session"
    if FOREIGN & set(text):
        return "foreign"
    if not [word for word in text if not word.isdigit() and len(word) > 1]:
        return "nothing"
    return (
        "neutral" if all(word in NEUTRAL or len(word) < 2 or word.isdigit() for word in text) else "unknown"
    )


def _which(name: str) -> bool:
    """Does the name of a key's hole say which session it is? `session.userId` does not."""
    found = words(name)
    if not found or OTHER & set(found):
        return False
    at = max((i for i, word in enumerate(found) if _SESSION.fullmatch(word) or word == "jti"), default=-1)
    return at >= 0 and set(found[at + 1 :]) <= TELLING


def tells_session(name: str) -> bool:
    """Is a key's hole of that name filled by what tells one session from others, and not by what tells
    whose it is, such as a user's id?"""
    found = words(name)
    if found[-1:] == ["id"] and len(found) > 1 and found[-2] in PERSONS:
        return False
    if any(_SESSION.fullmatch(word) for word in found) or TOKENS & set(found):
        return True
    return found[-1:] in (["id"], ["jti"], ["uuid"], ["hash"]) and not PERSONS & set(found)


def _content(name: str) -> bool:
    """Does the name of a value or type say that it is a session's content?"""
    found = words(name)
    if not found or OTHER & set(found):
        return False
    at = max((i for i, word in enumerate(found) if word in ("session", "sessions", "sess")), default=-1)
    return at >= 0 and set(found[at + 1 :]) <= CONTENT


def _named_session(name: str) -> bool:
    found = words(name)
    return any(_SESSION.fullmatch(word) for word in found) and not OTHER & set(found)


def _around(operation: Operation) -> Iterator[Signal]:
    """What does not depend on the key: binding, value, function, class, file, cookies."""
    enclosing = operation.enclosing
    if _named_session(operation.binding) or (not operation.binding and _named_session(operation.receiver)):
        yield "binding", 3
    elif "auth" in words(operation.binding):
        yield "auth-binding", 1
    yield from _of_value(operation.value_names)
    if _named_session(enclosing.function):
        yield "function-name", 2
    elif _AUTH.search(enclosing.function):
        yield "function-name", 1
    elif OTHER & set(words(enclosing.function)):
        yield "foreign-function", -1
    if _named_session(enclosing.cls):
        yield "class-name", 2
    if _named_session(operation.place.path.rpartition("/")[2].partition(".")[0]):
        yield "file-name", 1
    if enclosing.cookies_read:
        yield "cookie", 1


def _of_value(names: Iterable[str]) -> Iterator[Signal]:
    names = list(names)
    if any(_content(name) for name in names):
        yield "value-name", 2
    others = [set(words(name)) for name in names]
    if any(CONVERSATION & found or ({"session"} & found and OTHER & found) for found in others):
        yield "foreign-value", -3
