"""What a file speaks of, judged by its words alone: logins, users, conversations with people and models.

A session is a login's in a file that speaks of passwords and cookies; the same word is a chat's where
there are only messages and prompts. Names of providers' API keys say nothing, so a header that is sent
does not count, one that is read does.
"""

from __future__ import annotations

import os
import re

LOGIN = "login"
CONVERSATION = "conversation"
USERS = "users"

_LOGIN = (
    b"password", b"passwd", b"passphrase", b"passkey", b"webauthn", b"totp", b"cookie", b"oauth",
    b"unauthorized", b"credential", b"authenticat", b"currentuser", b"current_user", b"logged in",
    b"logged_in", b"loggedin", b"logout", b"log_in", b"log in", b"signin", b"sign_in", b"sign in", b"sign-in",
    b"signup", b"sign_up", b"sign up", b"sign-up", b"signout", b"sign_out",
)  # fmt: skip
_LOGIN_WORDS = (
    re.compile(rb"login(?![a-z])|log[A-Z]?In\b|Login"),
    re.compile(rb"(?:otp|OTP|jwt|JWT)(?<![a-zA-Z]...)\b"),
    re.compile(rb"auth(?<![a-zA-Z]auth)(?![a-z])|Auth(?![a-z])"),
    re.compile(rb"header(?:s?\??\.get)?\(\s*[\"'][aA]uthorization"),
)
_USERS = (
    b"userid", b"user_id", b"username", b"user.id", b"user.email", b"useremail", b"user: {", b"currentuser",
)  # fmt: skip
_CONVERSATION = (
    (b"chat",), (b"messages",), (b"conversation",), (b"assistant",), (b"prompt",), (b"transcript",),
    (b"openai", b"anthropic", b"completions"), (b"telegram", b"discord", b"whatsapp"), (b" bot",),
    (b"interaction",), (b"ephemeral", b"custom_id"), (b"player",), (b"quiz",), (b"game",),
)  # fmt: skip
_ENOUGH = 2
"""How many of these lines a conversation has: one word is in every file that sends a message."""


def of(path: str, source: bytes) -> tuple[str, ...]:
    """The topics of a file, sorted."""
    text = source.lower()  # a search for many words that ignores their case takes ten times as long
    found = []
    if sum(any(word in text for word in line) for line in _CONVERSATION) >= _ENOUGH:
        found.append(CONVERSATION)
    if _of_logins(name := os.fsencode(path), name.lower()) or _of_logins(source, text):
        found.append(LOGIN)
    if any(word in text for word in _USERS):
        found.append(USERS)
    return tuple(found)


def _of_logins(source: bytes, text: bytes) -> bool:
    return any(word in text for word in _LOGIN) or any(word.search(source) for word in _LOGIN_WORDS)
