"""What a gate asks afresh: the statistics, what is deployed, the fence, and a listing of KV.

Each answer is an exhibit. What cannot be asked leaves none, and its conditions are unproven.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate import addresses
from migrate.addresses import DurableAddress
from migrate.bridging import accounts
from migrate.core.document import Document, moment
from migrate.core.partition import disjoint
from migrate.core.ports import CursorRefused, Holder, Source
from migrate.core.record import Head
from migrate.desk import Desk
from migrate.errors import ConfigError, StoreBroken, StoreError, StoreUnavailable
from migrate.gate.exhibits import DEPLOYMENT, FENCE, LISTING, LIVE, Exhibit
from migrate.live_status import live
from migrate.stores.deployments import newest

_RESTARTS = 5
_HOUR = 3600
_SHORT = 32
"""Digits of a digest: there may be thousands of hours."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Asks for one namespace. `target`: its address as it was typed. `notes`: why something was not asked."""

    desk: Desk
    source: Source
    holder: Holder
    target: str
    prefixes: Sequence[str]
    notes: list[str] = field(default_factory=list)

    def exhibits(self, *, listed: bool) -> Iterator[Exhibit]:
        """All that can be had; `listed`: KV is listed as well."""
        yield from self.at_work()
        now = self._now()
        since = self.holder.fenced_since()
        leased = self.holder.leased_until()
        told: Document = {
            "asked": moment(now),
            "since": None if since is None else moment(since),
            "leased": None if leased is None else moment(leased),
        }
        yield Exhibit(FENCE, now, told)
        if listed:
            yield self._listing()

    def at_work(self) -> Iterator[Exhibit]:
        """Which stages and versions are."""
        yield from self._live()
        yield from self._deployment()

    def _live(self) -> Iterator[Exhibit]:
        now = self._now()
        found = live(self.target, self.desk.opener, now, required=False)
        if found is None:
            self.notes.append("this target has no statistics of live traffic")
            return
        if found["standing"] in ("unbound", "unasked"):
            self.notes.append(found["said"])
            return
        # The address stands in the verdict; nothing else that is here names a place or a person.
        yield Exhibit(LIVE, now, {name: value for name, value in found.items() if name != "target"})

    def _deployment(self) -> Iterator[Exhibit]:
        address, settings = addresses.parse(self.target), self.desk.settings
        if not isinstance(address, DurableAddress):
            return
        script = self.desk.opener.bridge(address).health().script
        if script is None:
            self.notes.append("the bridge does not say which script the sessions belong to")
            return
        try:
            credentials = accounts.find(None, settings.environ, settings.cwd, settings.clock.now())
            api = credentials.open(settings.clock)
            try:
                found = newest(api, credentials.account, script)
            finally:
                api.close()
        except (ConfigError, StoreError) as error:
            self.notes.append(f"Cloudflare does not say what is deployed: {error.message}")
            return
        if found is None:
            self.notes.append(f"Cloudflare knows no deployment of {script}")
            return
        now = self._now()
        versions = [{"version": name, "percentage": share} for name, share in sorted(found.versions.items())]
        told: Document = {"asked": moment(now), "script": script, "since": moment(found.since)}
        yield Exhibit(DEPLOYMENT, now, {**told, "versions": versions, "tag": found.tag or None})

    def _listing(self) -> Exhibit:
        """Every key, its expiration and metadata, as a digest for each hour in which sessions end."""
        for _ in range(_RESTARTS):
            try:
                return self._listed()
            except CursorRefused:
                continue
        raise StoreUnavailable("the source refused its own cursor again and again", "run it again")

    def _listed(self) -> Exhibit:
        started, keys, last = self._now(), 0, ""
        hours: dict[str, Any] = defaultdict(hashlib.sha256)
        for prefix in disjoint(self.prefixes):
            cursor = None
            while True:
                page = self.source.scan(prefix, cursor)
                for head in page.heads:
                    if head.key <= last:
                        raise StoreBroken("the source's listing is out of order", "nothing was decided")
                    hours[_hour(head)].update(_line(head))
                    keys, last = keys + 1, head.key
                cursor = page.next
                if cursor is None:
                    break
        now = self._now()
        told: Document = {"started": moment(started), "finished": moment(now), "keys": keys}
        digests = {hour: digest.hexdigest()[:_SHORT] for hour, digest in sorted(hours.items())}
        return Exhibit(LISTING, now, {**told, "hours": digests})

    def _now(self) -> float:
        return self.desk.settings.clock.now()


def _hour(head: Head) -> str:
    """When the hour begins in which it ends, Unix seconds; `never`."""
    at = head.expiration
    return str(at - at % _HOUR) if isinstance(at, int) else "never"


def _line(head: Head) -> bytes:
    """A head so that no two are the same: each part with its length in front."""
    stamped = "" if head.stamped is None else head.stamped.hex()
    parts = (head.key, "" if head.metadata is None else f"={head.metadata}", str(head.expiration), stamped)
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
