"""The two files of a bridge that are secret: `.dev.vars` with its secret, `.kvferry-keys` with its keys."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from migrate.bridge_keys import KEY
from migrate.bridge_secret import VARIABLE, in_variables, new_secret
from migrate.bridging.folder import put
from migrate.credentials import Secret
from migrate.errors import ConfigError

SECRET_FILE = ".dev.vars"  # noqa: S105 - where it is, not what it is
KEYS_FILE = ".kvferry-keys"
_PRIVATE = 0o600


def put_line(folder: Path) -> str:
    """What hands the secret to Cloudflare without showing it: read from the file, through a pipe."""
    read = f"sed -n 's/^{VARIABLE}=//p' {SECRET_FILE}"
    return f"cd {shlex.quote(str(folder))} && {read} | npx wrangler secret put {VARIABLE}"


def has_secret(folder: Path) -> bool:
    """Is the folder's secret made already? Raises ConfigError for a .dev.vars that is somebody else's."""
    path = folder / SECRET_FILE
    if not os.path.lexists(path):
        return False
    found = None if path.is_symlink() else in_variables(_read(path))
    if found is None:
        raise ConfigError(
            f"{path} is there already and holds no {VARIABLE}", "move it away: it is never overwritten"
        )
    return True


def create_secret(folder: Path) -> None:
    """A new secret in a new file, readable by its owner alone. Raises ConfigError when there is one."""
    path = folder / SECRET_FILE
    line = f"{VARIABLE}={new_secret().reveal()}\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _PRIVATE)  # whatever the umask takes away is given, and no more
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(path, error) from None


def replace_secret(folder: Path) -> None:
    """A new secret in the place of the old one, of which nothing is kept; other lines stay as they are."""
    path = folder / SECRET_FILE
    text = _read(path)
    lines = [line for line in text.splitlines() if not re.match(rf"\s*(export\s+)?{VARIABLE}\s*=", line)]
    lines.append(f"{VARIABLE}={new_secret().reveal()}")
    try:
        put(path, "\n".join(lines) + "\n", replace=True, mode=_PRIVATE)
    except OSError as error:
        raise _unwritable(path, error) from None


def write_keys(path: Path, keys: Sequence[Secret]) -> None:
    """Put the keys into a file of mode 0600, in the place of older keys, and of nothing else."""
    if path.is_symlink() or (path.exists() and not all(map(KEY.fullmatch, _read(path).split()))):
        raise ConfigError(f"{path} holds something else than keys of a bridge", "name another file with --to")
    try:
        put(path, "".join(f"{key.reveal()}\n" for key in keys), replace=True, mode=_PRIVATE)
    except OSError as error:
        raise _unwritable(path, error) from None


def remove(folder: Path) -> list[str]:
    """Remove both files; returns the names of those that were there. Raises ConfigError."""
    removed = []
    for name in (KEYS_FILE, SECRET_FILE):
        try:
            (folder / name).unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unwritable(folder / name, error) from None
        removed.append(name)
    return removed


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ConfigError(f"{path} cannot be read: {reason}", "name the folder of a bridge") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text", "name the folder of a bridge") from None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be written: {(error.strerror or 'error').lower()}", "choose another folder"
    )
