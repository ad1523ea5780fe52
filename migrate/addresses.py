"""Addresses: the one word that names a store, in every command, report and configuration.

    kv:                                    the namespace and account found around here (discovery)
    kv://ACCOUNT/NAMESPACE                 Workers KV over REST; kv:///NAMESPACE: the account found
    kv+http://127.0.0.1:8787[/NAMESPACE]   a running `wrangler dev`; kv+https too
    wrangler:DIR[#NAMESPACE]               its state on disk
    dump:FILE.json|.ndjson[.gz]            a file; dump:VALUES.json?keys=KEYS.json joins two
    sqlite:FILE                            a SQLite database
    do+https://HOST                        Durable Objects behind their bridge Worker
    do+http://127.0.0.1:PORT               the same on this machine, in a local runtime

`%` and two hex digits stand for a byte, as in a URL: a `?`, `#`, `&` or `%41` that is part of a
file's name is written %3F, %23, %26, %2541; spaces and other characters stand for themselves.
`parse(str(address)) == address` always. Nothing here touches a file or the network, and no
message repeats what may be a secret: addresses hold no credentials, and are refused with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

from migrate.errors import ConfigError

FORMS = "kv:, kv://, kv+http://, wrangler:, dump:, sqlite:, do+https://"
DUMP_SUFFIXES = (".json", ".ndjson", ".json.gz", ".ndjson.gz")


# ---------------------------------------------------------------- the closed set of addresses


@dataclass(frozen=True, slots=True)
class KvAddress:
    """A namespace of Workers KV. None: to be found (`migrate.discovery`). Both as they were given."""

    account: str | None
    namespace: str | None

    def __str__(self) -> str:
        """The address as it is typed."""
        if self.account is None and self.namespace is None:
            return "kv:"
        return f"kv://{_token(self.account or '')}/{_token(self.namespace or '')}"


@dataclass(frozen=True, slots=True)
class LocalKvAddress:
    """A running `wrangler dev`: `base_url` is scheme, host and port, without a closing slash."""

    base_url: str
    namespace: str | None

    def __str__(self) -> str:
        """The address as it is typed."""
        return f"kv+{self.base_url}" + (f"/{_token(self.namespace)}" if self.namespace else "")


@dataclass(frozen=True, slots=True)
class WranglerAddress:
    """wrangler's local state: the project's folder, `.wrangler/state`, or a `--persist-to` folder."""

    dir: Path
    namespace: str | None

    def __str__(self) -> str:
        """The address as it is typed."""
        return f"wrangler:{_path(self.dir)}" + (f"#{_token(self.namespace)}" if self.namespace else "")


@dataclass(frozen=True, slots=True)
class DumpAddress:
    """A file of records, `keys` the key list that belongs to a bulk get."""

    file: Path
    keys: Path | None = None

    @property
    def ndjson(self) -> bool:
        """One item per line, not one JSON document?"""
        return _is_ndjson(self.file)

    @property
    def gzipped(self) -> bool:
        """Is the file compressed?"""
        return self.file.suffix == ".gz"

    def __str__(self) -> str:
        """The address as it is typed."""
        return f"dump:{_path(self.file)}" + (f"?keys={_path(self.keys)}" if self.keys else "")


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A SQLite database file."""

    file: Path

    def __str__(self) -> str:
        """The address as it is typed."""
        return f"sqlite:{_path(self.file)}"


@dataclass(frozen=True, slots=True)
class DurableAddress:
    """Durable Objects behind a bridge Worker; `host` with its port when that is not the scheme's own.

    `local`: over http, on this machine.
    """

    host: str
    local: bool = False

    @property
    def base_url(self) -> str:
        """Scheme, host and port, without a closing slash."""
        return f"{'http' if self.local else 'https'}://{self.host}"

    def __str__(self) -> str:
        """The address as it is typed."""
        return f"do+{self.base_url}"


Address = KvAddress | LocalKvAddress | WranglerAddress | DumpAddress | SqliteAddress | DurableAddress


# ---------------------------------------------------------------- text to address


def parse(text: str) -> Address:
    """Read an address. Raises ConfigError with a hint at what was probably meant."""
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if rest.startswith("//") and "@" in rest:
        raise ConfigError(
            "an address holds no user name and no password",
            "leave out everything up to the @, and put the token into CLOUDFLARE_API_TOKEN",
        )
    reader = _READERS.get(scheme) if colon else None
    if reader is None:
        _refuse_scheme(text, scheme if colon else "", rest)
    return reader(rest)


def _kv(rest: str) -> KvAddress:
    if not rest:
        return KvAddress(None, None)
    hint = "write kv://ACCOUNT/NAMESPACE, kv:///NAMESPACE, or kv: for what wrangler's configuration says"
    if not rest.startswith("//"):
        raise ConfigError("a kv address begins with kv:// or is kv: alone", hint)
    account, slash, namespace = rest[2:].partition("/")
    if not slash or not (account or namespace):
        raise ConfigError("the kv address lacks its namespace", hint)
    return KvAddress(_read_token(account, hint), _read_token(namespace, hint))


def _local_kv(scheme: str) -> Callable[[str], LocalKvAddress]:
    def read(rest: str) -> LocalKvAddress:
        hint = f"write kv+{scheme}://127.0.0.1:8787/NAMESPACE, as `wrangler dev` prints its address"
        host, namespace = _authority(scheme, rest, hint)
        return LocalKvAddress(f"{scheme}://{host}", _read_token(namespace, hint))

    return read


def _durable(rest: str) -> DurableAddress:
    hint = "write do+https://HOST, the host name of the deployed bridge Worker and nothing behind it"
    host, path = _authority("https", rest, hint)
    if path:
        raise ConfigError("a do+https address ends with its host name", hint)
    return DurableAddress(host)


def _local_durable(rest: str) -> DurableAddress:
    hint = "write do+http://127.0.0.1:PORT for a bridge in a local runtime, do+https://HOST for any other"
    host, path = _authority("http", rest, hint)
    if path:
        raise ConfigError("a do+http address ends with its host name", hint)
    if not _LOOPBACK.fullmatch(host):
        raise ConfigError("do+http: would send the bridge's keys in clear", hint)
    return DurableAddress(host, local=True)


def _wrangler(rest: str) -> WranglerAddress:
    folder, hash_, namespace = rest.partition("#")
    hint = "write wrangler:DIR or wrangler:DIR#NAMESPACE, for example wrangler:."
    if hash_ and not namespace:
        raise ConfigError("the wrangler address lacks its namespace", hint)
    return WranglerAddress(_read_path("wrangler", folder, hint), _read_token(namespace, hint))


def _sqlite(rest: str) -> SqliteAddress:
    hint = "write sqlite:FILE, for example sqlite:sessions.db"
    file = _read_path("sqlite", rest, hint)
    if str(file).startswith(":"):
        raise ConfigError("a database in memory would be gone with the command", hint)
    if file.name in ("", "..") or rest.endswith("/"):
        raise ConfigError("the sqlite address names a folder, not a file", hint)
    return SqliteAddress(file)


def _dump(rest: str) -> DumpAddress:
    values, question, query = rest.partition("?")
    hint = "write dump:FILE.json or dump:FILE.ndjson, with .gz behind it when it is compressed"
    file = _dump_file(values, hint)
    if not question:
        return DumpAddress(file)
    hint = "write dump:VALUES.json?keys=KEYS.json, a bulk get with the key list that belongs to it"
    name, equals, value = query.partition("=")
    if name != "keys" or not equals or "&" in value:
        raise ConfigError("a dump address knows no other option than ?keys=FILE", hint)
    address = DumpAddress(file, _dump_file(value, hint))
    if address.ndjson or (address.keys and _is_ndjson(address.keys)):
        raise ConfigError("only a .json file has a key list beside it, and the list is .json too", hint)
    return address


_READERS: dict[str, Callable[[str], Address]] = {
    "kv": _kv,
    "kv+http": _local_kv("http"),
    "kv+https": _local_kv("https"),
    "wrangler": _wrangler,
    "dump": _dump,
    "sqlite": _sqlite,
    "do+https": _durable,
    "do+http": _local_durable,
}


# ---------------------------------------------------------------- parts of an address


_HOST = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff%?#&]")
_DEFAULT_PORT = {"http": 80, "https": 443}


def _authority(scheme: str, rest: str, hint: str) -> tuple[str, str]:
    """Host with port, in lower case and without a default port; and what follows the slash."""
    if not rest.startswith("//"):
        raise ConfigError(f"this address begins with a host: {scheme}://HOST", hint)
    if "?" in rest or "#" in rest:
        raise ConfigError("this address takes nothing behind a ? or #", hint)
    host, _, path = rest[2:].partition("/")
    match = _HOST.fullmatch(host)
    if match is None or (match["port"] and not 0 < int(match["port"]) < 65536):
        raise ConfigError("the address has no host name, or not a valid one", hint)
    if match["port"] and int(match["port"]) == _DEFAULT_PORT[scheme]:
        host = host.rpartition(":")[0]
    return host.lower(), path


def _read_token(text: str, hint: str) -> str | None:
    """An account or namespace: one word without a slash; None when there is nothing."""
    token = _decode(text)
    if "/" in token or "?" in text or "#" in text:
        raise ConfigError("account and namespace are one word each", hint)
    if token in (".", "..") or (text and not token.strip()):
        raise ConfigError("that is no account and no namespace", hint)
    return token or None


def _read_path(scheme: str, text: str, hint: str) -> Path:
    name = _decode(text)
    if not name:
        raise ConfigError(f"the {scheme} address lacks its path", hint)
    if "\0" in name:
        raise ConfigError("a file name holds no NUL", hint)
    if name.startswith("//"):
        raise ConfigError(
            f"the path of a {scheme} address begins with one slash or none",
            f"write {scheme}:{_path(Path('/' + name.lstrip('/')))}"
            f" or {scheme}:{_path(Path(name.lstrip('/') or '.'))}",
        )
    if text.startswith("~"):
        raise ConfigError("the shell does not expand ~ inside an address", f'write "{scheme}:$HOME/…"')
    if "?" in text or "#" in text:
        raise ConfigError(
            f"a ? or # has no place in a {scheme} address",
            f"if it is in the name, write {scheme}:{_path(Path(text))}",
        )
    return Path(name)


def _dump_file(text: str, hint: str) -> Path:
    file = _read_path("dump", text, hint)
    if not file.name.endswith(DUMP_SUFFIXES) or file.name in DUMP_SUFFIXES:
        raise ConfigError("a dump is named for its format: .json or .ndjson, then perhaps .gz", hint)
    return file


def _refuse_scheme(text: str, scheme: str, rest: str) -> NoReturn:
    """Say what was probably meant; a word that is no file's name is not repeated."""
    if scheme in ("http", "https"):
        raise ConfigError(
            f"{scheme}: is not the beginning of an address",
            f"kv+{scheme}://… names a running `wrangler dev`, do+https://… a bridge Worker",
        )
    path = Path(text)
    if scheme == "file":
        path = Path(_decode(rest.removeprefix("//")))
    elif re.fullmatch(r"[a-z][a-z0-9]+", scheme) and not rest.startswith("//"):
        path = Path(rest)
    meant: Address | None = None
    if path.name.endswith(DUMP_SUFFIXES):
        meant = DumpAddress(path)
    elif path.suffix in (".db", ".sqlite", ".sqlite3", ".db3"):
        meant = SqliteAddress(path)
    elif ".wrangler" in path.parts or text in (".", ".."):
        meant = WranglerAddress(path, None)
    hint = f"did you mean {meant}" if meant else f"addresses begin with {FORMS}"
    raise ConfigError("an address begins with the kind of its store", hint)


def _is_ndjson(file: Path) -> bool:
    return file.name.endswith((".ndjson", ".ndjson.gz"))


def _decode(text: str) -> str:
    """Resolve %XX. Bytes that are not UTF-8 become what Python makes of them in a file's name."""
    try:
        raw = unquote(text, errors="surrogateescape").encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise ConfigError("the address is not text", f"addresses begin with {FORMS}") from None
    return raw.decode(errors="surrogateescape")


def _path(path: Path) -> str:
    return re.sub(r"^~", _escape, _UNSAFE.sub(_escape, str(path)))


def _token(token: str) -> str:
    return re.sub(r"[\x00-\x20/@]", _escape, _UNSAFE.sub(_escape, token))


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors="surrogateescape"))
