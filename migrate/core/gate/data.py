"""Questions about the data: what was copied, whether the stores agree, and what only KV has."""

from __future__ import annotations

from collections.abc import Collection

from migrate.core.comparing import Kind, Stage
from migrate.core.gate.asking import Answer, Asked, counted, no, span, unknown, yes
from migrate.core.gate.evidence import Exported, Listed, Verified
from migrate.core.gate.policy import MINUTE

_SERVED_WRONG = (Kind.VALUE, Kind.METADATA, Kind.EXPIRATION, Kind.LEGACY, Kind.LEGACY_STALE)
"""What object-first would show to people, since it serves the row as it is. Not a missing row: the fallback
imports it."""
_KV_LACKS = (Kind.EXTRA, Kind.LEGACY_EXTRA)
_ONLY_IN_KV = (Kind.MISSING, Kind.QUARANTINED)
"""What object-only would lose."""


def export_complete(asked: Asked) -> Answer:
    """Was everything copied that was listed, and does the accounting hold; or was there nothing to copy?"""
    export = asked.type("export")
    last_verify = asked.verified
    if not asked.evidence.exports and last_verify is not None and _nothing_to_copy(last_verify):
        said = "nothing was exported, and no session is in KV only: dual writes have brought them all"
        return yes(said, last_verify, again=asked.verify())
    whole = [one for one in asked.evidence.exports if one.whole]
    if not whole:
        return unknown("no export of all sessions has finished", export)
    last: Exported = whole[-1]
    if not last.balanced:
        return no("the accounting of the last export does not hold", f"{export}, and report it", last)
    lost = last.quarantined + last.failed
    if lost:
        said = counted(lost, "session was", "sessions were") + " not copied (quarantined or failed)"
        return no(said, export, last)
    return yes("everything that was listed is accounted for", last, again=export)


def _nothing_to_copy(verify: Verified) -> bool:
    """The end of a drain: a verify that looked at everything found nothing in KV only."""
    looked = verify.whole and verify.full and not verify.rehearsed and verify.keys > 0 and not verify.unread
    return looked and not any(verify.settled.get(one) or verify.pending.get(one) for one in _ONLY_IN_KV)


def verify_full(asked: Asked) -> Answer:
    """Is there a verify of every key and value, both ways, that settled for long enough?"""
    verify, last = asked.verify(), asked.verified
    if last is None:
        return unknown("nothing was verified", verify)
    for holds, short in (
        (last.whole, "did not look at everything"),
        (last.full, "believed a listing (--fast)"),
        (not last.rehearsed, "was a rehearsal (--settle too short)"),
    ):
        if not holds:
            return unknown(f"the last verify {short}", verify, last)
    if last.unread or last.unnamed:
        said = f"the last verify could not judge {counted(last.unread + last.unnamed, 'key', 'keys')}"
        return unknown(said, verify, last)
    if not last.keys:
        return unknown("the last verify saw no key on either side", verify, last)
    return yes(counted(last.keys, "key was", "keys were") + " compared, both ways", last, again=verify)


def horizon_long_enough(asked: Asked) -> Answer:
    """Is H, as the verify used it, longer than KV and every cache can be stale?"""
    live, audited, last = asked.evidence.live, asked.evidence.audited, asked.verified
    if audited is None:
        return unknown("no audit says how long readers keep what they read", asked.audit, last)
    if audited.kept and asked.policy.isolate_cache is None:
        said = (
            counted(audited.kept, "place keeps", "places keep")
            + " sessions in the isolate, nobody said how long"
        )
        todo = "read them with kvferry audit --inventory, then pass --isolate-cache SECONDS"
        return unknown(said, todo, audited, last)
    if live is None or live.canary is None or live.canary.lag is None:
        return unknown("no canary has measured how far KV lags", "let the application run for a while", live)
    if last is None:
        return unknown("nothing was verified", asked.verify())
    said = f"differences settled for {span(last.horizon)}; {span(asked.horizon)} are needed"
    if last.horizon < asked.horizon:
        todo = asked.verify(f"--settle {asked.horizon:.0f}")
        return unknown(said, todo, live, audited, last)
    return yes(said, live, audited, last, again=asked.verify())


def verify_after_older_stages(asked: Asked) -> Answer:
    """Did it begin when nobody wrote KV alone any more, and nothing of theirs was on its way?"""
    gone, last = asked.gone(Stage.SHADOW_READ), asked.verified
    if last is None or gone is None:
        why = "nothing was verified" if last is None else "no heartbeat was heard"
        return unknown(why, asked.verify(), last, asked.evidence.live)
    after = last.started - gone
    if after < asked.horizon:
        said = "the last verify began before kv and dual-write had been gone for long enough"
        return unknown(said, asked.verify(), last, asked.evidence.live)
    since = "none was ever seen" if gone == float("-inf") else f"they had been gone for {span(after)}"
    said = f"the verify began after the last kv and dual-write isolates: {since}"
    return yes(said, last, asked.evidence.live, again=asked.verify())


def nothing_written_since(asked: Asked) -> Answer:
    """Were no import and no sweep at work from before the verify until now?"""
    last, fenced, verify = asked.verified, asked.evidence.fenced, asked.verify()
    if last is None:
        return unknown("nothing was verified", verify)
    if fenced is None or fenced.since is None:
        return unknown("the fence is down: sweeps may have replaced rows", verify, last, fenced)
    if fenced.since > last.started:
        return unknown("the fence went up after the verify had begun", verify, last, fenced)
    nobody = float("-inf")
    leased = nobody if fenced.leased is None else fenced.leased
    if max((leased, *(one.at for one in asked.evidence.exports))) > last.started - asked.policy.lease:
        said = "an export or another writer to the target ended too shortly before the verify, or after it"
        return unknown(said, verify, last, fenced)
    said = "the fence was up before the verify began, and nobody has held the target's lease since"
    return yes(said, last, fenced, again=verify)


def not_rolled_back(asked: Asked) -> Answer:
    """Was nothing given back to KV since the last verify: is the target still right about what it was?"""
    last, back = asked.verified, asked.evidence.rolled_back
    if last is None:
        return unknown("nothing was verified", asked.verify(), back)
    if back is None:
        return yes("nothing was rolled back", last, again=asked.verify())
    if last.started <= back.at:
        said = "a rollback has begun" if not back.whole else "rows were rolled back"
        return unknown(f"{said}, and nothing was verified since", asked.verify(), back, last)
    return yes("the last verify began after the last rollback", last, again=asked.verify())


def stores_agree(asked: Asked) -> Answer:
    """Is there no row that object-first would serve and that is wrong?"""
    export = asked.type("export", "--lift-fence")
    return _none_of(asked, _SERVED_WRONG, ("differs", "differ", "differ"), f"{export}, then {asked.verify()}")


def nothing_that_kv_lacks(asked: Asked) -> Answer:
    """Is there no copied row whose session KV does not have: deleted there, or never finished?"""
    fenced = asked.evidence.fenced
    lift = f"{asked.type('export', '--lift-fence')}, then " if fenced is not None and fenced.since else ""
    todo = f"{lift}{asked.type('repair', '--tombstone-deleted')}, then {asked.verify()}"
    return _none_of(asked, _KV_LACKS, _only("in the target and not in KV"), todo)


def nothing_only_in_kv(asked: Asked) -> Answer:
    """Is every live session of KV in the target, or does KV have none?"""
    if (drained := _drained(asked)) is not None:
        return drained
    last = asked.verified
    if last is not None and last.stage is not Stage.OBJECT_FIRST and last.stage is not Stage.OBJECT_ONLY:
        return unknown("the last verify was made for an earlier stage", _second(asked), last)
    gone = asked.gone(Stage.OBJECT_FIRST)
    if last is not None and (gone is None or last.started < gone):
        said = "the last verify is not known to have begun after the last isolate of an earlier stage"
        return unknown(said, _second(asked), last, asked.evidence.live)
    todo = f"{asked.type('repair')}, then {_second(asked)}"
    return _none_of(asked, _ONLY_IN_KV, _only("in KV only"), todo)


def kv_quiet(asked: Asked) -> Answer:
    """Does nobody write KV any more: two listings, far enough apart, that are the same?"""
    todo = "kvferry gate --for cleanup again, at least H later: each makes a listing"
    gone, listings = asked.gone(Stage.OBJECT_ONLY), asked.evidence.listings
    if gone is None:
        return unknown("no heartbeat was heard", "bind MIGRATION_STATS in the application")
    late = [one for one in listings if one.started - gone >= asked.horizon]
    if not late:
        return unknown("KV was not listed since the last isolate that writes it is gone", todo)
    last = late[-1]
    early = [one for one in late if last.started - one.at >= asked.horizon]
    if not early:
        return unknown("KV was listed once", todo, last)
    if _lasting(early[-1], last.at) != _lasting(last, last.at):
        return no(
            "KV has changed between two listings: somebody writes it",
            "find out who writes KV",
            early[-1],
            last,
        )
    return yes(
        f"two listings {span(last.started - early[-1].at)} apart are the same", early[-1], last, again=todo
    )


def _lasting(listed: Listed, when: float) -> dict[float, str]:
    """What it had of the sessions that end in hours which begin well after `when`."""
    return {hour: digest for hour, digest in listed.hours.items() if hour > when + MINUTE}


def _drained(asked: Asked) -> Answer | None:
    """The proof by drain: nothing was left in KV, twice, after everything must have expired."""
    gone = asked.gone(Stage.OBJECT_FIRST)
    longest = max((one.longest or 0.0 for one in asked.evidence.verifies), default=None)
    lasting = any(one.lasting for one in asked.evidence.verifies)
    if gone is None or longest is None or lasting:
        return None
    empty = [
        one
        for one in asked.evidence.listings
        if not one.keys and one.started >= gone + longest + asked.horizon
    ]
    if len(empty) < 2 or empty[-1].started - empty[0].at < asked.horizon:
        return None
    said = "KV has drained: two empty listings after the longest session must have ended"
    return yes(said, empty[0], empty[-1], again="kvferry gate, which makes a listing")


def _second(asked: Asked) -> str:
    return asked.type("verify", "--stage object-first")


def _only(where: str) -> tuple[str, str, str]:
    return f"is {where}", f"are {where}", f"be {where}"


def _none_of(asked: Asked, kinds: Collection[Kind], what: tuple[str, str, str], todo: str) -> Answer:
    """`what` of one session, of several, and of some that may be so."""
    one, several, maybe = what
    last: Verified | None = asked.verified
    if last is None:
        return unknown("nothing was verified", asked.verify())
    if settled := sum(last.settled.get(kind, 0) for kind in kinds):
        return no(counted(settled, f"session {one}", f"sessions {several}"), todo, last)
    if pending := sum(last.pending.get(kind, 0) for kind in kinds):
        return unknown(counted(pending, "session", "sessions") + f" may {maybe}: not settled yet", todo, last)
    return yes(f"no session {one}", last, again=asked.verify())
