"""What Cloudflare's API says of a bridge's script, where a token and an account are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from migrate.addresses import DurableAddress
from migrate.bridging.deployment import Deployment
from migrate.bridging.facts import Account, Facts, Refusal, target
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.ports import Clock
from migrate.credentials import (
    Found,
    Secret,
    account_variable,
    cached_account,
    check_account,
    find_api_base,
    find_token,
    is_loopback,
)
from migrate.errors import ConfigError, StoreError, StoreRefused
from migrate.stores.cloudflare import Api
from migrate.stores.scripts import PERMISSION, account_root, class_bindings, owned_classes

_RATE = Rate(600, 300.0)
_PATIENCE = 30.0
_GIVE = "export CLOUDFLARE_API_TOKEN=… and CLOUDFLARE_ACCOUNT_ID=…, and Cloudflare is asked as well"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, for which account, and where."""

    account: str
    token: Secret
    base: str

    def open(self, clock: Clock) -> Api:
        """A connection, to be closed."""
        return Api(
            self.base,
            self.token.reveal(),
            clock=clock,
            log=MemoryRequestLog(),
            rate=_RATE,
            patience=_PATIENCE,
        )


def find(deployment: Deployment | None, env: Mapping[str, str], cwd: Path, now: float) -> Credentials:
    """The account that the bridge is in, and a token for it. Raises ConfigError when one is missing."""
    account: Found[str] | None = None
    if deployment is not None and deployment.account_id:
        where = f"account_id of {deployment.folder}"
        account = Found(check_account(deployment.account_id, where), where)
    account = account or account_variable(env) or cached_account(env, cwd)
    if account is None:
        raise ConfigError("no account", _GIVE)
    base = find_api_base(env, None if deployment is None else deployment.compliance_region)
    return Credentials(account.value, find_token(env, cwd, now).found.value, base.value)


def ask(facts: Facts, address: DurableAddress, env: Mapping[str, str], cwd: Path, clock: Clock) -> Facts:
    """The facts with the account's side of them, or why there is none."""
    if facts.name is None:
        return replace(
            facts, unasked=Refusal("Cloudflare was not asked: the script's name is not known", "--dir DIR")
        )
    try:
        credentials = find(facts.deployment, env, cwd, facts.now)
    except ConfigError as error:
        return replace(facts, unasked=Refusal(f"Cloudflare was not asked: {error.message}", error.hint))
    if address.local and not is_loopback(credentials.base):
        return replace(facts, unasked=Refusal("Cloudflare was not asked: this bridge runs here", ""))
    api = credentials.open(clock)
    try:
        return replace(facts, account=look(api, credentials.account, facts.name, target(facts)))
    except StoreRefused:
        todo = f'give CLOUDFLARE_API_TOKEN the permission "{PERMISSION}" for this account'
        return replace(facts, unasked=Refusal("Cloudflare refused to say what the bridge owns", todo))
    except StoreError as error:
        return replace(
            facts,
            unasked=Refusal(f"Cloudflare could not be asked: {error.message}", error.hint, final=False),
        )
    finally:
        api.close()


def look(api: Api, account: str, name: str, wanted: tuple[str | None, str | None]) -> Account:
    """What the account has: the script's bindings, the classes that it owns, and the class of the sessions.

    Raises StoreRefused, StoreUnavailable, StoreBroken.
    """
    bindings = class_bindings(api, account, name)
    owned = list(owned_classes(api, account_root(account)))
    found = next((one for one in owned if (one.script, one.class_name) == wanted), None)
    return Account(bindings, tuple(one for one in owned if one.script == name), found)
