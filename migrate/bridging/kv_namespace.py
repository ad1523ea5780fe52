"""The KV namespace that a bridge writes: which of the application's it is, by its wrangler configuration."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.errors import ConfigError
from migrate.wrangler_project import Project

USUAL = "SESSIONS"
"""What the session store calls the namespace, unless it is told another name."""


@dataclass(frozen=True, slots=True)
class KvNamespace:
    """A namespace by its id. `preview_id`: what `wrangler dev` uses instead; None: the same."""

    id: str
    preview_id: str | None = None


def kv_namespace(project: Project, binding: str | None) -> KvNamespace | None:
    """The namespace under this binding of the application's; with None under SESSIONS, or the only one.

    None when there is none, when it is not clear which, and when it has no id yet. Raises ConfigError for a
    binding that is not there, or has no id.
    """
    entries = project.chosen.kv_namespaces
    if binding is None:
        usual = [entry for entry in entries if entry.binding == USUAL]
        found = (usual or entries)[0] if len(usual or entries) == 1 else None
        if found is None or found.id is None:
            return None
        return KvNamespace(found.id, found.preview_id)
    chosen = next((entry for entry in entries if entry.binding == binding), None)
    if chosen is None:
        names = ", ".join(entry.binding for entry in entries) or "none"
        raise ConfigError(
            f"{project.place} has no KV namespace {binding}", f"--kv-binding is one of: {names}"
        )
    if chosen.id is None:
        raise ConfigError(
            f"{project.place}, binding {binding} has no id",
            'find it with "npx wrangler kv namespace list", and write it there',
        )
    return KvNamespace(chosen.id, chosen.preview_id)
