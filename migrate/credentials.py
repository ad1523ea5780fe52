"""Where the API token, the account and the API's address come from, besides a store's address.

The same places that wrangler's users already have, in this order: the environment, then what
wrangler remembers of a login (facts from wrangler 4: `getGlobalConfigPath`,
`readStoredAuthState`, `resolveActiveProfile`, `createConfigCache`). Nothing is ever written, a
login is never refreshed, and no message holds a token.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shlex
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, NoReturn, TypeVar
from urllib.parse import urlsplit

from migrate.errors import ConfigError

T = TypeVar("T")
Variables = Mapping[str, str]

API_BASE = "https://api.cloudflare.com/client/v4"
FEDRAMP_API_BASE = "https://api.fed.cloudflare.com/client/v4"

_GIVE_ONE = (
    'export CLOUDFLARE_API_TOKEN=…, or CLOUDFLARE_API_TOKEN_FILE=FILE, or log in: "npx wrangler login"'
)
_LOGIN_HINT = '"npx wrangler whoami" renews the login, else "npx wrangler login"'
_SOON = 60
"""A login that dies within this many seconds is treated as dead already."""


class Secret:
    """A string that shows itself only when asked by `reveal`: not in repr, str, format or a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value`."""
        self._value = value

    def reveal(self) -> str:
        """The string itself, to be put into a request and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        """A placeholder of constant length."""
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied into a file or another process."""
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value and a short phrase that says where it was found, as "wrangler.toml, env.production"."""

    value: T
    where: str


@dataclass(frozen=True, slots=True)
class Token:
    """The API token, where it was found, and what the operator should know about it."""

    found: Found[Secret]
    notes: tuple[str, ...] = ()


# ---------------------------------------------------------------- the token


def find_token(env: Variables, cwd: Path, now: float) -> Token:
    """The API token: the environment, a file that it names, or wrangler's login (`now`: Unix seconds).

    Raises ConfigError when there is none, when two are given, when it cannot be one, and when the
    login has expired.
    """
    path = env.get("CLOUDFLARE_API_TOKEN_FILE")
    for variable in ("CLOUDFLARE_API_TOKEN", "CF_API_TOKEN"):
        if token := env.get(variable):
            if path:
                raise ConfigError(
                    f"{variable} and CLOUDFLARE_API_TOKEN_FILE are both set",
                    "unset one of them: which token is meant is not guessed",
                )
            return Token(Found(_checked(token, variable), variable))
    if path:
        return _from_file(cwd / path)
    return _from_login(env, cwd, now)


def _checked(token: str, where: str) -> Secret:
    token = token.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ConfigError(
            f"{where} does not hold an API token", "an API token is one word of ASCII characters"
        )
    return Secret(token)


def _from_file(path: Path) -> Token:
    where = f"CLOUDFLARE_API_TOKEN_FILE ({path})"
    try:
        with path.open(encoding="utf-8") as file:
            token = file.read(65536)
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:  # what it names is not repeated: it may be the token itself
        raise ConfigError(
            f"the file of CLOUDFLARE_API_TOKEN_FILE cannot be read: {(error.strerror or 'error').lower()}",
            "name a file with the token in it",
        ) from None
    except UnicodeDecodeError:
        token, mode = "", 0
    return Token(Found(_checked(token, where), where), open_to_others("the token", path, mode))


def open_to_others(what: str, path: Path, mode: int) -> tuple[str, ...]:
    """A note on a file of secrets (`mode`: as `stat` gives it) that others may read; empty: they may not.

    It is not refused: container platforms mount secrets readable by all inside the container.
    """
    open_ = stat.S_ISREG(mode) and mode & 0o077
    return (f"other users may read {what}: chmod 600 {shlex.quote(str(path))}",) if open_ else ()


def _from_login(env: Variables, cwd: Path, now: float) -> Token:
    path = wrangler_home(env) / "config" / f"{_profile(env, cwd)}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        _refuse_login(env, path)
    except ValueError:
        raise ConfigError(f"wrangler's login {path} cannot be read", _LOGIN_HINT) from None
    token = table.get("oauth_token")
    if not isinstance(token, str) or not token:
        _refuse_login(env, path)
    expires = _moment(table.get("expiration_time"))
    if expires is None or expires <= now + _SOON:
        raise ConfigError("wrangler's login has expired", _LOGIN_HINT)
    until = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
    note = f"wrangler's login ends at {until}; a longer run needs an API token in CLOUDFLARE_API_TOKEN"
    return Token(Found(_checked(token, str(path)), f"wrangler's login ({path})"), (note,))


def _refuse_login(env: Variables, path: Path) -> NoReturn:
    if path.with_suffix(".enc").is_file():
        raise ConfigError(
            "wrangler keeps its login in the keyring, where only wrangler can read it",
            'export CLOUDFLARE_API_TOKEN="$(npx wrangler auth token)"',
        )
    if env.get("CLOUDFLARE_API_KEY") or env.get("CF_API_KEY"):
        raise ConfigError("the global API key is not used: it may do everything to the account", _GIVE_ONE)
    raise ConfigError("no API token", _GIVE_ONE)


def _moment(value: object) -> float | None:
    """Unix seconds of wrangler's `expiration_time`: text as JavaScript writes it, or a TOML date."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def wrangler_home(env: Variables, platform: str = sys.platform) -> Path:
    """wrangler's global folder: `~/.wrangler` when it exists, else `.wrangler` where XDG says."""
    home = Path(env.get("HOME") or Path.home())
    legacy = home / ".wrangler"
    if legacy.is_dir():
        return legacy
    default = home / "Library" / "Preferences" if platform == "darwin" else home / ".config"
    return Path(env.get("XDG_CONFIG_HOME") or default) / ".wrangler"


def _profile(env: Variables, cwd: Path) -> str:
    """The name of wrangler's login: a variable, else what is bound to the nearest folder above."""
    if chosen := env.get("CLOUDFLARE_AUTH_PROFILE"):
        if not re.fullmatch(r"[A-Za-z0-9_-]+", chosen):
            raise ConfigError("CLOUDFLARE_AUTH_PROFILE is not a profile's name", "npx wrangler auth list")
        return chosen
    bound = _json(wrangler_home(env) / "profiles" / "directory-bindings.json")
    here = cwd.resolve()
    for folder in (here, *here.parents):
        name = bound.get(str(folder))
        if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]+", name):
            return name
    return "default"


# ---------------------------------------------------------------- account and API


def check_account(account: str, where: str) -> str:
    """The account itself. Raises ConfigError when it cannot be one (wrangler's own rule)."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", account):
        raise ConfigError(
            f"the account in {where} is not an account id",
            'it is the "Account ID" that "npx wrangler whoami" prints',
        )
    return account


def account_variable(env: Variables) -> Found[str] | None:
    """The account that the environment names."""
    for variable in ("CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID"):
        if account := env.get(variable):
            return Found(check_account(account, variable), variable)
    return None


def cached_account(env: Variables, cwd: Path) -> Found[str] | None:
    """The account that was last chosen in wrangler's own dialogue, in this project."""
    profile = _profile(env, cwd)
    name = "wrangler-account.json" if profile == "default" else f"wrangler-account-{profile}.json"
    path = _cache_folder(env, cwd) / name
    account = _json(path).get("account")
    value = account.get("id") if isinstance(account, dict) else None
    if not isinstance(value, str) or not value:
        return None
    where = f"wrangler's last choice ({path})"
    return Found(check_account(value, where), where)


def _cache_folder(env: Variables, cwd: Path) -> Path:
    if chosen := env.get("WRANGLER_CACHE_DIR"):
        return cwd / chosen
    here = cwd.resolve()
    local = here / ".wrangler" / "cache"
    modules = next((p for d in (here, *here.parents) if (p := d / "node_modules").is_dir()), None)
    if modules is None:
        return local
    shared = modules / ".cache" / "wrangler"
    return local if local.is_dir() and not shared.is_dir() else shared


def find_api_base(env: Variables, region: str | None) -> Found[str]:
    """The API's address without a closing slash; `region`: the configuration's `compliance_region`.

    Raises ConfigError for an address over which the token would travel in clear.
    """
    for variable in ("CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL"):
        if base := env.get(variable):
            return Found(_checked_base(base, variable), variable)
    if env.get("CLOUDFLARE_COMPLIANCE_REGION") == "fedramp_high":
        return Found(FEDRAMP_API_BASE, "CLOUDFLARE_COMPLIANCE_REGION")
    if region == "fedramp_high":
        return Found(FEDRAMP_API_BASE, "compliance_region of wrangler's configuration")
    return Found(API_BASE, "Cloudflare's public API")


def _checked_base(base: str, variable: str) -> str:
    hint = f"for example {API_BASE}, or unset {variable}"
    try:
        url = urlsplit(base.strip())
        host, _ = url.hostname, url.port
    except ValueError:
        raise ConfigError(f"{variable} is not a URL", hint) from None
    if "@" in url.netloc:
        raise ConfigError(f"{variable} holds a user name or password", hint)
    if url.scheme not in ("http", "https") or not host or url.query or url.fragment:
        raise ConfigError(f"{variable} is not the URL of an API", hint)
    if url.scheme == "http" and not _loopback(host):
        raise ConfigError(f"{variable} begins with http:, which would send the token in clear", "use https:")
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"


def is_loopback(base: str) -> bool:
    """Does this URL lead to this machine?"""
    return _loopback(urlsplit(base).hostname or "")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json(path: Path) -> dict[str, object]:
    """The object in a file of wrangler's; empty when there is none, as wrangler takes it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
