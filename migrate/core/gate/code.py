"""Questions about the code and the rules: who else may write KV, and whether all went by the same rules."""

from __future__ import annotations

from migrate.core.gate.asking import Answer, Asked, counted, no, unknown, yes
from migrate.core.gate.evidence import Exported, Verified


def audit_clean(asked: Asked) -> Answer:
    """Does the deployed commit write no session to KV past the session store?"""
    audited, tagged = asked.evidence.audited, asked.evidence.tagged
    if audited is None:
        return unknown("no audit of the deployed commit", asked.audit)
    if not audited.whole:
        return unknown("the audit did not read every file", asked.audit, audited)
    if audited.writes:
        places = (
            counted(audited.writes, "place writes", "places write")
            + " a session to KV past the session store"
        )
        return no(places, "kvferry rewrite --to store", audited)
    if audited.dirty or audited.revision is None:
        return unknown("the audit was not made of a commit", asked.audit, audited)
    if tagged is None:
        todo = "deploy with --tag, the commit's hash"
        return unknown("the deployed version does not say of which commit it is", todo, audited)
    if not (len(tagged) >= 7 and audited.revision.startswith(tagged)):
        return unknown("the audit is of another commit than the deployed one", asked.audit, audited)
    return yes(
        "the deployed commit writes sessions through the session store only", audited, again=asked.audit
    )


def no_foreign_writer(asked: Asked) -> Answer:
    """Did nobody write KV without the session store's mark?"""
    verify, last = asked.verify(), asked.verified
    if last is None or last.foreign is None:
        return unknown("no verify looked for values without the session store's mark", verify, last)
    if last.foreign:
        said = counted(
            last.foreign,
            "session in KV differs and does not bear the session store's mark",
            "sessions in KV differ and do not bear the session store's mark",
        )
        return no(said, "find the old deployment, preview or job that writes KV, and end it", last)
    return yes("whatever KV has of its own bears the session store's mark", last, again=verify)


def one_configuration(asked: Asked) -> Answer:
    """Did every export and verify go by the same rules?"""
    verify = asked.verify()
    runs: list[Exported | Verified] = [*asked.evidence.exports[-1:], *asked.evidence.verifies[-1:]]
    if not runs:
        return unknown("nothing was exported or verified", verify)
    if len({one.configuration for one in runs}) > 1:
        return no(
            "export and verify went by different rules", f"{verify}, with the export's configuration", *runs
        )
    # What an export went by does not grow old: the verify that looked at its rows is what must be young.
    return yes("export and verify went by the same rules", runs[-1], again=verify)
