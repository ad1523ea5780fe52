"""The two files of a bridge that are secret: `.dev.vars` with its secret, `.kvferry-keys` with its keys."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from migrate.bridge_keys import KEY
from migrate.bridge_secret import VARIABLE, in_variables, new_secret
from migrate.credentials import Secret
from migrate.errors import ConfigError
from migrate.written_files import put

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


def is_open(folder: Path) -> bool:
    """May others than its owner read the secret?"""
    try:
        return bool((folder / SECRET_FILE).stat().st_mode & 0o077)
    except OSError:
        return False


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


def rotate(folder: Path) -> bool:
    """A new secret in the place of the old one, of which nothing is kept; other lines stay as they are.

    The keys of the folder, which end with the old one, are removed first: returns whether there were any.
    Raises ConfigError.
    """
    path = folder / SECRET_FILE
    there = has_secret(folder)
    lines = _read(path).splitlines() if there else []
    kept = [line for line in lines if not re.match(rf"\s*(export\s+)?{VARIABLE}\s*=", line)]
    removed = _unlink(folder / KEYS_FILE)
    try:
        text = "".join(f"{line}\n" for line in [*kept, f"{VARIABLE}={new_secret().reveal()}"])
        put(path, text, replace=there, mode=_PRIVATE)
    except OSError as error:
        raise _unwritable(path, error) from None
    return removed


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
    return [name for name in (KEYS_FILE, SECRET_FILE) if _unlink(folder / name)]


def _unlink(path: Path) -> bool:
    """Remove it; False: it is not there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from None
    return True


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
