"""What a KV key says by itself: its constant text, what fills its holes, and what made it.

The words are those of public Workers' code; session_words.py has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from audits.operation import Hole, Template
from audits.rules.session_words import (
    AUTH,
    BARE_OTHERS,
    CREDENTIALS,
    FOREIGN,
    GENERIC,
    HASHED,
    LOGIN_KEYS,
    LOGINS,
    MEMBERS,
    NEUTRAL,
    OTHER,
    OWNERS,
    PARTNERS,
    PERSONS,
    RECORDS,
    SHARED,
    STEPS,
    TELLING,
    TOKENS,
)

Signal = tuple[str, int]
"""The name of what speaks for a session or against it, and its weight."""


@dataclass(frozen=True, slots=True)
class Made:
    """The names in a key's expression: `makers` of the constants and of the function that make it,
    `fills` of what they are given."""

    makers: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()


_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SESSION = re.compile(
    r"(?:admin|user|auth|login|web|app|portal|member|customer|active|my|r|x)?"
    r"(?:sessions?(?:ids?|keys?|data|tokens?|store|kv)?|sess|sids?|sessids?)"
)


def words(name: str) -> list[str]:
    """`spotify_sessionId` in its words, lower case: spotify, session, id."""
    return [word.lower() for word in _WORD.findall(name)]


def same_keys(key: Template) -> str:
    """The text that keys of one kind begin with: `auth-uid:` of `auth-uid:{userId}`. "" when there is
    none, when it speaks of something else than sessions, or is one that keys of all kinds may have."""
    text = text_of(key)
    if len(key.parts) < 2 or set(text) <= SHARED or about(text) in ELSEWHERE:
        return ""
    return key.prefix


def text_of(key: Template) -> list[str]:
    """The words of a key's constant text."""
    found: list[str] = []
    for part in key.parts:
        if isinstance(part, str):
            found += words(part)
        elif part.name.isupper():  # a constant whose value is not known: its name says what it holds
            found += words(part.name)
    return found


def of_key(
    key: Template, topics: Sequence[str], values: Sequence[str] = (), made: Made | None = None
) -> Iterator[Signal]:
    """What speaks for and against in a key, in a file that speaks of these topics. `values`: the names of
    what is kept under it. `made`: what the key's expression says."""
    made = made or Made()
    text = text_of(key)
    holes = [part for part in key.parts if isinstance(part, Hole) and not part.name.isupper()]
    names = [hole.name for hole in holes]
    if holes and not any(names):
        names = list(made.fills)  # made of what has no name, such as random numbers
    helpers = [part.helper for part in key.parts if isinstance(part, Hole) and part.helper]
    filled = any(map(token, names)) or any(HASHED & set(words(helper)) for helper in helpers)
    subject = _subject(key, filled=filled)
    if "login" in topics and _of_logins(key, names, made):
        subject = "login"
        yield "token-hole", 0 if any(map(token, names)) else 1  # `t`, where it is called `token`
    if subject == "refresh":
        told = filled or {"rt", "token", "tokens"} & set(text) or any(map(_refreshes, values))
        yield "refresh-token", (3 if told else 1) if holes else 0
    elif subject in _BY_TEXT:
        yield _BY_TEXT[subject]
    if subject == "auth" and not filled and any(map(_of_another, names)):
        yield "foreign-hole", -2  # the password of an address
    if "login" in topics and (subject in ("refresh", "auth", "login") or (filled and subject == "nothing")):
        yield "login", 1
    if subject in ("session", "nothing") and "conversation" in topics and "login" not in topics:
        yield "conversation", -8
    yield from _of_holes(names, bare=not text)
    yield from _of_helpers(helpers, subject)


def _subject(key: Template, *, filled: bool) -> str:
    """What the key's text speaks of. `filled`: a token fills it."""
    text = text_of(key)
    subject = about(text)
    if subject == "foreign" and filled and FOREIGN & set(text) <= PERSONS:
        return "unknown"  # whose token it is
    return subject


def _of_helpers(helpers: Sequence[str], subject: str) -> Iterator[Signal]:
    if any(named_session(helper) for helper in helpers):
        yield "key-helper", 3
    elif any(words(helper)[-1:] == ["key"] for helper in helpers) and subject not in ("session", "login"):
        yield "foreign-helper", -3


_BY_TEXT: dict[str, Signal] = {
    "session": ("key-text", 4),
    "login": ("key-name", 1),
    "auth": ("auth-text", 1),
    "other": ("foreign-key", -5),
    "foreign": ("foreign-key", -5),
    "unknown": ("unknown-key", -2),
}
ELSEWHERE = ("other", "foreign", "unknown")


def _of_holes(names: Sequence[str], *, bare: bool) -> Iterator[Signal]:
    """`bare`: there is no constant text beside them."""
    if any(PARTNERS & set(words(name)) for name in names):
        yield "foreign-hole", -5
        return
    if any(which(name) for name in names):
        yield "hole-name", 3
        return
    if any(map(token, names)):
        yield "token-hole", 1
    elif any(TOKENS & set(words(name)) for name in names):
        yield "foreign-hole", -2  # inviteToken
    if not bare and any(name.rpartition(".")[::2] == (head, "id") for name in names for head in RECORDS):
        yield "record-hole", -2  # the id that the content gives itself
    if bare and any(_of_another(name) for name in names):
        yield "foreign-hole", -3
    elif bare and names and all(name in GENERIC for name in names):
        yield "unknown-key", -1


def _of_logins(key: Template, names: Sequence[str], made: Made) -> bool:
    """Do the names that it is made with, or the last part of its text, say that a token which fills it
    stands for a login, where the text says nothing else: `shop:auth:{token}`, `{ADMIN_TOKEN_PREFIX}{token}`?
    """
    text = text_of(key)
    if about(text) == "auth" or not any(map(token, (*names, *made.fills))):
        return False
    rest = [word for word in text if word not in MEMBERS]
    if "api" in rest or about(rest) not in ("unknown", "nothing", "auth"):
        return False
    last = re.split("[:/]", key.prefix.rstrip(":/"))
    return any(map(_login_key, made.makers)) or (len(last) > 1 and _login_key(last[-1]))


def _login_key(name: str) -> bool:
    """`authToken`, `ADMIN_TOKEN_PREFIX`; not `TOKEN_PREFIX`, and not `adminInviteToken`."""
    found = set(words(name))
    return found <= LOGIN_KEYS and bool(LOGINS & found or ("admin" in found and TOKENS & found))


def token(name: str) -> bool:
    """May the variable hold a token that stands for a login?"""
    found = set(words(name))
    return bool(TOKENS & found) and not (FOREIGN | {"api"}) & found


def nobodys(key: Template, topics: Sequence[str]) -> bool:
    """Is it filled by a `sessionId` where nothing is said of users and logins? Orders, drafts of pages and
    anonymous visits have one as well."""
    names = [part.name for part in key.parts if isinstance(part, Hole) and which(part.name)]
    plain = all(words(name)[-2:] == ["session", "id"] for name in names)
    known = {"login", "users"} & set(topics)
    return bool(names) and plain and not known and about(text_of(key)) in ("session", "nothing")


def persons(key: Template, topics: Sequence[str]) -> bool:
    """Is it filled by whose session it is, where nothing is said of logins? So are the steps of a talk or
    of a form."""
    names = [set(words(part.name)) for part in key.parts if isinstance(part, Hole)]
    text = text_of(key)
    one = about(text) == "session" and not any(word.endswith("sessions") for word in text)  # no index of all
    known = "login" in topics or any(sessions_in(name) or TOKENS & name for name in names)
    return bool(names) and one and not known and all(PERSONS & name for name in names)


def _refreshes(name: str) -> bool:
    return {"refresh", "token"} <= set(words(name))


def _of_another(name: str) -> bool:
    """Does the name of a key's hole say that it is something else's: `email`, `guildId`?"""
    found = words(name)
    if not found:
        return False
    if found[-1] != "id" or len(found) == 1:
        return found[-1] in BARE_OTHERS
    return len(found[-2]) > 1 and found[-2] not in OWNERS  # the header X-Id says nothing


def sessions_in(text: Iterable[str]) -> set[str]:
    """The words that mean sessions."""
    return {word for word in text if _SESSION.fullmatch(word)}


def about(text: Sequence[str]) -> str:
    """What the constant text of a key speaks of: session, refresh, auth, other, foreign, neutral, unknown
    or nothing."""
    if sessions_in(text):
        browser = ("session", "storage") in pairwise(text)
        return "other" if browser or OTHER & set(text) else "session"
    if (FOREIGN | STEPS) & set(text):
        return "foreign"
    if "refresh" in text:
        return "refresh" if set(text) <= NEUTRAL else "unknown"
    if AUTH & set(text) and set(text) <= NEUTRAL - {"api"}:
        return "auth"
    if not [word for word in text if not word.isdigit() and len(word) > 1]:
        return "nothing"
    return (
        "neutral" if all(word in NEUTRAL or len(word) < 2 or word.isdigit() for word in text) else "unknown"
    )


def which(name: str) -> bool:
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
    if tells_person(name):
        return False
    return bool(sessions_in(found) or TOKENS & set(found)) or found[-1:] in (
        ["id"],
        ["jti"],
        ["uuid"],
        ["hash"],
    )


def tells_person(name: str) -> bool:
    """Is it filled by what stays the same over many logins, such as `userId` or `email`?"""
    found = words(name)
    if found[-1:] == ["id"] and len(found) > 1 and found[-2] in PERSONS:
        return True
    return bool((PERSONS | CREDENTIALS) & set(found)) and not (sessions_in(found) or TOKENS & set(found))


def named_session(name: str) -> bool:
    """Is something named for sessions?"""
    found = words(name)
    return any(_SESSION.fullmatch(word) for word in found) and not OTHER & set(found)
