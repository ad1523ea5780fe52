"""Pages projects of the fake account: what production and previews are bound to, and all deployments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fake_api.wire import Answer, Call, Kind, Refusal, number, success

_MOST = 10
"""A larger page is refused."""


@dataclass(slots=True)
class Project:
    """`production`, `preview`: namespaces by the binding's name. `deployments`: ids, the newest first."""

    name: str
    production: dict[str, str] = field(default_factory=dict)
    preview: dict[str, str] = field(default_factory=dict)
    deployments: list[str] = field(default_factory=list)


class PagesRoutes:
    """The account's Pages projects, by name."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}

    def make(self, name: str, **words: Any) -> Project:
        """One more project."""
        self.projects[name] = Project(name, **words)
        return self.projects[name]

    def act(self, call: Call) -> Answer:
        """Do what is asked. Raises Refusal."""
        if call.kind is Kind.PAGES:
            return _page(call, [_described(one) for one in self.projects.values()])
        project = self.projects.get(call.names[1])
        if project is None:
            raise Refusal(404, 8000007, "Project not found. The specified project name does not match any.")
        return _page(call, [_deployment(one, project) for one in project.deployments])


def _described(project: Project) -> dict[str, Any]:
    configs = {"production": project.production, "preview": project.preview}
    return {
        "id": project.name,
        "name": project.name,
        "subdomain": f"{project.name}.pages.dev",
        "deployment_configs": {kind: _config(bindings) for kind, bindings in configs.items()},
    }


def _config(bindings: dict[str, str]) -> dict[str, Any]:
    """A configuration; without any binding it has no member for them."""
    common: dict[str, Any] = {"compatibility_date": "2026-01-01", "env_vars": None}
    if bindings:
        common["kv_namespaces"] = {name: {"namespace_id": one} for name, one in bindings.items()}
    return common


def _deployment(name: str, project: Project) -> dict[str, Any]:
    url = f"https://{name}.{project.name}.pages.dev"
    return {"id": name, "environment": "production", "url": url, "project_name": project.name}


def _page(call: Call, everything: list[dict[str, Any]]) -> Answer:
    page, size = number(call, "page", 1, 1, 10**6), number(call, "per_page", _MOST, 1, _MOST)
    part = everything[(page - 1) * size : page * size]
    return success(part, {"page": page, "per_page": size, "count": len(part), "total_count": len(everything)})
