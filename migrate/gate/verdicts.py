"""A gate as a call: gather the evidence, put the door's questions to it, and keep the verdict.

ended = verdicts.gate(Door.OBJECT_FIRST, "kv:", "do+https://bridge.example.com", settings=settings)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from migrate.core.document import Document, naming
from migrate.core.gate.asking import Asked
from migrate.core.gate.doors import DOORS, conditions, name
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.desk import Ended, desk_of
from migrate.errors import ConfigError, Exit
from migrate.formats.progress import Progress
from migrate.formats.report import read
from migrate.formats.verdict import VerdictFacts, build_verdict
from migrate.gate.bundle import Bundle, of_document, of_ledger
from migrate.gate.exhibits import AUDIT, evidence
from migrate.gate.gathering import Gathering
from migrate.opening import Settings

VERDICT = "verdict"

_OPENS = {
    Door.OBJECT_FIRST: "deploy SESSION_STAGE=object-first",
    Door.OBJECT_ONLY: "deploy SESSION_STAGE=object-only",
    Door.CLEANUP: "kvferry finish",
}


def gate(
    door: Door,
    source: str,
    target: str,
    *,
    settings: Settings,
    prefixes: Sequence[str],
    policy: Policy,
    audit: Document | None = None,
    progress: Progress | None = None,
) -> Ended:
    """The verdict on one door, and why. `audit`: what an audit of the deployed commit found.

    Nothing is changed but the ledger, which keeps what was gathered and the verdict. Raises ConfigError
    and StoreError for stores that cannot be opened; what else cannot be asked leaves its conditions
    unproven.
    """
    check_waivers(door, policy)
    with desk_of(settings, progress) as desk:
        opened, holder = desk.opener.source(source), desk.opener.holder(target)
        mine = Bundle(opened.address, holder.address, tuple(prefixes)).migration
        gathering = Gathering(desk, opened, holder, target, prefixes)
        for exhibit in gathering.exhibits(listed=door is not Door.OBJECT_FIRST):
            desk.ledger.add_evidence(mine, exhibit.kind, exhibit.document, exhibit.at)
        if audit is not None:
            desk.ledger.add_evidence(mine, AUDIT, audit)
        stores = naming(source, target, prefixes, settings.typed())
        bundle = of_ledger(desk.ledger, opened.address, holder.address, prefixes)
        document = verdict(door, bundle, policy, settings.clock.now(), stores, gathering.notes)
        desk.ledger.add_evidence(mine, VERDICT, document)
        return Ended(document, Exit(document["exit"]))


def verdict(
    door: Door, bundle: Bundle, policy: Policy, now: float, stores: str, notes: Sequence[str] = ()
) -> Document:
    """The verdict on a bundle of evidence. `stores`: the options that name both stores. `notes`: what could
    not be asked."""
    found = conditions(Asked(door, evidence(bundle.exhibits), policy, now, stores))
    used = {digest for one in found for digest in one.evidence}
    oldest = min((one.at for one in found if one.at is not None), default=now)
    numbers = {key: value for key, value in asdict(policy).items() if isinstance(value, float)}
    facts = VerdictFacts(
        door=door,
        source=bundle.source,
        target=bundle.target,
        prefixes=bundle.prefixes,
        conditions=found,
        evidence={one.digest: (one.kind, one.at) for one in bundle.exhibits if one.digest in used},
        policy=numbers,
        issued=now,
        expires=max(now, min(now + policy.valid, oldest + policy.max_age)),
        opens=f"{_OPENS[door]} {stores}".strip() if door is Door.CLEANUP else _OPENS[door],
        notes=notes,
    )
    return build_verdict(facts)


def judge_bundle(door: Door, path: Path, policy: Policy, now: float) -> Ended:
    """The verdict on a bundle in a file: no store is opened and nothing is kept. Raises ConfigError."""
    check_waivers(door, policy)
    bundle = of_document(read(path, "evidence"))
    stores = naming(bundle.source, bundle.target, bundle.prefixes)
    document = verdict(door, bundle, policy, now, stores)
    return Ended(document, Exit(document["exit"]))


def policy(
    max_age: float | None,
    steady: float | None,
    window: float | None,
    isolate_cache: float | None,
    waivers: Mapping[str, str],
) -> Policy:
    """The policy with what is given; None: the default stays."""
    usual = Policy()
    return Policy(
        max_age=usual.max_age if max_age is None else max_age,
        steady=usual.steady if steady is None else steady,
        window=window,
        isolate_cache=isolate_cache,
        waivers=waivers,
    )


def check_waivers(door: Door, policy: Policy) -> None:
    """Raise ConfigError when a condition is waived that this door does not have."""
    known = [name(question) for question in DOORS[door]]
    for waived in policy.waivers:
        if waived not in known:
            raise ConfigError(
                f"{waived} is no condition of this door", f"--waive takes one of {', '.join(known)}"
            )
