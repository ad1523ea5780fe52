"""Questions about who is at work: stages and versions, by heartbeats and by what is deployed."""

from __future__ import annotations

from migrate.core.canary import Standing
from migrate.core.gate.asking import Answer, Asked, no, span, unknown, yes

FALLBACK_HIT = "fallback_hit"
"""The session store's counter of sessions that only KV had."""

_BEATS = 3
"""So many heartbeats may be missed by somebody who is at work."""
_STATUS = "kvferry status"


def stage_everywhere(asked: Asked) -> Answer:
    """Is the stage that the door needs all that is at work, and has it been for long enough?"""
    live, needed = asked.evidence.live, asked.needed
    gone = asked.gone(needed)
    if live is None or gone is None:
        return unknown("no heartbeat was heard", "bind MIGRATION_STATS in the application", live)
    deploy = f"deploy SESSION_STAGE={needed} to 100 %"
    if gone > live.at:
        earlier = {one.stage for one in live.heartbeats if one.stage.before(needed)}
        at_work = {one.stage for one in live.heartbeats if one.last + live.beat_every > live.at}
        return no(f"still at work: {', '.join(sorted(earlier & at_work))}", deploy, live)
    there = [one for one in live.heartbeats if not one.stage.before(needed)]
    if not there:
        return no(f"nobody was seen at {needed}", deploy, live)
    silent = live.at - max(one.last for one in there)
    if silent > _BEATS * live.beat_every:
        return unknown(f"nobody was heard for {span(silent)}", "send the application a request", live)
    alone = live.at - max(gone, min(one.first for one in there))
    wanted = max(asked.steady, asked.horizon)
    said = f"{needed} is all that has been at work for {span(alone)}"
    if alone < wanted:
        return unknown(said, f"ask again in {span(wanted - alone)}", live)
    return yes(said, live, again=_STATUS)


def one_version(asked: Asked) -> Answer:
    """Is one version deployed to 100 %, for long enough, and is it the one whose isolates are heard?"""
    live, deployed = asked.evidence.live, asked.evidence.deployed
    if deployed is None:
        return unknown("Cloudflare was not asked what is deployed", "export CLOUDFLARE_API_TOKEN=…")
    whole = [version for version, percent in deployed.versions.items() if percent >= 100]
    if len(deployed.versions) != 1 or not whole:
        shares = ", ".join(f"{percent:g} %" for percent in deployed.versions.values())
        return no(f"several versions are deployed ({shares})", "deploy one version to 100 %", deployed)
    for_ = asked.now - deployed.since
    said = f"one version is deployed, for {span(for_)}"
    wanted = max(asked.policy.steady, asked.horizon)
    if for_ < wanted:
        return unknown(said, f"ask again in {span(wanted - for_)}", deployed)
    if live is None:
        return unknown(
            f"{said}, but no heartbeat was heard", "bind MIGRATION_STATS in the application", deployed
        )
    heard = {one.version for one in live.heartbeats if one.last + live.beat_every > live.at - wanted}
    if "" in heard:
        return unknown(
            f"{said}, but isolates do not say which they are of",
            "bind version_metadata as CF_VERSION_METADATA",
            deployed,
            live,
        )
    if others := heard - set(whole):
        last = max(one.last for one in live.heartbeats if one.version in others)
        if last + live.beat_every > live.at:
            said = f"{said}, but isolates of {len(others)} more are at work"
            return no(said, "disable previews and version URLs, and deploy again", deployed, live)
        silent = live.at - last
        said = f"{said}, but isolates of {len(others)} more were heard until {span(silent)} ago"
        return unknown(said, f"ask again in {span(wanted + live.beat_every - silent)}", deployed, live)
    return yes(said, deployed, live, again=_STATUS)


def fallback_unused(asked: Asked) -> Answer:
    """Did nobody need the fallback for the whole window, and would it have been counted?"""
    live = asked.evidence.live
    if live is None or live.since is None:
        return unknown("nobody counted the fallback's hits", "bind MIGRATION_STATS in the application", live)
    window = asked.steady
    canary = live.canary
    if canary is None or canary.standing is not Standing.COUNTED:
        said = "nothing shows that the fallback's hits are counted" if canary is None else canary.said
        if canary is not None and canary.standing is Standing.UNCOUNTED:
            return no(said, "deploy the session store and MigrationStats of this release", live)
        return unknown(said, "send the application a request at object-first, and ask again", live)
    counted = live.at - live.since
    quiet = min(counted, live.at - live.rose.get(FALLBACK_HIT, live.since))
    said = f"no session was found in KV only for {span(quiet)}, and the canary was counted"
    if quiet < window:
        return unknown(said, f"ask again in {span(window - quiet)}", live)
    return yes(said, live, again=_STATUS)
