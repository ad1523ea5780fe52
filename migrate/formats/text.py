"""Reports as text: short, aligned, readable by somebody who sees kvferry for the first time.

No colour is used anywhere, so NO_COLOR needs no switch here. The last line says what to type next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.core.document import Document
from migrate.core.ports import Outcome
from migrate.formats.figures import clean, columns, count, duration, named, plural
from migrate.formats.live import live_lines

_PRESENT = (
    ("equal", Outcome.EQUAL, True),
    ("newer here", Outcome.NEWER, True),
    ("waiting to settle", Outcome.WAITING, True),
    ("legacy", Outcome.LEGACY, False),
    ("not compared", Outcome.UNCOMPARED, False),
)
"""What "already present" is made of; False: shown only when there are any."""

_ALONE = (
    ("tombstoned", Outcome.TOMBSTONED),
    ("expired in flight", Outcome.EXPIRED),
    ("deleted in flight", Outcome.DELETED),
    ("quarantined", Outcome.QUARANTINED),
    ("failed", Outcome.FAILED),
    ("ignored", Outcome.IGNORED),
)


def equation(listed: int, tally: Mapping[str, int]) -> str:
    """Law 5 in one line."""
    present = sum(tally.get(outcome, 0) for _, outcome, _ in _PRESENT)
    parts = [f"{word} {count(tally.get(o, 0))}" for word, o, always in _PRESENT if always or tally.get(o, 0)]
    return " + ".join(
        [
            f"listed {count(listed)} = copied {count(tally.get(Outcome.COPIED, 0))}",
            f"updated {count(tally.get(Outcome.UPDATED, 0))}",
            f"already present {count(present)} ({', '.join(parts)})",
            *(
                f"{word} {count(tally.get(outcome, 0))}"
                for word, outcome in _ALONE
                if outcome is not Outcome.IGNORED or tally.get(outcome, 0)
            ),
        ]
    )


def export_text(document: Document) -> str:
    """The export report."""
    tally = document["tally"]
    what = "trial run, nothing was written: " if document["dry_run"] else ""
    head = f"{what}sweep {document['sweep']} of run {document['run']} is {document['state']}"
    lines = [head, *named([*_run(document), ("settle", duration(document["settle_seconds"]))]), ""]
    lines.append(equation(document["listed"], tally))
    if not document["balanced"]:
        accounted = sum(tally.values())
        lines += [
            f"THE ACCOUNT DOES NOT BALANCE: listed {count(document['listed'])}, accounted for "
            f"{count(accounted)}. Do not rely on this copy; keep the report and run the export with --fresh.",
        ]
    if document["equal_by_projection"]:
        lines.append(_projected(document) + ": equal, and left as they are")
    if document["equal_by_json"]:
        number = count(document["equal_by_json"])
        lines.append(f"same json in other bytes {number}: equal, and left as they are")
    if document["deleted_at_source"]:
        lines.append(f"deleted at source {count(document['deleted_at_source'])} (reported, not copied)")
    for word in ("quarantined", "failed"):
        lines += _sampled(word, document[word]["count"], document[word])
    return _end(lines, document)


def verify_text(document: Document) -> str:
    """The verify report."""
    sides = f"source {count(document['source_keys'])}, target {count(document['target_rows'])}"
    lines = [
        f"verify {document['number']} of run {document['run']}: {document['verdict']}",
        *named([*_run(document), ("settle", _settle(document)), ("equality", document["equality"])]),
        "",
        f"compared {plural(document['compared'], 'key')}: {sides}",
        *_proofs(document),
        *_classes(document["classes"]),
    ]
    if document["equal_by_projection"]:
        lines.append(_projected(document) + ": counted as same json")
    if document["legacy_equal"]:
        number = count(document["legacy_equal"])
        lines.append(f"legacy equal {number}: rows from before kvferry, counted as equal or same json")
    if document["against"]:
        lines.append(f"against the copy: {plural(document['against'], 'settled difference')}")
    lines += [f"not proven: {clean(reason)}" for reason in document["unproven_because"]]
    lines += list(_differences(document))
    errors = document["errors"]
    lines += _sampled("unreadable", errors["source"] + errors["target"], errors)
    lines += _sampled("left out", document["skipped"]["count"], document["skipped"])
    return _end(lines, document)


def status_text(document: Document) -> str:
    """The status of the ledger, and of live traffic where it was asked for."""
    lines = [f"ledger {document['ledger']}"]
    if not document["runs"]:
        lines.append("no runs yet")
    for run in document["runs"]:
        lines += ["", f"{run['kind']} {run['run']}, last used {run['last']['iso']}"]
        lines += ["  " + line for line in named(_pair(run))]
        lines += [f"  {_sweep(sweep)}" for sweep in run["sweeps"]]
        lines += [f"  {_verify(verify)}" for verify in run["verifies"]]
        lines += [f"  next: {run['next']}"] if len(document["runs"]) > 1 else []
    for migration in document.get("migrations", ()):
        lines += ["", f"{clean(migration['source'])} to {clean(migration['target'])}"]
        lines += [f"  {line}" for line in _milestones(migration)]
    if document.get("live") is not None:
        lines += ["", *live_lines(document["live"])]
    lines += ["", clean(document["why"])]
    return _end(lines, document)


def _milestones(migration: Document) -> Iterator[str]:
    """Doors, tasks and the end of one migration."""
    for one in migration["doors"]:
        yield (
            f"door {one['door']}: {one['verdict']}, as of {one['issued']['iso']},"
            f" valid until {one['expires']['iso']}"
        )
    for one in migration["tasks"]:
        counted = ", ".join(f"{clean(name)} {count(n)}" for name, n in one["tally"].items() if n)
        line = f"{clean(one['kind'])} {one['number']}: {one['state']}, began {one['started']['iso']}"
        yield line + (f"; {counted}" if counted else "")
    if migration["finished"] is not None:
        yield f"finished since {migration['finished']['iso']}: nothing is copied into the target any more"


def _end(lines: list[str], document: Document) -> str:
    if document.get("note"):
        lines.append(clean(document["note"]))
    return "\n".join([*lines, f"next: {document['next']}"]) + "\n"


def _pair(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    prefixes = ", ".join(clean(prefix) if prefix else "(every key)" for prefix in document["prefixes"])
    return [
        ("source", clean(document["source"])),
        ("target", clean(document["target"])),
        ("prefix", prefixes),
    ]


def _run(document: Document) -> list[tuple[str, str]]:
    started, finished = document["started"], document["finished"]
    took = duration(finished["unix"] - started["unix"])
    pairs = [*_pair(document), ("config", document["configuration"])]
    pairs += [("project", clean(projected_field(one))) for one in document["project"]]
    if document["authority"] is not None:
        pairs.append(("authority", f"{document['authority']} is right about rows from before kvferry"))
    if document["ignored_names"]:
        pairs.append(("left out", ", ".join(clean(one) for one in document["ignored_names"])))
    pairs += [("took", f"{took} ({started['iso']} to {finished['iso']})")]
    if document["requests"]:
        sent = ", ".join(f"{clean(kind)} {count(n)}" for kind, n in document["requests"].items())
        waited = document["throttled_seconds"]
        pairs.append(("requests", sent + (f"; throttled for {duration(waited)}" if waited else "")))
    if document["partial"] is not None:
        pairs.append(("partial", clean(document["partial"])))
    return pairs


def projected_field(entry: Mapping[str, str]) -> str:
    """One entry of the project list, in words."""
    if "ignore" in entry:
        what = f"{entry['ignore']} is ignored"
    else:
        what = f"{entry['rename']} of the source is {entry['to']} of the target"
    return f"{what}: {entry['reason']}"


def _projected(document: Document) -> str:
    return f"equal only by the project list {count(document['equal_by_projection'])}"


def _settle(document: Document) -> str:
    text = f"{duration(document['settle_seconds'])}, {plural(document['rounds'], 'round')}"
    return text if document["rehearsal"] is None else f"{text} (rehearsal: {document['rehearsal']})"


_STATES = ("settled", "open", "unsettled", "healed", "drained")


def _classes(classes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of the classes that have keys; `!` marks those that speak against the copy."""
    rows: list[tuple[str, ...]] = [("class", "keys", *_STATES)]
    for name, found in classes.items():
        if found["keys"]:
            mark = "! " if found["against"] and found["settled"] else "  "
            figures = (count(found[state]) if found[state] else "" for state in _STATES)
            rows.append((mark + name.replace("_", " "), count(found["keys"]), *figures))
    return columns(rows) if len(rows) > 1 else []


def _proofs(document: Document) -> Iterator[str]:
    """What values were compared by, where that was not the values themselves."""
    proofs = {name: number for name, number in document["proofs"].items() if number}
    if set(proofs) - {"bytes"}:
        yield "compared by " + ", ".join(f"{clean(name)} {count(number)}" for name, number in proofs.items())
    if (fast := document.get("fast")) is not None:
        sampled = plural(fast["values_sampled"], "value")
        yield f"of those that a listing proves, 1 in {fast['one_in']}: {sampled} read all the same"
        yield clean(fast["falls_short"])
    if document["json_not_compared"] is not None:
        yield uncompared(document["json_not_compared"])


def uncompared(undecided: Document) -> str:
    """How many keys may hold the same JSON in other bytes, and how to find out; `json_not_compared`."""
    way = f"give {clean(undecided['missing'])}" if undecided["missing"] else "use --recheck"
    return f"JSON was not compared for {plural(undecided['keys'], 'key')}: {way} to find out"


def _differences(document: Document) -> Iterator[str]:
    if document["differences"]:
        yield "differences:"
    for one in document["differences"]:
        fields = f" ({', '.join(one['fields'])})" if one["fields"] else ""
        yield f"  {clean(one['fingerprint'])}  {one['class'].replace('_', ' ')}{fields}, {one['state']}"
        yield f"    source  {side_text(one['source'])}"
        yield f"    target  {side_text(one['target'])}"
        times = f"{one['first_seen']['iso']} to {one['last_seen']['iso']}"
        yield f"    seen    {times}, {plural(one['rounds'] + 1, 'reading')}"
    if document["more"]:
        yield f"  … and {count(document['more'])} more"


def side_text(seen: Mapping[str, Any] | None) -> str:
    """What one side showed under a key, in one line."""
    if seen is None:
        return "not there"
    expiration = seen["expiration"]
    when = expiration if isinstance(expiration, str) else f"{expiration['iso']} ({expiration['unix']})"
    parts = ["tombstone" if seen["tombstone"] else f"{plural(seen['size'], 'byte')}, digest {seen['digest']}"]
    parts.append(f"expires {when}")
    if seen["metadata_digest"] is not None:
        parts.append(f"metadata {seen['metadata_digest']}")
    if seen["version"] is not None:
        parts.append(f"version {seen['version']}")
    if seen["origin"] is not None:
        parts.append(f"origin {seen['origin']}")
    return ", ".join(parts)


def _sampled(word: str, total: int, found: Mapping[str, Any]) -> list[str]:
    if not total:
        return []
    lines = [f"{word} {count(total)}:"]
    for one in found["samples"]:
        side = f"{one['side']}: " if "side" in one else ""
        lines.append(f"  {clean(one['fingerprint'])}  {side}{clean(one['reason'])}")
    return lines + ([f"  … and {count(found['more'])} more"] if found["more"] else [])


def _sweep(sweep: Mapping[str, Any]) -> str:
    total = sweep["listed_total"]
    of = f" of {count(total)}" if total is not None else ""
    when = sweep["started"]["iso"]
    listed, copied = count(sweep["listed"]), count(sweep["tally"].get(Outcome.COPIED, 0))
    return f"sweep {sweep['number']}  {sweep['state']}, since {when}: listed {listed}{of}, copied {copied}"


def _verify(verify: Mapping[str, Any]) -> str:
    states: dict[str, int] = {}
    for by_state in verify["differences"].values():
        for state, number in by_state.items():
            states[state] = states.get(state, 0) + number
    found = ", ".join(f"{count(number)} {state}" for state, number in sorted(states.items())) or "none"
    verdict = f": {verify['verdict']}" if verify["verdict"] else ""
    errors = sum(verify["errors"].values())
    unread = f", {plural(errors, 'read error')}" if errors else ""
    return f"verify {verify['number']}  {verify['state']}{verdict}, differences: {found}{unread}"
