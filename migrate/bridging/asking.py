"""A check of a bridge from its first question to its document: asks, judges, reports, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from migrate import __version__, addresses
from migrate.access_token import AccessToken, find_access_token
from migrate.addresses import DurableAddress
from migrate.bridge_keys import BridgeKeys, Scope, keys_at_hand
from migrate.bridge_secret import VARIABLE, find_secret, mint
from migrate.bridging import accounts
from migrate.bridging.checking import checks, verdict
from migrate.bridging.deployment import Deployment, read_deployment
from migrate.bridging.facts import Facts, KeyAnswer, Refusal
from migrate.bridging.measuring import measure, missing_methods
from migrate.bridging.reporting import build_bridge_check
from migrate.bridging.secret_file import SECRET_FILE
from migrate.core.ports import Clock
from migrate.credentials import Secret
from migrate.desk import Ended
from migrate.errors import ConfigError, StoreError, StoreUnavailable
from migrate.stores.durable.bridge import Bridge, BridgeRefused, Health
from migrate.stores.durable.statistics import statistics

PATIENCE = 5.0
"""Seconds that a bridge is waited for, when it does not answer."""

_KEY_LIVES = 600

AtHand = list[tuple[Scope, float, Secret]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be checked. `url` None: the host name in the folder's configuration."""

    url: str | None
    folder: Path | None
    env: Mapping[str, str]
    cwd: Path
    clock: Clock


def check(asked: Asked) -> Ended:
    """Check a bridge. Raises ConfigError when there is nothing to ask, or no key to ask with."""
    started = asked.clock.now()
    deployment = None if asked.folder is None else read_deployment(asked.folder)
    address = address_of(asked.url, deployment)
    keys, notes = keys_for(asked, started)
    access = find_access_token(asked.env)
    name = deployment.name if deployment is not None else name_of(address)
    facts = Facts(started, __version__, str(address), name, deployment, notes=notes)
    facts = _ask(facts, address, keys, access, asked.clock)
    facts = accounts.ask(facts, address, asked.env, asked.cwd, asked.clock)
    found = checks(facts)
    word, code = verdict(facts, found)
    document = build_bridge_check(facts, found, word, code, asked.clock.now())
    return Ended(document, code)


def address_of(url: str | None, deployment: Deployment | None) -> DurableAddress:
    """The bridge's address, with or without `do+` before it. Raises ConfigError."""
    if url is None and deployment is not None and deployment.domain is not None:
        url = f"https://{deployment.domain}"
    if url is None:
        raise ConfigError("which bridge?", "kvferry bridge check https://HOST --dir DIR")
    found = addresses.parse(url if url.startswith("do+") else f"do+{url}")
    if not isinstance(found, DurableAddress):
        raise ConfigError("that is not the address of a bridge", "write https://HOST")
    return found


def name_of(address: DurableAddress) -> str | None:
    """The script's name, where the host name tells it: NAME.ACCOUNT.workers.dev."""
    host = urlsplit(address.base_url).hostname or ""
    return host.split(".")[0] if host.endswith(".workers.dev") and host.count(".") == 3 else None


def keys_for(asked: Asked, now: float) -> tuple[AtHand, tuple[str, ...]]:
    """The keys at hand, and notes on them; without any, some that live as long as the check.

    Raises ConfigError.
    """
    found, notes = keys_at_hand(asked.env, asked.cwd)
    if found:
        return found, notes
    file = None if asked.folder is None else asked.folder / SECRET_FILE
    if file is None and not (asked.env.get(VARIABLE) or asked.env.get(f"{VARIABLE}_FILE")):
        raise ConfigError(
            "no key for the bridge", "kvferry bridge keys DIR makes some; or name the folder: --dir DIR"
        )
    secret = find_secret(asked.env, asked.cwd, file)
    expires = now + _KEY_LIVES
    made = "the keys are made from the secret, for this check; KVFERRY_BRIDGE_TOKEN_FILE names others"
    return [(scope, expires, mint(secret, scope, now, expires)) for scope in Scope], (made,)


def _ask(
    facts: Facts, address: DurableAddress, keys: AtHand, access: AccessToken | None, clock: Clock
) -> Facts:
    """Everything that the bridge itself is asked, each key at hand first."""
    answers: list[KeyAnswer] = []
    health: Health | None = None
    for scope, expires, key in keys:
        only = BridgeKeys({scope: key})
        bridge = Bridge(address.base_url, only, clock=clock, access=access, patience=PATIENCE)
        try:
            found, refused, error = _health(bridge)
            answers.append(KeyAnswer(scope, expires, refused))
            facts = replace(facts, keys=tuple(answers), date_ahead=bridge.date_ahead, error=error)
            if error is not None:
                return facts
            if found is not None and health is None:
                health = found
                facts = _look(replace(facts, health=health), bridge, health, clock)
        finally:
            bridge.close()
        if facts.error is not None:
            return facts
    return facts


def _health(bridge: Bridge) -> tuple[Health | None, Refusal | None, StoreUnavailable | None]:
    try:
        return bridge.health(PATIENCE), None, None
    except BridgeRefused as no:
        return None, Refusal(no.message, no.hint, no.problem), None
    except StoreUnavailable as error:
        return None, Refusal(error.message, error.hint, final=False), error
    except StoreError as error:
        return None, Refusal(error.message, error.hint), None


def _uncounted(bridge: Bridge, health: Health) -> Refusal | None:
    """Why the statistics that are bound do not answer. Raises StoreError, but for the bridge's own no."""
    if not health.stats:
        return None
    try:
        statistics(bridge, PATIENCE)
    except BridgeRefused as no:
        return Refusal(no.message, no.hint, no.problem)
    return None


def _look(facts: Facts, bridge: Bridge, health: Health, clock: Clock) -> Facts:
    """What needs a bridge that is well: the class's methods, and the limits."""
    try:
        facts = replace(facts, missing=missing_methods(bridge), uncounted=_uncounted(bridge, health))
        return replace(facts, measured=measure(bridge, health, clock.now()))
    except StoreError as error:
        return replace(facts, error=error)
