"""The report as a document: everything a reviewer needs, made of evidence and of nothing else. Pure."""

from __future__ import annotations

from migrate.core.document import Document, envelope, moment
from migrate.errors import Exit
from migrate.formats.verdict import digest_of
from migrate.reporting.accounts import exports, verifies, works
from migrate.reporting.blind import blind_spots
from migrate.reporting.doors import answer, doors
from migrate.reporting.material import Material
from migrate.reporting.spending import spending
from migrate.reporting.timeline import timeline
from migrate.reporting.traffic import traffic
from migrate.reporting.verdicts import rulings, waivers

NAME = "report"
VERSION = 1


def build_report(material: Material) -> Document:
    """The report, version 1. Its exit is AGAINST when an account does not hold, or a verdict does not check
    out against its evidence: what a door is, its gate says."""
    bundle = material.bundle
    found = rulings(material)
    copied, compared = exports(bundle.exhibits), verifies(bundle.exhibits)
    done, live = works(material.history.works), traffic(bundle.exhibits)
    opened = doors(material, found, live)
    alarms = [
        *(
            f"the account of {_run('sweep', one, 'sweep')} does not hold"
            for one in copied
            if not one["holds"]
        ),
        *(
            f"the account of {_run('verify', one, 'number')} does not hold"
            for one in compared
            if not one["holds"]
        ),
        *(
            f"the account of the {one['what']} of {one['started']['iso']} does not hold"
            for one in done
            if not one["holds"]
        ),
        *(
            f"the verdict on {one.door} of {one.document['issued']['iso']}: {one.refused}"
            for one in found
            if one.refused
        ),
    ]
    finished = material.history.finished
    return {
        **envelope(NAME, VERSION),
        "source": bundle.source,
        "target": bundle.target,
        "prefixes": list(bundle.prefixes),
        "made": moment(material.now),
        "of": {
            "place": material.place.value,
            "bundled": None if material.bundled is None else moment(material.bundled),
            "sha256": material.sha256,
            "evidence_digest": digest_of([one.digest for one in bundle.exhibits]),
            "documents": [
                {"kind": one.kind, "at": moment(one.at), "sha256": one.digest} for one in bundle.exhibits
            ],
        },
        "exit": int(Exit.AGAINST if alarms else Exit.CLEAN),
        "answer": answer(opened, finished),
        "alarms": alarms,
        "waivers": waivers(found),
        "doors": opened,
        "finished": None if finished is None else moment(finished),
        "timeline": timeline(material, copied, compared, found, live),
        "exports": copied,
        "verifies": compared,
        "works": done,
        "traffic": live,
        "cost": spending(material, copied, compared),
        "unseen": blind_spots(material, compared),
    }


def _run(what: str, one: Document, number: str) -> str:
    return f"{what} {one[number]}, begun {one['started']['iso']},"
