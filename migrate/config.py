"""The project's configuration: defaults for the options of commands, from a TOML file.

    kvferry.toml, else [tool.kvferry] in pyproject.toml, of the current folder; or --config FILE

    source = "kv:"                 for every command
    prefix = ["spotify_session:"]
    [export]                       for this command only, and before the general ones
    sweeps = 2
    [[project]]                    no option: a field that may differ (`migrate.core.projecting`)
    ignore = "/lastAccessed"
    reason = "every read of the class sets it"

A key is an option as it is typed, with - or _ between its words, and a value means what it would
mean on the command line (paths are relative to the current folder). What may stand in it is
`schemas/config.v1.json`; options that are meant for one run (--fresh, --limit, --dry-run) may not.

    configuration = find(None, Path.cwd())      None: there is no such file
    configuration.values("export")              what stands in it for one command
"""

from __future__ import annotations

import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.errors import ConfigError

if TYPE_CHECKING:
    from jsonschema import ValidationError

COMMANDS = (
    "export",
    "verify",
    "repair",
    "gate",
    "evidence",
    "report",
    "rollback",
    "finish",
    "cleanup",
    "rekey",
    "status",
    "plan",
    "smoke",
    "demo",
    "audit",
)
_LISTS = (
    "prefix",
    "migrated",
    "budget",
    "ignore-names",
    "select",
    "ignore",
    "session-prefix",
    "bindings",
    "forever",
    "include",
    "exclude",
)
_SECRET = re.compile(r"token|secret|passw|credential|api.?key|auth(?!ority$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One file's content, which keeps the schema. `where`: how to call the file, and the place in it."""

    where: str
    table: Mapping[str, object]

    def values(self, command: str) -> dict[str, object]:
        """What it says for one command, by option as it is typed; the command's own table goes first."""
        return {**self.general, **_table(self.table, command)}

    @property
    def general(self) -> dict[str, object]:
        """What it says for every command."""
        return {key: value for key, value in self.table.items() if key not in COMMANDS}

    def place(self, command: str, key: str) -> str:
        """Where it says a value of a command: `kvferry.toml`, or `kvferry.toml, [export]`."""
        if key not in _table(self.table, command):
            return self.where
        inner = self.where.endswith("]")
        return f"{self.where[:-1]}.{command}]" if inner else f"{self.where}, [{command}]"


def find(path: Path | None, cwd: Path) -> Configuration | None:
    """The configuration that is to be used; None: there is none. `path` is --config, within `cwd`.

    Raises ConfigError, in one line with the place in the file, for what the schema does not allow.
    """
    found = _find(path, cwd)
    return None if found is None else checked(*found)


def checked(where: str, raw: Mapping[str, object]) -> Configuration:
    """A table as a configuration; `where`: how to call its place. Raises ConfigError as `find` does."""
    table = _plain(raw)
    _refuse_secrets(where, table, "")
    errors = sorted(_check(table), key=lambda error: [str(step) for step in error.absolute_path])
    if errors:
        lines = [line for error in errors for line in _explain(error)]
        raise ConfigError(
            f"{where}: {'; '.join(lines)}",
            "correct the file; runbooks/configure.md says what may stand in it",
        )
    return Configuration(where, table)


def load(path: Path | None, cwd: Path) -> dict[str, dict[str, object]]:
    """The defaults per command, `{"export": {"source": "kv:", "prefix": [...]}, ...}`.

    That is click's `default_map`: the keys are parameter names. `path` is --config; without it
    the files of `cwd` are looked for, and {} is returned when there is no configuration.
    Raises ConfigError as `find` does.
    """
    found = find(path, cwd)
    if found is None:
        return {}
    return {command: parameters(found.values(command)) for command in COMMANDS}


def schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of the configuration, version 1."""
    text = (resources.files("migrate") / "schemas" / "config.v1.json").read_text(encoding="utf-8")
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def keys(command: str) -> frozenset[str]:
    """What may stand in a command's own table."""
    properties = schema()["properties"]
    assert isinstance(properties, dict)
    return frozenset(properties[command]["properties"])


def _find(path: Path | None, cwd: Path) -> tuple[str, Mapping[str, object]] | None:
    """The table of the configuration and how to call its place in a message."""
    if path is not None:
        table = _read(cwd / path, str(path))
        if path.name != "pyproject.toml":
            return str(path), table
        section = _section(table)
        if section is None:
            raise ConfigError("pyproject.toml has no [tool.kvferry]", "add it, or name another file")
        return "pyproject.toml, [tool.kvferry]", section
    if (own := cwd / "kvferry.toml").is_file():
        return own.name, _read(own, own.name)
    project = cwd / "pyproject.toml"
    try:
        concerned = b"kvferry" in project.read_bytes()
    except OSError:
        return None
    # A pyproject.toml that does not speak of us is not even parsed: its faults are not our errors.
    section = _section(_read(project, project.name)) if concerned else None
    return None if section is None else ("pyproject.toml, [tool.kvferry]", section)


def _section(table: Mapping[str, object]) -> Mapping[str, object] | None:
    tool = table.get("tool")
    section = tool.get("kvferry") if isinstance(tool, dict) else None
    if section is not None and not isinstance(section, dict):
        raise ConfigError("pyproject.toml: tool.kvferry must be a table", "write [tool.kvferry]")
    return section


def _read(path: Path, name: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ConfigError(f"{name} cannot be read: {reason}", "name a TOML file with --config") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not UTF-8", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        # Only the place: tomllib's message may quote a piece of a value.
        place = re.search(r"line \d+, column \d+|at end of document", str(error))
        raise ConfigError(
            f"{name} is not TOML{f', {place[0]}' if place else ''}", "correct the file"
        ) from None


def _plain(table: Mapping[str, object]) -> dict[str, object]:
    """The table with keys as they are typed, and lists where a single word was given for one."""
    plain: dict[str, object] = {}
    for key, value in table.items():
        name = key.replace("_", "-")
        if isinstance(value, dict):
            value = _plain(value)
        elif name in _LISTS and isinstance(value, str):
            value = [value]
        elif isinstance(value, float) and not math.isfinite(value):
            value = str(value)  # not a number to any schema
        plain[name] = value
    return plain


def _refuse_secrets(where: str, value: object, path: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if _SECRET.search(key):
                raise ConfigError(
                    f"{where}: {path}{key} looks like a secret, and a configuration holds none",
                    "put it into CLOUDFLARE_API_TOKEN, or into a file named by CLOUDFLARE_API_TOKEN_FILE",
                )
            _refuse_secrets(where, inner, f"{path}{key}.")


def _check(table: Mapping[str, object]) -> Iterator[ValidationError]:
    from jsonschema import Draft202012Validator  # slow to import, and rarely needed

    return Draft202012Validator(schema()).iter_errors(table)


def _explain(error: ValidationError) -> Iterator[str]:
    """What is wrong and where, without the value: it might be a secret in the wrong place."""
    place = ".".join(str(step) for step in error.absolute_path)
    rules = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = sorted(rules.get("properties", {}))
        for key in sorted(set(error.instance) - set(known)):
            close = difflib.get_close_matches(key, known, 1)
            meant = f", did you mean {close[0]}" if close else ""
            yield f"unknown key {f'{place}.{key}' if place else key}{meant}"
    else:
        yield f"{place} must be {rules.get('description', 'something else')}"


def _table(table: Mapping[str, object], command: str) -> Mapping[str, object]:
    value = table.get(command, {})
    assert isinstance(value, dict)  # the schema said so
    return value


def parameters(options: Mapping[str, object]) -> dict[str, object]:
    """Values by the name of their parameter instead of their option."""
    return {name.replace("-", "_"): value for name, value in options.items()}
