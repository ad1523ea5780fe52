"""What a file speaks of, judged by its words alone: logins, or conversations with people and models.

A session is a login's in a file that speaks of passwords and cookies; the same word is a chat's where
there are only messages and prompts. Names of providers' API keys say nothing, so a header that is sent
does not count, one that is read does.
"""

from __future__ import annotations

import os
import re

LOGIN = "login"
CONVERSATION = "conversation"

_LOGIN = re.compile(
    rb"password|passwd|passphrase|passkey|webauthn|\btotp|\botp\b|cookie|oauth|\bjwt|unauthori[sz]ed|credential"
    rb"|\blog(?:ged)?[-_ ]?(?:in|out)(?![a-z])|\bsign(?:ed)?[-_ ]?(?:in|out|up)(?![a-z])"
    rb"|authenticat|current_?user|(?<![a-z])auth(?![a-z])|(?-i:(?<![a-z])auth[A-Z]|[a-z]Auth(?![a-z]))"
    rb"|(?:headers?(?:\?\.|\.)get|\.header)\(\s*[\"']authorization",
    re.IGNORECASE,
)
_CONVERSATION = re.compile(
    rb"(chat)|(messages?\b)|(conversation)|(assistant)|(prompt)|(transcript)|(openai|anthropic|completions)"
    rb"|(telegram|discord|whatsapp)|(\bbot\b)|(interaction)|(ephemeral|custom_id)|(player)|(quiz)|(\bgames?\b)",
    re.IGNORECASE,
)
_ENOUGH = 2
"""How many different words make it a conversation: one is in every file that sends a message."""


def of(path: str, source: bytes) -> tuple[str, ...]:
    """The topics of a file, sorted."""
    found = []
    if len({match.lastindex for match in _CONVERSATION.finditer(source)}) >= _ENOUGH:
        found.append(CONVERSATION)
    if _LOGIN.search(os.fsencode(path)) or _LOGIN.search(source):
        found.append(LOGIN)
    return tuple(found)
