"""The keys that open a bridge: where they are found, and which of them is for what.

`KVFERRY_BRIDGE_TOKEN` holds one key or several, separated by spaces or line ends, each for a purpose
of its own; `KVFERRY_BRIDGE_TOKEN_FILE` names a file with them. A key says in clear what it is for and
until when (migrate/edge/src/bearer.ts), so a missing or expired one is named before anything is sent.
"""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.credentials import Secret, Variables, open_to_others
from migrate.errors import ConfigError

VARIABLE = "KVFERRY_BRIDGE_TOKEN"

KEY = re.compile(
    r"kvf1\.(verify|import|values|delete|kv)\.(0|[1-9][0-9]{0,11})\.(0|[1-9][0-9]{0,11})\.[A-Za-z0-9_-]{43}"
)


class Scope(enum.StrEnum):
    """What a key is for. Each may verify as well: see digests, counts, checkpoints."""

    VERIFY = "verify"
    IMPORT = "import"
    VALUES = "values"
    DELETE = "delete"
    KV = "kv"


_NEEDED = {
    Scope.VERIFY: "a verify of objects needs one",
    Scope.IMPORT: "an export into objects needs one",
    Scope.VALUES: "copying out of objects needs one",
    Scope.DELETE: "burying sessions in objects needs one",
    Scope.KV: "writing into KV through the bridge, and going back to KV, need one",
}


def signing(scopes: Iterable[str] = ()) -> str:
    """The command that signs keys for these (none: the usual ones); DIR is the bridge's folder.

    It writes over the keys that are there, so those that are to stay are named too.
    """
    wanted = ",".join(dict.fromkeys(scopes))
    return f'eval "$(kvferry bridge keys DIR{" --for " + wanted if wanted else ""})"'


@dataclass(frozen=True, slots=True)
class BridgeKeys:
    """At most one key of each scope, and what the operator should know about where they are."""

    keys: Mapping[Scope, Secret]
    notes: tuple[str, ...] = ()

    def key(self, scope: Scope) -> Secret:
        """The key for this. Raises ConfigError when there is none."""
        allowed = [scope] if scope is not Scope.VERIFY else list(Scope)
        for one in allowed:
            if one in self.keys:
                return self.keys[one]
        raise ConfigError(
            f"there is no key for {scope} among the bridge's keys",
            f"{_NEEDED[scope]}: {signing([*self.keys, scope])}",
        )

    def expire(self) -> dict[Scope, int]:
        """When each of them ends, Unix seconds: a key says so in clear."""
        return {scope: int(key.reveal().split(".")[3]) for scope, key in self.keys.items()}


def find_bridge_keys(env: Variables, cwd: Path, now: float) -> BridgeKeys:
    """The keys of the environment, or of the file that it names; `now` in Unix seconds.

    Raises ConfigError when there is none, when both are given, when a word is no key, and when all
    of a scope have expired. No message repeats any of it.
    """
    text, where, notes = _at_hand(env, cwd)
    if not text.strip():
        raise ConfigError("no key for the bridge", f"{signing()}, or export {VARIABLE}_FILE=FILE")
    found = _read_keys(text, where)
    for scope, (expires, _) in found.items():
        if expires <= now:
            raise ConfigError(
                f"the bridge's key for {scope} has expired ({where})",
                signing(found),
            )
    return BridgeKeys({scope: key for scope, (_, key) in found.items()}, notes)


def keys_at_hand(env: Variables, cwd: Path) -> tuple[list[tuple[Scope, float, Secret]], tuple[str, ...]]:
    """The same keys, expired or not: what each is for, and until when (Unix seconds); and the notes.

    Raises ConfigError when both variables are given, and when a word is no key.
    """
    text, where, notes = _at_hand(env, cwd)
    return [(scope, expires, key) for scope, (expires, key) in _read_keys(text, where).items()], notes


def _at_hand(env: Variables, cwd: Path) -> tuple[str, str, tuple[str, ...]]:
    """The text with the keys, how to call the place that it is from, and what is to be known of it."""
    text, path = env.get(VARIABLE), env.get(f"{VARIABLE}_FILE")
    if text and path:
        raise ConfigError(
            f"{VARIABLE} and {VARIABLE}_FILE are both set",
            "unset one of them: which keys are meant is not guessed",
        )
    if path:
        text, mode = _read(cwd / path)
        return text, f"{VARIABLE}_FILE ({path})", open_to_others("the keys of the bridge", cwd / path, mode)
    return text or "", VARIABLE, ()


def scopes_of(text: str) -> list[Scope]:
    """The scopes of a list with commas, each once. Raises ConfigError for a word that is none."""
    known = ", ".join(Scope)
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in set(Scope)]
    if unknown or not words:
        wrong = "there is a word that no key is for" if unknown else "what are the keys for?"
        raise ConfigError(wrong, f"choose of {known}")
    return list(dict.fromkeys(map(Scope, words)))


def _read(path: Path) -> tuple[str, int]:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(65536), os.fstat(file.fileno()).st_mode
    except OSError as error:  # what it names is not repeated: it may be a key itself
        reason = (error.strerror or "error").lower()
        raise ConfigError(
            f"the file of {VARIABLE}_FILE cannot be read: {reason}", "name a file with the keys in it"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"the file of {VARIABLE}_FILE does not hold keys of a bridge", "name a file with the keys"
        ) from None


def _read_keys(text: str, where: str) -> dict[Scope, tuple[int, Secret]]:
    found: dict[Scope, tuple[int, Secret]] = {}
    for word in text.split():
        match = KEY.fullmatch(word)
        if match is None:
            raise ConfigError(
                f"{where} holds something that is no key of a bridge",
                "a key is kvf1.SCOPE.ISSUED.EXPIRES.MAC; several are separated by spaces",
            )
        scope, expires = Scope(match[1]), int(match[3])
        if scope not in found or expires > found[scope][0]:
            found[scope] = (expires, Secret(word))
    return found
