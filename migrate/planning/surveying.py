"""What a plan looks at, and how: the source, its account, its keys, the target. Neither is changed."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrate import addresses
from migrate.addresses import Address, KvAddress, LocalKvAddress, WranglerAddress
from migrate.core.names import sessions
from migrate.core.ports import CursorRefused, RunId, Source
from migrate.cost.survey import Survey, survey_page
from migrate.desk import Desk
from migrate.discovery import FoundKv, find_local
from migrate.errors import StoreRefused, StoreUnavailable
from migrate.formats.plan_facts import Finding, Place, Refused, Rows, Space, Token
from migrate.ledger.windows import LedgerRequestLog
from migrate.staging import Staging

if TYPE_CHECKING:
    from migrate.stores.cloudflare import Api

RESTARTS = 5
"""How often the listing of one prefix may start again before the plan gives up."""

PATIENCE = 360.0
"""Seconds that one request's failures may take: a block of Cloudflare's lasts 300."""


def refused(error: StoreRefused) -> Refused:
    """The error as a fact. A request that was wrong in itself is not a matter of permissions."""
    from migrate.stores.envelope import Rejected

    return Refused(error.message, error.hint, denied=not isinstance(error, Rejected))


# ---------------------------------------------------------------- the source


@dataclass(frozen=True, slots=True)
class Sight:
    """A source that can be looked at, or the reason why not. `cloud`: it is Workers KV over REST."""

    address: str
    found: Sequence[Finding]
    notes: Sequence[str] = ()
    source: Source | None = None
    refused: Refused | None = None
    cloud: Cloud | None = None


def open_source(desk: Desk, text: str) -> Sight:
    """Find and open a source. Raises ConfigError for what cannot be found or is malformed."""
    address = addresses.parse(text)
    if isinstance(address, KvAddress):
        return _open_cloud(desk, address)
    found = list(_found_locally(desk, address))
    try:
        source = desk.opener.source(text)
    except StoreRefused as error:
        return Sight(str(address), found, refused=refused(error))
    return Sight(source.address, found, source=source)


def _found_locally(desk: Desk, address: Address) -> Iterator[Finding]:
    if isinstance(address, WranglerAddress | LocalKvAddress):
        settings = desk.settings
        name = find_local(
            address,
            env=settings.environ,
            cwd=settings.cwd,
            binding=settings.binding,
            environment=settings.env,
        )
        yield Finding("namespace", name.value, name.where)


def _open_cloud(desk: Desk, address: KvAddress) -> Sight:
    """With the connection at hand: its questions are asked before the first key."""
    opened = desk.opener.kv(address, PATIENCE)
    found = opened.found
    cloud = Cloud(opened.api, opened.log, found.account.value, found.namespace.value)
    return Sight(opened.source.address, _found_remotely(found), found.notes, opened.source, cloud=cloud)


def _found_remotely(found: FoundKv) -> list[Finding]:
    lines = [
        Finding("account", found.account.value, found.account.where),
        Finding("namespace", found.namespace.value, found.namespace.where),
    ]
    if found.binding is not None:
        lines.append(Finding("binding", found.binding, found.namespace.where))
    if found.environment is not None:
        lines.append(Finding("environment", found.environment, found.namespace.where))
    lines.append(Finding("token", None, found.token.where))
    lines.append(Finding("API", found.api_base.value, found.api_base.where))
    return lines


@dataclass(frozen=True, slots=True)
class Cloud:
    """The account behind a namespace; `log` holds the request window and what today has spent."""

    api: Api
    log: LedgerRequestLog
    account: str
    name: str

    def token(self) -> Token:
        """Ask for the token's state. Raises StoreUnavailable."""
        from migrate.stores.kv_account import verify_token

        try:
            state = verify_token(self.api, self.account)
        except StoreRefused as error:
            return Token(refused=refused(error))
        return Token(state.status, state.expires)

    def space(self) -> Space:
        """Ask for the namespace, and for its neighbours when it is refused. Raises StoreUnavailable."""
        from migrate.stores import kv_account

        try:
            return Space(kv_account.namespace(self.api, self.account, self.name).title)
        except StoreRefused as error:
            why = refused(error)
        try:
            others = kv_account.namespaces(self.api, self.account)
        except StoreRefused:
            return Space(None, why)
        mine = next((one for one in others if one.id == self.name), None)
        if mine is not None:
            return Space(mine.title)
        return Space(None, why, [(one.id, one.title) for one in others])


def survey_keys(source: Source, prefix: str, desk: Desk) -> Iterator[Survey]:
    """List a prefix to its end, yielding the survey so far after each page.

    Raises what `Source.scan` raises, but CursorRefused: then it lists from the start again, and
    gives up with StoreUnavailable when that happens too often.
    """
    clock, cursor, seen, restarts = desk.settings.clock, None, Survey(), 0
    while True:
        try:
            page = source.scan(prefix, cursor)
        except CursorRefused:
            restarts += 1
            if restarts > RESTARTS:
                raise StoreUnavailable(
                    f"the source refused its own cursor {restarts} times", "run the same command again"
                ) from None
            cursor, seen = None, Survey()
            continue
        seen += survey_page(sessions(page), source.width, clock.now() + source.skew)
        yield seen
        if page.next is None:
            return
        cursor = page.next


# ---------------------------------------------------------------- the target


def look_at_target(staging: Staging, prefixes: Sequence[str], run: RunId) -> Place:
    """The file that an export would write, read-only. Raises StoreUnavailable, StoreBroken."""
    file, dump = staging.file, staging.dump is not None
    problem = _unwritable(file)
    if problem is not None:
        return Place(staging.address, str(file), dump=dump, problem=problem)
    free = shutil.disk_usage(file.parent).free
    if not file.exists():
        whole = staging.dump is not None and staging.dump.exists()
        return Place(staging.address, str(file), dump=dump, whole_dump=whole, free=free)
    size = file.stat().st_size
    if file.is_file() and not size:  # sqlite3 and mktemp make such: the export takes it for new
        return Place(staging.address, str(file), dump=dump, size=size, free=free)
    try:
        rows = _rows(file, prefixes, run)
    except StoreRefused as error:
        return Place(staging.address, str(file), dump=dump, size=size, problem=refused(error), free=free)
    return Place(staging.address, str(file), dump=dump, size=size, rows=rows, free=free)


def _rows(file: Path, prefixes: Sequence[str], run: RunId) -> Rows:
    from migrate.stores.sqlite.census import take

    census = take(file, prefixes, run)
    lease = census.lease
    return Rows(
        {origin.value: number for origin, number in census.origins.items()},
        census.tombstones,
        census.quarantined,
        census.sweeps,
        None if lease is None else f"{lease.who} (process {lease.pid} on {lease.host})",
        0.0 if lease is None else lease.until,
    )


def _unwritable(file: Path) -> Refused | None:
    folder = file.parent
    if not folder.exists():
        return Refused(f"there is no folder {folder}", f"mkdir -p {shlex.quote(str(folder))}")
    if not folder.is_dir():
        return Refused(f"{folder} is not a folder", "name another file")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Refused(f"the folder {folder} is read-only", "choose another, or change its permissions")
    if file.exists() and not os.access(file, os.W_OK):
        return Refused(f"{file} is read-only", "choose another file, or change its permissions")
    return None
