"""Whether a bridge owns a class: who deletes its script would delete every session of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.bridging.deployment import Deployment
from migrate.bridging.facts import Account, Facts, target
from migrate.formats.plan_facts import Check, Standing

_DEPLOY = "deploy the bridge's folder, to the right account"


def ownership(facts: Facts) -> Iterator[Check]:
    """Does the bridge own a class, by its folder and by Cloudflare, and does it reach the right one?"""
    wanted = facts.deployment
    if wanted is not None:
        yield from owned_by_configuration(wanted)
    if facts.unasked is not None:
        yield Check("account", Standing.NOTE, facts.unasked.message, facts.unasked.hint)
    elif facts.account is not None and facts.name is not None:
        yield from owned_by_account(facts.name, facts.account)
        yield from _bound(facts, facts.name, facts.account)


def owned_by_configuration(wanted: Deployment) -> Iterator[Check]:
    """Does the folder give the bridge a class of its own?"""
    if wanted.owned:
        yield failed(
            "ownership",
            f"{wanted.folder} would make {', '.join(wanted.owned)} the bridge's own",
            "bind the class by script_name, without migrations or exports; kvferry bridge init writes it so",
        )
    else:
        yield ok("ownership", f"{wanted.folder} gives the bridge no class")


def owned_by_account(name: str, account: Account) -> Iterator[Check]:
    """Does the deployed script own a class, by Cloudflare's own word?"""
    own = [binding.class_name for binding in account.bindings or () if binding.script is None]
    owned = sorted({*own, *(one.class_name for one in account.owned)})
    if owned:
        yield failed(
            "ownership",
            f"Cloudflare says that {name} owns {', '.join(owned)}: deleting it deletes their objects",
            "never delete this Worker; move the class to the application first (transferred_classes)",
        )
    elif account.bindings is not None:
        yield ok("ownership", f"Cloudflare says that {name} owns no class")


def _bound(facts: Facts, name: str, account: Account) -> Iterator[Check]:
    if account.bindings is None:
        yield failed("account", f"there is no Worker {name} in the account", _DEPLOY)
        return
    script, class_name = target(facts)
    if script is None or class_name is None:
        return
    reached = [one for one in account.bindings if (one.script, one.class_name) == (script, class_name)]
    if not reached:
        yield failed("account", f"{name} is not bound to class {class_name} of {script}", _DEPLOY)
    elif account.target is None:
        yield failed(
            "account", f"the account has no class {class_name} of {script}", "deploy the Worker that owns it"
        )
    else:
        yield ok("account", f"{name} reaches {class_name} of {script}, namespace {account.target.namespace}")


def ok(name: str, said: str) -> Check:
    """A check that stands."""
    return Check(name, Standing.OK, said)


def failed(name: str, said: str, todo: str) -> Check:
    """A check that has failed, with its remedy."""
    return Check(name, Standing.FAILED, said, todo)
