"""How much speaks for a KV key being a login session's: named signals with weights, for and against.

No signal alone is proof: real session keys are `spotify:{id}`, `sess:…`, `{prefix}{sid}` or a bare id,
and `SESSIONS` namespaces also hold rate limits and OAuth states. session_keys.py judges the key,
this file what surrounds the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from audits.operation import Enclosing, Method, Operation, Relation, Template
from audits.rules.session_keys import (
    ELSEWHERE,
    Made,
    Signal,
    about,
    named_session,
    nobodys,
    of_key,
    persons,
    sessions_in,
    text_of,
    token,
    which,
    words,
)
from audits.rules.session_words import ABOUT_ALL, CONTENT, CONVERSATION, OTHER
from audits.rules.wording import keyed

ENOUGH = 3
"""The sum of weights from which a key is taken for a session's."""

SURE = 5
"""The sum from which that is called certain."""

_AUTH = re.compile(
    r"log_?(?:in|out)|sign_?(?:in|out)|authenticat|authoriz|require_?(?:auth|login|user)|current_?user|with_?auth|whoami",
    re.IGNORECASE,
)


_OF_SESSIONS = {"binding", "class-name", "cookie", "function-name", "value-name"}
"""What speaks for sessions, or logins, around a call."""


@dataclass(frozen=True, slots=True)
class Score:
    """`signals`: the names of what spoke for it, sorted; `weight`: all that spoke for and against."""

    key: Template
    weight: int
    signals: tuple[str, ...]
    listed: bool = False


def best(operation: Operation, prefixes: Sequence[str]) -> Score:
    """The score of the key that looks most like a session's; of the one that looks least like it, where
    most keys are something else's: a function for keys of all kinds is about none of them."""
    around = list(_around(operation))
    scores = [_score(operation, key, prefixes, around) for key in operation.keys]
    elsewhere = sum(
        about(text_of(score.key)) in ELSEWHERE and "key-name" not in score.signals for score in scores
    )
    if elsewhere > sum(score.weight >= ENOUGH for score in scores) and not any(s.listed for s in scores):
        return min(scores, key=lambda score: (score.weight, str(score.key)))
    return max(scores, key=lambda score: (score.listed, score.weight, str(score.key)))


def is_session(operation: Operation, prefixes: Sequence[str]) -> bool:
    """Is a key of the operation a session's, by what speaks for it and against it?"""
    if not operation.keys:
        return False
    score = best(operation, prefixes)
    return score.listed or score.weight >= ENOUGH


def is_session_only(operation: Operation, prefixes: Sequence[str]) -> bool:
    """Is every key of the operation a session's? A function for keys of all kinds is about none."""
    keys = operation.keys
    return bool(keys) and all(is_session(replace(operation, keys=(key,)), prefixes) for key in keys)


def when(operation: Operation, prefixes: Sequence[str]) -> str:
    """Which of several keys is meant, as the end of a sentence; "" when all of them are sessions'."""
    if len(operation.keys) < 2 or is_session_only(operation, prefixes):
        return ""
    return f" when the key is {keyed(best(operation, prefixes).key)}"


def is_session_there(operation: Operation, relation: Relation, prefixes: Sequence[str]) -> bool:
    """The same with the key that it has where a relation holds."""
    there = replace(operation, keys=relation.keys) if relation.keys else operation
    return is_session(there, prefixes)


def speaks_of_sessions(text: str) -> bool:
    """Is a word for sessions in the text: a name, a key, SQL?"""
    return bool(sessions_in(words(text)))


def tells_which(name: str) -> bool:
    """Does a variable's name say which session it is, as `sessionId` and `token` do?"""
    return which(name) or token(name)


def _score(operation: Operation, key: Template, prefixes: Sequence[str], around: Iterable[Signal]) -> Score:
    listed = bool(key.prefix) and any(_begins(key, prefix) for prefix in prefixes if prefix)
    subject = about(text_of(key))
    if subject == "unknown":  # the cookie is about another key
        around = [signal for signal in around if signal[0] != "cookie"]
    made = Made(operation.key_makers, operation.key_fills)
    signals = [*of_key(key, operation.enclosing.topics, operation.value_names, made), *around]
    if operation.method is not Method.LIST and key.constant:
        if subject != "session":
            signals.append(("constant-key", -2))
        elif ABOUT_ALL & set(text_of(key)):
            signals.append(("foreign-key", -5))
    if operation.enclosing.key_in_cookie and subject not in ELSEWHERE:
        signals.append(("cookie-key", 2 if _speaks_of_auth(operation) else 1))
    surroundings = {name for name, _ in around}
    if nobodys(key, operation.enclosing.topics) and not surroundings & _OF_SESSIONS:
        signals.append(("nobodys", -5))
    if persons(key, operation.enclosing.topics) and "binding" not in surroundings:
        signals.append(("persons", -2 * SURE))
    if "foreign-value" in surroundings and "conversation" in operation.enclosing.topics:
        signals.append(("conversation", 0 if "cookie" in surroundings else -8))  # of whomever it is
    if listed:
        signals.append(("key-prefix", 2 * SURE))
    fired = tuple(sorted({name for name, weight in signals if weight > 0}))
    return Score(key, sum(weight for _, weight in signals), fired, listed)


def _begins(key: Template, prefix: str) -> bool:
    return key.prefix.startswith(prefix) or (len(key.parts) == 1 and prefix == key.prefix)


def _content(name: str) -> bool:
    """Does the name of a value or type say that it is a session's content?"""
    found = words(name)
    if not found or OTHER & set(found):
        return False
    at = max((i for i, word in enumerate(found) if word in ("session", "sessions", "sess")), default=-1)
    return at >= 0 and set(found[at + 1 :]) <= CONTENT


def _login_content(name: str) -> bool:
    """`authInfo`, `loginContext`: what is known of somebody who has logged in."""
    found = words(name)
    return len(found) == 2 and found[0] in ("auth", "login") and found[1] in ("info", "context")


def _around(operation: Operation) -> Iterator[Signal]:
    """What does not depend on the key: binding, value, function, class, file, cookies."""
    yield from _of_binding(operation)
    yield from _of_value(operation.value_names)
    yield from _of_names(operation.enclosing)
    if named_session(operation.place.path.rpartition("/")[2].partition(".")[0]):
        yield "file-name", 1
    if operation.enclosing.cookies_read:
        yield "cookie", 1


def _speaks_of_auth(operation: Operation) -> bool:
    """Is the namespace or the function named for logins? A basket and a language are in cookies as well."""
    named = named_session(operation.binding) or {"auth", "oauth", "login"} & set(words(operation.binding))
    return bool(named or _AUTH.search(operation.enclosing.function))


def _of_binding(operation: Operation) -> Iterator[Signal]:
    if named_session(operation.binding) or (not operation.binding and named_session(operation.receiver)):
        yield "binding", 3
    elif {"auth", "oauth"} & set(words(operation.binding)):
        yield "auth-binding", 1
    if OTHER & set(words(operation.binding)):
        yield "foreign-binding", -2


def _of_names(enclosing: Enclosing) -> Iterator[Signal]:
    """What the function, and the class or object that it belongs to, are called."""
    if named_session(enclosing.function):
        yield "function-name", 2
    elif _AUTH.search(enclosing.function):
        yield "function-name", 1
    elif OTHER & set(words(enclosing.function)):
        yield "foreign-function", -1
    if named_session(enclosing.cls) or named_session(enclosing.owner):
        yield "class-name", 2
    elif any(
        words(name)[-2:] == ["secondary", "storage"] for name in (enclosing.cls, enclosing.owner)
    ):  # where better-auth keeps its sessions
        yield "class-name", 4 if "login" in enclosing.topics else 3


def _of_value(names: Iterable[str]) -> Iterator[Signal]:
    names = list(names)
    if any(_content(name) or _login_content(name) for name in names):
        yield "value-name", 2
    others = [set(words(name)) for name in names]
    if any(CONVERSATION & found or ({"session"} & found and OTHER & found) for found in others):
        yield "foreign-value", -3
