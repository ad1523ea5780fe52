"""What Cloudflare Access before a bridge wants: a service token, from the variables that wrangler reads.

`CLOUDFLARE_ACCESS_CLIENT_ID` and `CLOUDFLARE_ACCESS_CLIENT_SECRET` are wrangler's own,
`CF_ACCESS_CLIENT_ID` and `CF_ACCESS_CLIENT_SECRET` are what older scripts call them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from migrate.credentials import Secret, Variables
from migrate.errors import ConfigError

_PAIRS = [(f"{prefix}_ACCESS_CLIENT_ID", f"{prefix}_ACCESS_CLIENT_SECRET") for prefix in ("CLOUDFLARE", "CF")]

HINT = f"put a service token into {_PAIRS[0][0]} and {_PAIRS[0][1]}"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A service token of Cloudflare Access. Neither half shows itself."""

    id: Secret
    secret: Secret

    def headers(self) -> dict[str, str]:
        """The headers by which Access knows it."""
        return {
            "CF-Access-Client-Id": self.id.reveal(),
            "CF-Access-Client-Secret": self.secret.reveal(),
        }


def find_access_token(env: Variables) -> AccessToken | None:
    """The service token of the environment, None when there is none.

    Raises ConfigError for half of one, and for what cannot be one. No message repeats any of it.
    """
    for names in _PAIRS:
        given = [env.get(name, "").strip() for name in names]
        if not any(given):
            continue
        for name, value in zip(names, given, strict=True):
            if not value:
                raise ConfigError(f"{name} is not set, its other half is", HINT)
            if not re.fullmatch(r"[\x21-\x7e]+", value):
                raise ConfigError(f"{name} is no part of a service token", HINT)
        return AccessToken(*map(Secret, given))
    return None
