"""Workers of the fake account: what each script is bound to, which classes it owns, and its deletion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fake_api.wire import Answer, Call, Kind, Refusal, number, success


@dataclass(slots=True)
class Script:
    """A deployed Worker. `classes`: those that it owns, each with the id of its namespace. `tags`: of its
    versions."""

    name: str
    bindings: list[dict[str, Any]] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def serve(self, created: str, **shares: float) -> None:
        """A new deployment of these versions, at the front of the list, as Cloudflare has it."""
        versions = [{"version_id": name, "percentage": share} for name, share in shares.items()]
        one = {"id": created, "created_on": created, "strategy": "percentage", "versions": versions}
        self.deployments.insert(0, one)

    def reaches(self, class_name: str, script: str, namespace: str = "") -> None:
        """Bind a class of another script, or (by its own name) one of this."""
        where = {} if script == self.name else {"script_name": script}
        binding = {"type": "durable_object_namespace", "name": "USER_SESSIONS", "class_name": class_name}
        self.bindings.append({**binding, **where, "namespace_id": namespace})


class ScriptRoutes:
    """The account's Workers, by name."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.deleted: list[tuple[str, dict[str, str]]] = []
        """Names and queries of the deletions that were done."""

    def deploy(self, name: str, **classes: str) -> Script:
        """One more Worker, with the classes that it owns."""
        self.scripts[name] = Script(name, classes=classes)
        return self.scripts[name]

    def act(self, call: Call) -> Answer:
        """Do what is asked. Raises Refusal."""
        if call.kind is Kind.CLASSES:
            return _page(call, self._classes())
        script = self.scripts.get(call.names[1])
        if script is None:
            raise Refusal(404, 10007, "This Worker does not exist on your account.")
        if call.kind is Kind.SCRIPT_SETTINGS:
            return success({"bindings": [{"type": "plain_text", "name": "V", "text": "x"}, *script.bindings]})
        if call.kind is Kind.DEPLOYMENTS:
            return success({"deployments": script.deployments})
        if call.kind is Kind.VERSION:
            tag = script.tags.get(call.names[2])
            return success({"id": call.names[2], "annotations": {"workers/tag": tag} if tag else {}})
        if script.classes and call.query.get("force") != "true":
            raise Refusal(400, 10061, "Cannot delete a script that Durable Objects depend on.")
        self.deleted.append((script.name, dict(call.query)))
        del self.scripts[script.name]
        return success(None)

    def _classes(self) -> list[dict[str, Any]]:
        return [
            {"id": namespace, "name": f"{script.name}_{name}", "script": script.name, "class": name}
            for script in self.scripts.values()
            for name, namespace in script.classes.items()
        ]


def _page(call: Call, everything: list[dict[str, Any]]) -> Answer:
    page, size = number(call, "page", 1, 1, 10**6), number(call, "per_page", 20, 1, 1000)
    part = everything[(page - 1) * size : page * size]
    return success(part, {"page": page, "per_page": size, "count": len(part), "total_count": len(everything)})
