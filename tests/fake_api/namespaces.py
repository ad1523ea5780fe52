"""What each route below a namespace does: list, bulk get, read, write, delete, with KV's own rules."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import orjson

from tests.fake_api import checks
from tests.fake_api.cursors import Cursors
from tests.fake_api.multipart import parse_form
from tests.fake_api.state import Entry, Namespace
from tests.fake_api.wire import Answer, Call, Kind, Refusal, number, success

BULK_BYTES = 25 * 1024 * 1024


class NamespaceRoutes:
    """The routes, for any namespace."""

    def __init__(self, now: Callable[[], float], cursors: Cursors) -> None:
        self.unroutable_code = 10009
        """What single-key routes say of a key that the edge cannot route; 404 in any case."""
        self.bulk_bytes = BULK_BYTES
        """How much one bulk get gives at most (Cloudflare's limit is not published)."""
        self.drops_byte_order_mark = True
        """Bulk answers lose a UTF-8 byte order mark, as in Cloudflare's local runtime."""
        self._now = now
        self._cursors = cursors
        self._writing = threading.Lock()

    def act(self, namespace: Namespace, call: Call, undone: int) -> Answer:
        """Do what is asked; bulk writes leave their first `undone` keys alone. Raises Refusal."""
        match call.kind:
            case Kind.NAMESPACE:
                return success(describe(namespace))
            case Kind.LIST:
                return self._list(namespace, call)
            case Kind.BULK_GET:
                return self._bulk_get(namespace, call)
            case Kind.GET | Kind.METADATA:
                return self._get(namespace, call)
        with self._writing:
            if call.kind in (Kind.PUT, Kind.DELETE):
                return self._write(namespace, call)
            return self._bulk_write(namespace, call, undone)

    def mint(self, call: Call, after: str) -> str:
        """A cursor of the call's listing that continues behind the key `after`."""
        return self._cursors.make(_listing(call), after)

    def _list(self, namespace: Namespace, call: Call) -> Answer:
        limit, prefix = number(call, "limit", 1000, 10, 1000), call.query.get("prefix", "")
        cursor = call.query.get("cursor", "")
        call.position = self._cursors.read(_listing(call), cursor) if cursor else ""
        walk = namespace.walk(prefix, call.position, limit, self._now())
        result: list[dict[str, Any]] = []
        for key, entry in walk.found:
            item: dict[str, Any] = {"name": key}
            if entry.expiration is not None:
                item["expiration"] = entry.expiration
            if entry.metadata is not None:
                item["metadata"] = orjson.Fragment(entry.metadata)
            result.append(item)
        following = "" if walk.after is None else self.mint(call, walk.after)
        return success(result, {"count": len(result), "cursor": following})

    def _bulk_get(self, namespace: Namespace, call: Call) -> Answer:
        request = _json(call)
        if not isinstance(request, dict) or request.get("type", "text") not in ("text", "json"):
            raise Refusal(400, 10001, "expected keys and a type of text or json")
        keys = checks.check_names(request.get("keys"), checks.BULK_GET_KEYS)
        parse, full, now = request.get("type") == "json", bool(request.get("withMetadata")), self._now()
        values: dict[str, Any] = {}
        total = 0
        for key in dict.fromkeys(keys):
            entry = namespace.read(key, now)
            total += len(entry.value) if entry else 0
            values[key] = None if entry is None else self._shown(entry, parse=parse, full=full)
        if total > self.bulk_bytes:
            raise Refusal(413, 10024, "the values are too large for one request")
        return success({"values": values})

    def _shown(self, entry: Entry, *, parse: bool, full: bool) -> Any:
        """A value in a bulk answer: text, in which bytes that are not UTF-8 have become U+FFFD."""
        value: Any = entry.value.decode(errors="replace")
        if self.drops_byte_order_mark:
            value = value.removeprefix("\ufeff")
        if parse:
            try:
                value = json.loads(value)
            except ValueError:
                raise Refusal(400, 10001, "a value is not valid JSON") from None
        if not full:
            return value
        metadata = None if entry.metadata is None else orjson.Fragment(entry.metadata)
        shown: dict[str, Any] = {"value": value, "metadata": metadata}
        if entry.expiration is not None:
            shown["expiration"] = entry.expiration
        return shown

    def _get(self, namespace: Namespace, call: Call) -> Answer:
        entry = namespace.read(self._routed_key(call), self._now())
        if entry is None:
            raise Refusal(404, 10009, "get: 'key not found'")
        if call.kind is Kind.METADATA:
            return success(None if entry.metadata is None else orjson.Fragment(entry.metadata))
        headers = {} if entry.expiration is None else {"expiration": str(entry.expiration)}
        return Answer(200, None, entry.value, "application/octet-stream", headers)

    def _write(self, namespace: Namespace, call: Call) -> Answer:
        key = self._routed_key(call)
        if call.kind is Kind.DELETE:
            namespace.delete(key)
            return success(None)
        value, metadata = _value_and_metadata(call)
        given, ttl = call.query.get("expiration"), call.query.get("expiration_ttl")
        expiration = checks.check_expiration(given, ttl, self._now())
        namespace.put(key, checks.check_value(value), checks.check_metadata(metadata), expiration)
        return success(None)

    def _bulk_write(self, namespace: Namespace, call: Call, undone: int) -> Answer:
        request = _json(call)
        if call.kind is Kind.BULK_DELETE:
            names = checks.check_names(request, checks.BULK_WRITE_KEYS)
            for key in names[undone:]:
                namespace.delete(key)
        else:
            items = checks.check_items(request, self._now())
            names = list(items)
            for key in names[undone:]:
                entry = items[key]
                namespace.put(key, entry.value, entry.metadata, entry.expiration)
        return success({"successful_key_count": len(names[undone:]), "unsuccessful_keys": names[:undone]})

    def _routed_key(self, call: Call) -> str:
        key = checks.check_key(call.names[2])
        if key == "..." or "^" in key or "\x1f" in key:
            raise Refusal(404, self.unroutable_code, "not found")
        return key


def describe(namespace: Namespace) -> dict[str, Any]:
    """A namespace as the API shows it."""
    return {"id": namespace.id, "title": namespace.title, "supports_url_encoding": True}


def _listing(call: Call) -> str:
    return f"{call.names[1]}/{call.query.get('prefix', '')}"


def _value_and_metadata(call: Call) -> tuple[bytes, str | None]:
    content_type = call.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return call.body, None
    form = parse_form(content_type, call.body)
    if "value" not in form:
        raise Refusal(400, 10001, "the form has no value")
    metadata = form.get("metadata")
    return form["value"], None if metadata is None else metadata.decode()


def _json(call: Call) -> Any:
    try:
        return json.loads(call.body)
    except ValueError:
        raise Refusal(400, 10001, "the body is not valid JSON") from None
