"""The end of a bridge: its Worker is deleted only when both sides say that it owns no class.

The Worker is deleted over Cloudflare's API, without force. `wrangler delete` says the same request,
but where nobody is at the terminal it answers its own question, whether to force it, with yes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.bridging import accounts, secret_file
from migrate.bridging.deployment import Deployment, read_deployment
from migrate.bridging.ownership import owned_by_account, owned_by_configuration
from migrate.confirming import Confirmed, Say, confirm, dry
from migrate.core.ports import Clock
from migrate.errors import ConfigError, Exit, StoreRefused
from migrate.formats.plan_facts import Check, Standing
from migrate.stores.scripts import delete_script


@dataclass(frozen=True, slots=True)
class Destruction:
    """What is asked for. `confirmed` gives the name that was typed or passed, for the one to be deleted."""

    folder: Path
    env: Mapping[str, str]
    cwd: Path
    clock: Clock
    execute: bool
    confirmed: Confirmed


def destroy(wish: Destruction, say: Say) -> Exit:
    """Check, and with `execute` delete. Evidence that it owns a class: 1, and nothing is deleted.

    Raises ConfigError without a confirmation, or without a token to ask Cloudflare with; StoreError.
    """
    deployment = read_deployment(wish.folder)
    if not _passed(owned_by_configuration(deployment), say):
        return Exit.AGAINST
    try:
        credentials = accounts.find(deployment, wish.env, wish.cwd, wish.clock.now())
    except ConfigError as error:
        if wish.execute:
            raise ConfigError(
                f"Cloudflare must be asked whether {deployment.name} owns a class: {error.message}",
                error.hint,
            ) from None
        say(f"note    ownership  Cloudflare was not asked: {error.message}")
        _dry(deployment, say)
        return Exit.CLEAN
    api = credentials.open(wish.clock)
    try:
        account = accounts.look(
            api, credentials.account, deployment.name, (deployment.script, deployment.class_name)
        )
        if not _passed(owned_by_account(deployment.name, account), say):
            return Exit.AGAINST
        if not wish.execute:
            _dry(deployment, say)
            return Exit.CLEAN
        confirm(deployment.name, wish.confirmed, "deleted")
        there = account.bindings is not None and delete_script(api, credentials.account, deployment.name)
        say(f"{deployment.name} {'is deleted' if there else 'was not there any more'}")
    except StoreRefused as error:
        raise StoreRefused(
            f"{deployment.name} was not deleted: {error.message}",
            'give CLOUDFLARE_API_TOKEN the permission "Workers Scripts Edit", or look at what still uses it',
        ) from None
    finally:
        api.close()
    for name in secret_file.remove(wish.folder):
        say(f"{wish.folder / name} is removed")
    say(f"{wish.folder} is of no use any more")
    return Exit.CLEAN


def _passed(checks: Iterable[Check], say: Say) -> bool:
    """Say each check; has none failed?"""
    passed = True
    for check in checks:
        failed = check.standing is Standing.FAILED
        say(f"{'FAILED' if failed else check.standing:6}  {check.name}  {check.said}")
        if failed:
            say(f"        → {check.todo}")
            passed = False
    return passed


def _dry(deployment: Deployment, say: Say) -> None:
    folder, name = shlex.quote(str(deployment.folder)), shlex.quote(deployment.name)
    effects = (
        f"the Worker is deleted, as by: npx wrangler delete --name {name}",
        f"{secret_file.SECRET_FILE} and {secret_file.KEYS_FILE} are removed",
    )
    dry(effects, f"kvferry bridge destroy {folder} --execute --name {name}", say)
