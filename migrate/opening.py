"""From addresses to open stores: the one place that knows which adapter serves which address."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, assert_never

from migrate import addresses
from migrate.addresses import (
    Address,
    DumpAddress,
    DurableAddress,
    KvAddress,
    LocalKvAddress,
    SqliteAddress,
    WranglerAddress,
)
from migrate.core.configuration import UsedFile
from migrate.core.limiting import Budget, MemoryRequestLog, Rate
from migrate.core.ports import Clock, Holder, Source, Target
from migrate.core.writing import Writable
from migrate.errors import ConfigError
from migrate.ledger.ledger import DEFAULT, Ledger

if TYPE_CHECKING:
    from migrate.discovery import FoundKv
    from migrate.ledger.windows import LedgerRequestLog
    from migrate.stores.cloudflare import Api
    from migrate.stores.dump import DumpSource
    from migrate.stores.durable import Bridge
    from migrate.stores.durable.bridge import Health
    from migrate.stores.durable.namespace import Namespace
    from migrate.stores.durable.reading import OpenNamespace

DEFAULT_RATE = "600/300"
"""Half of Cloudflare's allowance: the same budget serves the operator's deploys and rollbacks."""

_NO_LIMIT = Rate(1_000_000, 1.0)

OnWait = Callable[[str, float], None]
"""Told why a request waits, and for how many seconds."""

OnNote = Callable[[str], None]
"""Told what the operator should know about the credentials, one line each."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What every command that opens stores goes by; the names are those of the options.

    `rate`: REQUESTS/SECONDS. `budget`: such as "reads=50000/day". `binding`, `env`: which of
    wrangler's. `assume_never`, `dumped_at` (Unix seconds): for dumps, see `migrate.stores.dump`.
    `config`: the file that --config named, for the next command. `used`: the file that was used, and what
    of it, for reports.
    """

    clock: Clock
    ledger: Path = DEFAULT
    rate: str = DEFAULT_RATE
    budget: Sequence[str] = ()
    binding: str | None = None
    env: str | None = None
    assume_never: bool = False
    dumped_at: int | None = None
    config: Path | None = None
    used: UsedFile | None = None
    cwd: Path = field(default_factory=Path.cwd)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def told(self) -> dict[str, object]:
        """The member of a report that says which file was used; {} when none was."""
        return {} if self.used is None else {"config_file": self.used.document()}

    def typed(self) -> dict[str, object]:
        """The options that the next command must repeat to mean the same stores; defaults left out."""
        return {
            "binding": self.binding,
            "env": self.env,
            "rate": self.rate if self.rate != DEFAULT_RATE else None,
            "budget": list(self.budget) or None,
            "ledger": str(self.ledger) if self.ledger != DEFAULT else None,
            "assume_never": self.assume_never or None,
            "dumped_at": self.dumped_at,
            "config": None if self.config is None else str(self.config),
        }


@dataclass(frozen=True, slots=True)
class OpenKv:
    """A namespace at Cloudflare: `log` holds the request window and what was spent of a budget."""

    source: Source
    api: Api
    log: LedgerRequestLog
    found: FoundKv


class _Closable(Protocol):
    def close(self) -> None: ...


_S = TypeVar("_S", bound=_Closable)


class Opener:
    """Opens stores, and closes all of them at the end."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        on_wait: OnWait | None = None,
        on_note: OnNote | None = None,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._on_wait = on_wait
        self._on_note = on_note
        self._noted: set[str] = set()
        self._closing = contextlib.ExitStack()
        self._counted: list[Counter[str]] = []

    @property
    def requests(self) -> Counter[str]:
        """What was sent to Cloudflare's API, by kind, over all connections."""
        return sum(self._counted, Counter[str]())

    def source(self, text: str) -> Source:
        """Open a store to read from. Raises ConfigError, StoreRefused."""
        address = addresses.parse(text)
        match address:
            case KvAddress():
                opened = self.kv(address)
                self._note(*opened.found.notes)
                return opened.source
            case LocalKvAddress():
                return self._kept(self._local_kv(address))
            case WranglerAddress():
                from migrate.stores.wrangler_state import WranglerState

                namespace = self._local_name(address)
                return self._kept(WranglerState(address.dir, namespace, clock=self._settings.clock))
            case DumpAddress():
                return self._kept(self._dump(address))
            case SqliteAddress():
                from migrate.stores.sqlite import SqliteSource

                return self._kept(SqliteSource(address.file, clock=self._settings.clock))
            case DurableAddress():
                from migrate.stores.durable import DurableSource

                return self._kept(DurableSource(self.bridge(address), self._namespaces(address)))
            case _:
                assert_never(address)

    def holder(self, text: str, *, values: bool = False) -> Holder:
        """Open a store whose rows are compared; it is only read, and must exist.

        `values`: all of them will be looked at, so a store that could show digests shows values.
        """
        address = addresses.parse(text)
        match address:
            case DumpAddress():
                return self._kept(self._dump(address))
            case SqliteAddress():
                from migrate.stores.sqlite import SqliteHolder

                return self._kept(SqliteHolder(address.file))
            case DurableAddress():
                from migrate.stores.durable import DurableHolder

                return self._kept(
                    DurableHolder(self.bridge(address), self._namespaces(address), values=values)
                )
            case KvAddress() | LocalKvAddress() | WranglerAddress():
                raise _later(address)
            case _:
                assert_never(address)

    def target(self, text: str, location_hint: str | None = None, *, values: bool = False) -> Target:
        """Open a store to write to, making it where it does not exist. `values`: as of `holder`.

        `location_hint`: where objects are made that nobody has asked for yet.
        """
        address = addresses.parse(text)
        match address:
            case SqliteAddress():
                from migrate.stores.sqlite import SqliteTarget

                return self._kept(SqliteTarget(address.file, clock=self._settings.clock))
            case DurableAddress():
                from migrate.stores.durable import DurableTarget

                target = DurableTarget(
                    self.bridge(address),
                    self._namespaces(address),
                    clock=self._settings.clock,
                    values=values,
                    location_hint=location_hint,
                )
                return self._kept(target)
            case DumpAddress() | KvAddress() | LocalKvAddress() | WranglerAddress():
                raise _later(address)
            case _:
                assert_never(address)

    def writable(self, text: str) -> Writable:
        """Open a key-value store to write and delete in bulk; nothing is sent yet. Raises ConfigError."""
        address = addresses.parse(text)
        match address:
            case KvAddress():
                from migrate.stores.kv_writing import KvWriter

                found, api, _ = self._connected(address, None)
                self._note(*found.notes)
                clock = self._settings.clock
                return self._kept(KvWriter(api, found.account.value, found.namespace.value, clock=clock))
            case LocalKvAddress():
                from migrate.stores.kv_local_writing import LocalKvWriter

                api, namespace = self._local_api(address.base_url), self._local_name(address)
                return self._kept(LocalKvWriter(api, namespace, clock=self._settings.clock))
            case WranglerAddress():
                raise ConfigError(
                    f"{address}: files under `wrangler dev` are read and never written",
                    "start `wrangler dev`, and give kv+http://HOST:PORT/NAMESPACE with what it prints",
                )
            case DumpAddress() | SqliteAddress() | DurableAddress():
                raise ConfigError(
                    f"a {str(address).partition(':')[0]}: store is not written key by key",
                    "give the namespace of Workers KV: kv://ACCOUNT/NAMESPACE, or kv+http://HOST:PORT/NAMESPACE",
                )
            case _:
                assert_never(address)

    def writable_for(self, source: str, target: str) -> Writable:
        """Open KV to write sessions of this target into it: through the bridge, where the target has one.

        KV takes a write however late it arrives, so what must not come late goes by requests that end soon.
        Only a running `wrangler dev` is written past a bridge that is not bound to it. Raises ConfigError.
        """
        address, kv = addresses.parse(target), addresses.parse(source)
        if not isinstance(address, DurableAddress):
            return self.writable(source)
        bridge = self.bridge(address)
        health = bridge.health()
        opened = self.source(source).address
        name = opened.rstrip("/").rpartition("/")[2]
        if isinstance(kv, LocalKvAddress) and not (health.kv and health.kv_namespace == name):
            return self.writable(source)
        if not isinstance(kv, KvAddress | LocalKvAddress):
            return self.writable(source)  # which refuses it
        if health.kv and health.kv_namespace != name:
            other = health.kv_namespace or "one that it does not name (KVFERRY_KV_NAMESPACE)"
            raise ConfigError(
                f"the bridge writes another KV namespace than the source: {other}",
                "kvferry bridge init DIR --kv-binding NAME --force, and deploy the bridge",
            )
        from migrate.stores.durable import BridgedKv

        return self._kept(BridgedKv(bridge, opened, clock=self._settings.clock, health=health))

    def close(self) -> None:
        """Close every store that was opened here."""
        self._closing.close()

    def _note(self, *lines: str) -> None:
        """Say each of them, once."""
        for line in lines:
            if self._on_note is not None and line not in self._noted:
                self._noted.add(line)
                self._on_note(line)

    def _kept(self, store: _S) -> _S:
        self._closing.callback(store.close)
        return store

    def kv(self, address: KvAddress, patience: float | None = None) -> OpenKv:
        """Open a namespace with its connection and everything that was found about it.

        `patience`: seconds that one request's failures may take (None: the adapter's default).
        """
        from migrate.stores.kv import KvSource

        found, api, log = self._connected(address, patience)
        source = self._kept(KvSource(api, found.account.value, found.namespace.value))
        return OpenKv(source, api, log, found)

    def _connected(self, address: KvAddress, patience: float | None) -> tuple[FoundKv, Api, LedgerRequestLog]:
        """Find a namespace, and connect with the token found."""
        from migrate.discovery import find_kv
        from migrate.stores.cloudflare import PATIENCE

        settings = self._settings
        found = find_kv(
            address,
            env=settings.environ,
            cwd=settings.cwd,
            binding=settings.binding,
            environment=settings.env,
            now=settings.clock.now(),
        )
        token = found.token.value.reveal()
        api, log = self._api(found.api_base.value, token, PATIENCE if patience is None else patience)
        return found, api, log

    def bridge(self, address: DurableAddress) -> Bridge:
        """Connect to a bridge; nothing is asked yet. Raises ConfigError when there is no key for it."""
        from migrate.access_token import find_access_token
        from migrate.bridge_keys import find_bridge_keys
        from migrate.stores.durable import Bridge

        settings = self._settings
        keys = find_bridge_keys(settings.environ, settings.cwd, settings.clock.now())
        self._note(*keys.notes)
        access = find_access_token(settings.environ)
        url, clock = address.base_url, settings.clock
        return self._kept(Bridge(url, keys, clock=clock, access=access, on_wait=self._on_wait))

    def _namespaces(self, address: DurableAddress) -> OpenNamespace:
        """How the objects behind a bridge are listed, once that is wanted."""

        def opened(health: Health) -> Namespace:
            from migrate.discovery import find_api
            from migrate.stores.cloudflare import PATIENCE
            from migrate.stores.durable.namespace import Namespace

            if not health.script or not health.class_name:
                raise ConfigError(
                    f"{address}: the bridge does not say which class its objects are of",
                    "set its variables KVFERRY_SCRIPT and KVFERRY_CLASS, and deploy it again",
                )
            settings = self._settings
            found = find_api(
                address,
                env=settings.environ,
                cwd=settings.cwd,
                environment=settings.env,
                now=settings.clock.now(),
            )
            if found.token is None:
                api = self._local_api(found.base.value)
            else:
                api, _ = self._api(found.base.value, found.token.value.reveal(), PATIENCE)
            return self._kept(Namespace(api, found.root, health.script, health.class_name))

        return opened

    def _local_api(self, base_url: str) -> Api:
        from migrate.stores.cloudflare import Api

        clock, log = self._settings.clock, MemoryRequestLog()
        api = Api(base_url, None, clock=clock, log=log, rate=_NO_LIMIT, patience=30.0)
        self._counted.append(api.requests)
        return api

    def _api(self, base_url: str, token: str, patience: float) -> tuple[Api, LedgerRequestLog]:
        """A connection to Cloudflare: all of one token share its window."""
        from migrate.ledger.windows import LedgerRequestLog
        from migrate.stores.cloudflare import Api

        settings = self._settings
        name = self._ledger.fingerprints.of(f"{base_url} {token}")
        log = self._kept(LedgerRequestLog(settings.ledger, name))
        api = Api(
            base_url,
            token,
            clock=settings.clock,
            log=log,
            rate=Rate.parse(settings.rate),
            budget=Budget.parse(settings.budget),
            on_wait=self._on_wait,
            patience=patience,
        )
        self._counted.append(api.requests)
        return api, log

    def _local_kv(self, address: LocalKvAddress) -> Source:
        from migrate.stores.kv_local import LocalKvSource

        return LocalKvSource(self._local_api(address.base_url), self._local_name(address))

    def _local_name(self, address: WranglerAddress | LocalKvAddress) -> str:
        from migrate.discovery import find_local

        settings = self._settings
        return find_local(
            address,
            env=settings.environ,
            cwd=settings.cwd,
            binding=settings.binding,
            environment=settings.env,
        ).value

    def _dump(self, address: DumpAddress) -> DumpSource:
        from migrate.stores.dump import DumpSource

        settings = self._settings
        dump = DumpSource(
            address.file, keys=address.keys, assume_never=settings.assume_never, dumped_at=settings.dumped_at
        )
        dump.prepare()  # what is malformed or twice there is known before any target is touched
        return dump


def _later(address: Address) -> ConfigError:
    kind = str(address).partition(":")[0]
    return ConfigError(
        f"a {kind}: store cannot play this role",
        "sources: kv, kv+http, wrangler, dump, sqlite, do; targets of a copy or a verify: sqlite, dump, do",
    )
