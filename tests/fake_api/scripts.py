"""Workers of the fake account: what each script is bound to, which classes it owns, and its deletion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fake_api.wire import Answer, Call, Kind, Refusal, number, success


@dataclass(slots=True)
class Made:
    """A version: what it was bound to, and whether it has a URL of its own while preview URLs are enabled."""

    bindings: list[dict[str, Any]] = field(default_factory=list)
    preview: bool = True


@dataclass(slots=True)
class Script:
    """A deployed Worker. `classes`: those that it owns, each with the id of its namespace. `tags`: of its
    versions. `versions`: the newest last; one that is not among them has the script's own bindings."""

    name: str
    bindings: list[dict[str, Any]] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, Made] = field(default_factory=dict)
    version_urls: bool = False

    def keeps(self, namespace: str, name: str = "SESSIONS") -> None:
        """Bind a KV namespace."""
        self.bindings.append(kv_binding(namespace, name))

    def makes(self, version: str, *bindings: dict[str, Any], preview: bool = True) -> None:
        """One more version, which serves nobody yet."""
        self.versions[version] = Made(list(bindings), preview)

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
        if call.kind is Kind.SCRIPTS:
            return success([{"id": name, "handlers": ["fetch"]} for name in sorted(self.scripts)])
        script = self.scripts.get(call.names[1])
        if script is None:
            raise Refusal(404, 10007, "This Worker does not exist on your account.")
        if call.kind is Kind.SCRIPT_SETTINGS:
            return success({"bindings": [{"type": "plain_text", "name": "V", "text": "x"}, *script.bindings]})
        if call.kind is Kind.DEPLOYMENTS:
            return success({"deployments": script.deployments})
        if call.kind is Kind.VERSION:
            return success(_version(script, call.names[2]))
        if call.kind is Kind.VERSIONS:
            return _versions(call, script)
        if call.kind is Kind.SUBDOMAIN:
            return success({"enabled": True, "previews_enabled": script.version_urls})
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


def kv_binding(namespace: str, name: str = "SESSIONS") -> dict[str, Any]:
    """A binding of a KV namespace, as the API shows it."""
    return {"type": "kv_namespace", "name": name, "namespace_id": namespace}


_MADE = {"created_on": "2026-11-01T00:00:00Z", "source": "wrangler", "author_email": "operator@example.com"}


def _version(script: Script, name: str) -> dict[str, Any]:
    tag, made = script.tags.get(name), script.versions.get(name)
    bindings = script.bindings if made is None else made.bindings
    annotations = {"workers/tag": tag} if tag else {}
    resources = {"bindings": bindings, "script": {"etag": "e", "handlers": ["fetch"]}, "script_runtime": {}}
    return {"id": name, "metadata": _MADE, "annotations": annotations, "resources": resources}


def _versions(call: Call, script: Script) -> Answer:
    """The list of versions is wrapped once more than other lists."""
    items = [
        {"id": name, "number": number, "metadata": {"source": "wrangler", "hasPreview": made.preview}}
        for number, (name, made) in enumerate(script.versions.items(), 1)
    ]
    answer = _page(call, items[::-1])
    assert answer.document is not None
    answer.document["result"] = {"items": answer.document["result"]}
    return answer


def _page(call: Call, everything: list[dict[str, Any]]) -> Answer:
    page, size = number(call, "page", 1, 1, 10**6), number(call, "per_page", 20, 1, 1000)
    part = everything[(page - 1) * size : page * size]
    return success(part, {"page": page, "per_page": size, "count": len(part), "total_count": len(everything)})
