"""A bridge and the application beside it, over the same objects: our class, and somebody else's."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.edge.edge import Bridge, Edge, object_hash
from tests.edge.sending import importing, key

BINDINGS = {
    "shards": "USER_SESSIONS",
    "overwriting": "OVERWRITING",
    "forgetting": "FORGETTING",
    "wrapped": "WRAPPED",
    "unwrapped": "UNWRAPPED",
    "purging": "PURGING",
    "strict": "STRICT",
    "ignorant": "IGNORANT",
    "presuming": "PRESUMING",
    "hasty": "HASTY",
    "burying": "BURYING",
    "deaf": "DEAF",
}
FOREIGN = {"wrapped", "unwrapped", "purging", "strict", "ignorant", "presuming", "hasty", "burying", "deaf"}


class Side:
    """`UserSessions`, or a class that breaks a law."""

    def __init__(self, edge: Edge, name: str) -> None:
        self.edge = edge
        self.bridge: Bridge = edge.bridge(name)
        self.binding = BINDINGS[name]

    def app(self, session: str, method: str, *args: Any) -> Any:
        return self.edge.call(self.binding, self.home(session), method, session, *args)

    def home(self, session: str) -> str:
        return f"kvferry:shard:{object_hash(session) % 4}/4"

    def outcomes(self, *records: dict[str, Any], **changes: Any) -> list[str]:
        outcomes: list[str] = self.bridge.ask("import", importing(*records, **changes))["outcomes"]
        return outcomes

    def head(self, session: str) -> dict[str, Any] | None:
        head: dict[str, Any] | None = self.bridge.ask("heads", {"keys": [key(session)]})["rows"][0]
        return head


class ForeignSide(Side):
    """A class of somebody else's: what is asked of `UserSessions` in its own words."""

    def app(self, session: str, method: str, *args: Any) -> Any:
        if method == "putSession":
            data, options = (*args, {})[:2]
            self.edge.set_stage("dual-write" if options.get("origin") == "dual" else "object-first")
            ttl = None
            if "expirationTtl" in options:
                ttl = options["expirationTtl"]
            elif "expiration" in options:
                ttl = options["expiration"] - int(time.time())
            answer = self.own(session, "setSession", data, ttl)
            self.edge.set_stage("object-first")
            if "SessionGone" in answer.get("thrown", ""):
                return {"outcome": "gone"}
            assert "thrown" not in answer, answer
            return {"outcome": "stored", "version": (self.head(session) or {}).get("version")}
        answer = self.own(session, method, *args)
        assert "thrown" not in answer, answer
        return answer["value"]

    def own(self, session: str, method: str, *args: Any) -> dict[str, Any]:
        """Call the class's own method: {"value": …} or {"thrown": …}."""
        (answer,) = self.edge.calls([(self.binding, self.home(session), method, session, *args)])
        return answer

    def stored(self, session: str) -> dict[str, Any] | None:
        """The session's row in the class's own table, past every method."""
        asked = "SELECT data, user_id, role, expires_at FROM sessions WHERE id = ?"
        rows = self.look(session, asked, session)
        return rows[0] if rows else None

    def look(self, session: str, statement: str, *bindings: Any) -> list[dict[str, Any]]:
        """Any statement in the object of a session, past every method."""
        rows = self.edge.call(self.binding, self.home(session), "statement", statement, bindings)
        return [dict(row) for row in rows]


def side_of(edge: Edge, name: str) -> Side:
    """The side of a bridge, by its name."""
    return ForeignSide(edge, name) if name in FOREIGN else Side(edge, name)


def as_json(data: Any) -> bytes:
    """What JSON.stringify makes of it."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
