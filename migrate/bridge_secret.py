"""The bridge's secret, and the keys that are signed with it (the form: migrate/edge/src/bearer.ts)."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from migrate.bridge_keys import Scope
from migrate.credentials import Secret, Variables
from migrate.errors import ConfigError

VARIABLE = "KVFERRY_BRIDGE_SECRET"
LEAST = 32
"""Characters. The bridge answers nothing with fewer."""

MOST_DAYS = 14
"""The bridge refuses keys that are made to live longer."""

_DAY = 86_400


def new_secret() -> Secret:
    """256 random bits, as 43 characters that need no quotes anywhere."""
    return Secret(secrets.token_urlsafe(32))


def mint(secret: Secret, scope: Scope, issued: float, expires: float) -> Secret:
    """A key for `scope`; both times in Unix seconds."""
    message = f"kvf1.{scope}.{int(issued)}.{int(expires)}"
    mac = hmac.digest(secret.reveal().encode(), message.encode(), "sha256")
    return Secret(f"{message}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


def mint_all(secret: Secret, scopes: Sequence[Scope], now: float, days: float) -> list[Secret]:
    """A key for each scope, from now on. Raises ConfigError for a life that the bridge refuses."""
    if not 0 < days <= MOST_DAYS:
        raise ConfigError(
            f"a key lives for {MOST_DAYS} days at most", f"give --days a number up to {MOST_DAYS}"
        )
    return [mint(secret, scope, now, int(now) + days * _DAY) for scope in scopes]


def find_secret(env: Variables, cwd: Path, file: Path | None) -> Secret:
    """The secret of the environment (KVFERRY_BRIDGE_SECRET, or the file of KVFERRY_BRIDGE_SECRET_FILE),
    else of `file`, a .dev.vars.

    Raises ConfigError when there is none, when two are given, or when it is none. No message holds it.
    """
    text, path = env.get(VARIABLE), env.get(f"{VARIABLE}_FILE")
    if text and path:
        raise ConfigError(f"{VARIABLE} and {VARIABLE}_FILE are both set", "unset one of them")
    if text:
        return checked(text, VARIABLE)
    if path:
        return checked(_read(cwd / path, f"the file of {VARIABLE}_FILE").strip(), f"{VARIABLE}_FILE")
    found = None if file is None else in_variables(_read(file, str(file)))
    if found is None:
        raise ConfigError(
            "the bridge's secret is not at hand",
            f"name the bridge's folder, whose .dev.vars has it, or set {VARIABLE}_FILE",
        )
    return checked(found, str(file))


def in_variables(text: str) -> str | None:
    """The secret in the text of a .dev.vars, None: it is not there."""
    found = re.findall(rf"^{VARIABLE}=(.*)$", text, re.MULTILINE)
    return found[-1].strip().strip("\"'") if found else None


def checked(text: str, where: str) -> Secret:
    """The secret. Raises ConfigError when the bridge would not take it."""
    if len(text) < LEAST or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ConfigError(
            f"{where} does not hold a bridge's secret of at least {LEAST} characters",
            "kvferry bridge rotate DIR makes a new one",
        )
    return Secret(text)


def _read(path: Path, called: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(65536)
    except OSError as error:  # a name may be a secret that was given where its file was meant
        reason = (error.strerror or "error").lower()
        raise ConfigError(f"{called} cannot be read: {reason}", "name a file with the secret in it") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{called} does not hold a secret", "name a file with the secret in it") from None
