"""Where a namespace is: the account, id, token and API that an address leaves to be found.

    address ─▶ wrangler's configuration ─▶ environment variables ─▶ wrangler's own memory

Every value comes with the place where it was found, for `kvferry plan`. What is ambiguous is
refused with the choices: a guessed namespace would be somebody else's sessions.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audits import wrangler
from migrate.addresses import DurableAddress, KvAddress, LocalKvAddress, WranglerAddress
from migrate.credentials import (
    Found,
    Secret,
    account_variable,
    cached_account,
    check_account,
    find_api_base,
    find_token,
)
from migrate.errors import ConfigError
from migrate.wrangler_project import Project, find_project

_NAME_IT = "name it: kv://ACCOUNT/NAMESPACE"


@dataclass(frozen=True, slots=True)
class FoundKv:
    """Everything that is needed to ask for one namespace over REST, and where each came from.

    `binding` and `environment` are those of wrangler's configuration, None when it was not asked.
    `notes`: what the operator should know, one line each.
    """

    account: Found[str]
    namespace: Found[str]
    token: Found[Secret]
    api_base: Found[str]
    binding: str | None
    environment: str | None
    notes: tuple[str, ...]

    @property
    def address(self) -> KvAddress:
        """The complete address: what the run is named by."""
        return KvAddress(self.account.value, self.namespace.value)


def find_kv(
    address: KvAddress,
    *,
    env: Mapping[str, str],
    cwd: Path,
    binding: str | None = None,
    environment: str | None = None,
    preview: bool = False,
    now: float | None = None,
) -> FoundKv:
    """Complete an address of Workers KV from the environment `env` and the files around `cwd`.

    `binding`, `environment`, `preview` choose within wrangler's configuration, and are not used
    when the address names the namespace; `environment` defaults to CLOUDFLARE_ENV. `now` (Unix
    seconds, default: the clock) decides whether wrangler's login has expired.
    Raises ConfigError whose hint lists the choices, or says what to type instead.
    """
    notes: list[str] = []
    project = None
    if address.account is None or address.namespace is None:
        project = find_project(cwd, cwd, environment or env.get("CLOUDFLARE_ENV"), _NAME_IT)
    entry = None
    if address.namespace is not None:
        namespace = Found(address.namespace, "the address")
        if binding:
            notes.append(f"--binding {binding} is not used: the address names the namespace")
    else:
        entry = _namespace_entry(project, cwd, binding)
        assert project is not None  # or _namespace_entry had refused
        namespace = _remote_id(project, entry, preview)
    token = find_token(env, cwd, time.time() if now is None else now)
    return FoundKv(
        account=_account(address, project, env, cwd),
        namespace=namespace,
        token=token.found,
        api_base=find_api_base(env, project.chosen.compliance_region if project else None),
        binding=entry.binding if entry else None,
        environment=project.environment if project and entry else None,
        notes=(*notes, *token.notes),
    )


@dataclass(frozen=True, slots=True)
class FoundApi:
    """Where objects are listed. `token` None: the local runtime, which wants none.

    `root`: the path below `base` that the API's own paths are put behind; None: the local runtime's,
    still to be found.
    """

    base: Found[str]
    root: str | None
    token: Found[Secret] | None


def find_api(
    address: DurableAddress,
    *,
    env: Mapping[str, str],
    cwd: Path,
    environment: str | None = None,
    now: float | None = None,
) -> FoundApi:
    """Where the objects behind a bridge are listed: Cloudflare's API, or the local runtime's.

    A bridge on this machine is listed by its own runtime, unless CLOUDFLARE_API_BASE_URL is set.
    Raises ConfigError as `find_kv`.
    """
    named = env.get("CLOUDFLARE_API_BASE_URL") or env.get("CF_API_BASE_URL")
    if address.local and not named:
        return FoundApi(Found(address.base_url, "the address"), None, None)
    project = optional_project(cwd, cwd, environment or env.get("CLOUDFLARE_ENV"))
    base = find_api_base(env, project.chosen.compliance_region if project else None)
    if "/cdn-cgi/" in base.value:
        return FoundApi(base, "", None)
    account = _account(KvAddress(None, None), project, env, cwd)
    token = find_token(env, cwd, time.time() if now is None else now)
    return FoundApi(base, f"/accounts/{account.value}", token.found)


def find_local(
    address: WranglerAddress | LocalKvAddress,
    *,
    env: Mapping[str, str],
    cwd: Path,
    binding: str | None = None,
    environment: str | None = None,
) -> Found[str]:
    """The name under which wrangler's local runtime keeps a namespace.

    That is the binding's preview_id, else its id, else its name. A namespace in the address that
    is the name of a binding means that binding; any other word is taken as it is. The
    configuration is looked for in the address's folder and above, then from `cwd`.
    """
    start = address.dir if isinstance(address, WranglerAddress) else cwd
    chosen = environment or env.get("CLOUDFLARE_ENV")
    if address.namespace is not None:
        project = optional_project(cwd / start, cwd, chosen)
        entries = project.chosen.kv_namespaces if project else ()
        named = next((entry for entry in entries if entry.binding == address.namespace), None)
        if project is None or named is None:
            return Found(address.namespace, "the address")
        return _local_id(project, named)
    project = find_project(cwd / start, cwd, chosen, _NAME_IT)
    entry = _namespace_entry(project, cwd, binding)
    assert project is not None  # or _namespace_entry had refused
    return _local_id(project, entry)


# ---------------------------------------------------------------- wrangler's configuration


def optional_project(start: Path, cwd: Path, environment: str | None) -> Project | None:
    """For an address that is complete by itself: without a wish, an unusable configuration is none."""
    try:
        return find_project(start, cwd, environment, _NAME_IT)
    except ConfigError:
        if environment is not None:
            raise
        return None


def _namespace_entry(project: Project | None, cwd: Path, binding: str | None) -> wrangler.KvNamespace:
    if project is None:
        raise ConfigError(f"no wrangler configuration in {cwd} or above", f"go to the project, or {_NAME_IT}")
    entries = project.chosen.kv_namespaces
    if not entries:
        raise ConfigError(f"{project.place} binds no KV namespace", _elsewhere(project, None))
    names = ", ".join(entry.binding for entry in entries)
    if binding is None:
        if len(entries) > 1:
            raise ConfigError(f"{project.place} binds several KV namespaces", f"--binding is one of: {names}")
        return entries[0]
    for entry in entries:
        if entry.binding == binding:
            return entry
    kind = project.chosen.kind_of(binding)
    message = f"{project.place} has no KV namespace {binding}"
    if kind:
        message = f"{project.place} binds {binding} under {kind}, which is not KV"
    raise ConfigError(message, _elsewhere(project, binding) or f"--binding is one of: {names}")


def _elsewhere(project: Project, binding: str | None) -> str:
    """Where the binding is, when it is in another environment; else which to name, or nothing."""

    def has(environment: wrangler.Environment) -> bool:
        return any(binding in (None, entry.binding) for entry in environment.kv_namespaces)

    if project.environment and has(project.config.top):
        return (
            f"it is bound at the top level only, and wrangler does not inherit bindings:"
            f" add it to env.{project.environment}, or leave out --env"
        )
    names = [str(known.name) for known in project.config.environments if has(known)]
    if names:
        return f"it is bound in another environment: --env {' or --env '.join(names)}"
    return "" if binding else _NAME_IT


def _remote_id(project: Project, entry: wrangler.KvNamespace, preview: bool) -> Found[str]:
    field = "preview_id" if preview else "id"
    value = entry.preview_id if preview else entry.id
    where = f"{project.place}, binding {entry.binding}" + (", preview_id" if preview else "")
    if value is None:
        raise ConfigError(
            f"{project.place}, binding {entry.binding} has no {field}",
            f'find it with "npx wrangler kv namespace list", then {_NAME_IT}',
        )
    if "/" in value or value in (".", ".."):
        raise ConfigError(f"{where} is not the id of a namespace", f"correct it, or {_NAME_IT}")
    return Found(value, where)


def _local_id(project: Project, entry: wrangler.KvNamespace) -> Found[str]:
    place = f"{project.place}, binding {entry.binding}"
    if entry.preview_id:
        return Found(entry.preview_id, f"{place}, preview_id")
    return Found(entry.id or entry.binding, place if entry.id else f"{place}, which has no id")


def _account(address: KvAddress, project: Project | None, env: Mapping[str, str], cwd: Path) -> Found[str]:
    if address.account is not None:
        return Found(check_account(address.account, "the address"), "the address")
    named = account_variable(env)
    written = None
    if project and project.chosen.account_id:
        where = f"account_id in {project.place}"
        written = Found(check_account(project.chosen.account_id, where), where)
    if named and written and named.value != written.value:
        # wrangler takes the file, most other tools the variable: whichever we took, half would err.
        raise ConfigError(
            f"{named.where} and {written.where} name different accounts", f"unset one, or {_NAME_IT}"
        )
    found = named or written or cached_account(env, cwd)
    if found is None:
        raise ConfigError("no account", 'export CLOUDFLARE_ACCOUNT_ID=… ("npx wrangler whoami" prints it)')
    return found
