"""What a Worker is bound to, in each of its environments, read from wrangler's configuration.

    text ──parse──▶ WranglerConfig ── environment(name) ──▶ Environment
    path ──locate─▶ Location ──read──▶ WranglerConfig             (the only part that touches files)

The authority is wrangler 4 itself (`normalizeAndValidateEnvironment`, `findWranglerConfig`):
bindings are not inherited by `env.*`; name, main, account_id, compliance_region, assets,
migrations and exports are, and an environment's script is called NAME-ENVIRONMENT unless it says
otherwise.

Longer than most files here because the model, the reading and the finding are one subject with
one list of facts; nothing above the last section opens a file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audits import jsonc

Kind = Literal["json", "jsonc", "toml"]
Table = Mapping[str, object]


class WranglerError(Exception):
    """The configuration cannot be used: one line, lower case; `line` counts from 1 where known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


# ---------------------------------------------------------------- what is in it


@dataclass(frozen=True, slots=True)
class KvNamespace:
    """One entry of `kv_namespaces`. `id` is None when it is provisioned at the first deployment."""

    binding: str
    id: str | None
    preview_id: str | None


@dataclass(frozen=True, slots=True)
class DurableObject:
    """One entry of `durable_objects.bindings`. `script_name` None: the class is the Worker's own."""

    name: str
    class_name: str
    script_name: str | None


@dataclass(frozen=True, slots=True)
class Binding:
    """Any other name in the Worker's `env`. `kind` is the configuration's key, as "r2_buckets"."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Migration:
    """One entry of `migrations`: classes of Durable Objects that come, change their name, or go."""

    tag: str | None
    new_classes: tuple[str, ...]
    new_sqlite_classes: tuple[str, ...]
    renamed_classes: tuple[tuple[str, str], ...]
    deleted_classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """One entry of `exports`, which takes the place of `migrations`. `state` is "created" by default."""

    class_name: str
    type: str | None
    state: str
    storage: str | None


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment with everything that wrangler would deploy it with; `name` None: the top level."""

    name: str | None
    script: str | None
    main: str | None
    account_id: str | None
    compliance_region: str | None
    kv_namespaces: tuple[KvNamespace, ...]
    durable_objects: tuple[DurableObject, ...]
    bindings: tuple[Binding, ...]
    migrations: tuple[Migration, ...]
    exports: tuple[Export, ...]
    crons: tuple[str, ...] = ()

    def kind_of(self, name: str) -> str | None:
        """The configuration key under which `name` is bound here ("kv_namespaces"), None: it is not."""
        if any(namespace.binding == name for namespace in self.kv_namespaces):
            return "kv_namespaces"
        if any(durable.name == name for durable in self.durable_objects):
            return "durable_objects"
        return next((binding.kind for binding in self.bindings if binding.name == name), None)


@dataclass(frozen=True, slots=True)
class WranglerConfig:
    """One configuration file.

    `pages` is `pages_build_output_dir`: this is a Pages project. `target_environment`: the
    environment that a build tool made this (redirected) file for.
    """

    top: Environment
    environments: tuple[Environment, ...]
    pages: str | None
    target_environment: str | None

    @property
    def name(self) -> str | None:
        """The Worker's name at the top level."""
        return self.top.script

    @property
    def main(self) -> str | None:
        """The Worker's entry point at the top level, relative to the file."""
        return self.top.main

    @property
    def account_id(self) -> str | None:
        """The account at the top level."""
        return self.top.account_id

    def environment(self, name: str | None) -> Environment | None:
        """The environment of that name; None asked for: the top level; None returned: no such one.

        A Pages project always has `production` and `preview`: the top level, unless overridden.
        """
        if not name:
            return self.top
        for environment in self.environments:
            if environment.name == name:
                return environment
        return self.top if self.pages is not None and name in ("production", "preview") else None


# ---------------------------------------------------------------- text to configuration


def parse(text: str, kind: Kind) -> WranglerConfig:
    """Read a configuration. json may hold comments and trailing commas, as wrangler allows.

    Raises WranglerError for text that does not parse, and for bindings of KV and Durable Objects
    that lack what identifies them; what is malformed elsewhere is wrangler's to complain about.
    """
    root = _load(text, kind)
    tables = _table(root, "env", "")
    return WranglerConfig(
        top=_environment(None, root, root),
        environments=tuple(_environment(name, _table(tables, name, "env."), root) for name in tables),
        pages=_text(root, "pages_build_output_dir"),
        target_environment=_text(root, "targetEnvironment"),
    )


def _load(text: str, kind: Kind) -> Table:
    if kind == "toml":
        try:
            return tomllib.loads(text.removeprefix("\ufeff"))
        except tomllib.TOMLDecodeError as error:
            place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
            message = str(error)[: place.start()] if place else str(error)
            raise WranglerError(message[:1].lower() + message[1:], int(place[1]) if place else None) from None
        except RecursionError:
            raise WranglerError("nested too deeply") from None
    try:
        root = jsonc.loads(text)
    except jsonc.JsoncError as error:
        raise WranglerError(error.message, error.line) from None
    if not isinstance(root, dict):
        raise WranglerError("the configuration is not an object", 1)
    return root


def _environment(name: str | None, raw: Table, root: Table) -> Environment:
    """`raw` is the environment's own table, `root` the whole file; at the top level they are one."""
    where = "" if name is None else f"env.{name}."
    script = _text(raw, "name")
    if script is None and name is not None and (base := _text(root, "name")):
        script = f"{base}-{name}"
    inherited = {**root, **{key: value for key, value in raw.items() if value not in (None, "")}}
    return Environment(
        name=name,
        script=script,
        main=_text(inherited, "main"),
        account_id=_text(inherited, "account_id"),
        compliance_region=_text(inherited, "compliance_region"),
        kv_namespaces=tuple(_kv_namespaces(raw, where)),
        durable_objects=tuple(_durable_objects(raw, where)),
        bindings=tuple(_bindings(raw, root, inherited)),
        migrations=tuple(map(_migration, _tables(inherited.get("migrations")))),
        exports=tuple(_exports(inherited.get("exports"))),
        crons=_crons(inherited.get("triggers")),
    )


_KV_NAMESPACES = ("kv_namespaces", "kv-namespaces")
"""The second is how wrangler 1 wrote it."""


def _kv_namespaces(raw: Table, where: str) -> Iterator[KvNamespace]:
    for name in _KV_NAMESPACES:
        for place, entry in _entries(raw.get(name), f"{where}{name}"):
            yield KvNamespace(
                _required(entry, "binding", place),
                _optional(entry, "id", place),
                _optional(entry, "preview_id", place),
            )


def _durable_objects(raw: Table, where: str) -> Iterator[DurableObject]:
    table = _table(raw, "durable_objects", where)
    for place, entry in _entries(table.get("bindings"), f"{where}durable_objects.bindings"):
        yield DurableObject(
            _required(entry, "name", place),
            _required(entry, "class_name", place),
            _optional(entry, "script_name", place),
        )


_NAMED = {"send_email": "name", "ratelimits": "name"}
"""Lists whose entries call the binding something else than `binding`."""

_NESTED = {
    "queues": ("producers", "binding"),
    "unsafe": ("bindings", "name"),
    "logfwdr": ("bindings", "name"),
}
"""Tables that hold a list of bindings, and how an entry calls its binding."""

_BY_KEY = ("vars", "wasm_modules", "text_blobs", "data_blobs")
"""Tables whose keys are the bindings. All but `vars` are allowed at the top level only, for all."""

_NOT_HERE = (*_KV_NAMESPACES, "durable_objects", "env", "previews", "define", "alias")
"""Read elsewhere, or free-form tables that bind nothing."""


def _bindings(raw: Table, root: Table, inherited: Table) -> Iterator[Binding]:
    """Everything bound besides KV and Durable Objects, kinds unknown today included.

    A name missed here would be taken for a session store, so any entry with a `binding` counts.
    """
    own = {**raw, **{key: root.get(key) for key in (*_BY_KEY[1:], "site")}, "assets": inherited.get("assets")}
    for kind, value in own.items():
        if kind in _NOT_HERE or value is None:
            continue
        if kind == "site":
            yield Binding("__STATIC_CONTENT", kind)
        elif kind in _BY_KEY:
            yield from (Binding(name, kind) for name in value) if isinstance(value, dict) else ()
        elif kind == "secrets":
            required = value.get("required") if isinstance(value, dict) else None
            yield from (Binding(name, kind) for name in _strings(required))
        else:
            key, field = _NESTED.get(kind, (None, _NAMED.get(kind, "binding")))
            found = value.get(key) if key is not None and isinstance(value, dict) else value
            for entry in [found] if isinstance(found, dict) else _tables(found):
                if name := _text(entry, field):
                    yield Binding(name, kind)


def _migration(entry: Table) -> Migration:
    renamed = _tables(entry.get("renamed_classes"))
    return Migration(
        tag=_text(entry, "tag"),
        new_classes=_strings(entry.get("new_classes")),
        new_sqlite_classes=_strings(entry.get("new_sqlite_classes")),
        renamed_classes=tuple((_text(pair, "from") or "", _text(pair, "to") or "") for pair in renamed),
        deleted_classes=_strings(entry.get("deleted_classes")),
    )


def _crons(value: object) -> tuple[str, ...]:
    return _strings(value.get("crons")) if isinstance(value, dict) else ()


def _exports(value: object) -> Iterator[Export]:
    for name, entry in value.items() if isinstance(value, dict) else ():
        if isinstance(entry, dict):
            state = _text(entry, "state") or "created"
            yield Export(name, _text(entry, "type"), state, _text(entry, "storage"))


def _table(raw: Table, key: str, where: str) -> Table:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WranglerError(f"{where}{key} is not a table")
    return value


def _entries(value: object, where: str) -> Iterator[tuple[str, Table]]:
    """The tables of a list with the place of each; anything else is an error."""
    if value is None:
        return
    if not isinstance(value, list):
        raise WranglerError(f"{where} is not a list")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise WranglerError(f"{where}[{index}] is not a table")
        yield f"{where}[{index}]", entry


def _required(entry: Table, key: str, where: str) -> str:
    value = _optional(entry, key, where)
    if value is None:
        raise WranglerError(f"{where} has no {key}")
    return value


def _optional(entry: Table, key: str, where: str) -> str | None:
    value = entry.get(key)
    if value is not None and not isinstance(value, str):
        raise WranglerError(f"{where}.{key} is not a string")
    return value or None


def _text(raw: Table, key: str) -> str | None:
    """A string that is there and not empty; wrangler ignores an empty account_id as well."""
    value = raw.get(key)
    return value if isinstance(value, str) and value else None


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _tables(value: object) -> tuple[Table, ...]:
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


# ---------------------------------------------------------------- finding it


_KINDS: tuple[Kind, ...] = ("json", "jsonc", "toml")
_REDIRECT = Path(".wrangler/deploy/config.json")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a project's configuration is.

    `path` is what would be deployed. `user` is the file that people write: the same one, or, when
    a build tool redirected wrangler to a file that it generated, the one beside `redirect`; None
    when there is only the generated file.
    """

    path: Path
    user: Path | None
    redirect: Path | None


def find(start: Path) -> Path | None:
    """The configuration that holds in folder `start`, redirected or not; None: there is none."""
    location = locate(start)
    return location.path if location else None


def locate(start: Path) -> Location | None:
    """Look for the configuration in `start` and above, as wrangler does.

    wrangler.json anywhere above wins over a nearer wrangler.jsonc, and that over wrangler.toml.
    A redirect counts when it lies beside that file, or when there is no such file.
    Raises WranglerError for a redirect that leads nowhere.
    """
    folders = [(folder := start.resolve()), *folder.parents]
    user = next((p for kind in _KINDS for d in folders if (p := d / f"wrangler.{kind}").is_file()), None)
    beside = [user.parent] if user else folders
    redirect = next((path for folder in beside if (path := folder / _REDIRECT).is_file()), None)
    if redirect is not None:
        return Location(_follow(redirect), user, redirect)
    return Location(user, user, None) if user else None


def read(path: Path) -> WranglerConfig:
    """Read and parse the file. Raises WranglerError, also when it cannot be read."""
    kind: Kind = "toml" if ".toml" in path.suffixes else "jsonc"
    return parse(_read_text(path), kind)


def _follow(redirect: Path) -> Path:
    try:
        value = jsonc.loads(_read_text(redirect))
    except jsonc.JsoncError as error:
        raise WranglerError(f"{_REDIRECT}: {error.message}", error.line) from None
    target = _text(value, "configPath") if isinstance(value, dict) else None
    if target is None:
        raise WranglerError(f"{_REDIRECT} has no configPath")
    path = Path(os.path.normpath(redirect.parent / target))
    if not path.is_file():
        raise WranglerError(f"{_REDIRECT} leads to {target}, which does not exist")
    return path


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise WranglerError(f"{path.name} is not UTF-8") from None
    except OSError as error:
        raise WranglerError(f"{path.name} cannot be read: {(error.strerror or 'error').lower()}") from None
