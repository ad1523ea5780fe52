"""The plan as text: what was found, the checks with what to do, the figures, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.core.document import Document
from migrate.formats.figures import clean, count, duration, named, plural

_HEADS = {
    "ready": "ready: nothing stands in the way",
    "not ready": "NOT READY: {failed}",
    "unfinished": "unfinished: {note}",
}
_MARKS = {"ok": "ok", "note": "note", "failed": "FAILED"}


def plan_text(document: Document) -> str:
    """The plan."""
    failed = sum(check["standing"] == "failed" for check in document["checks"])
    counted = plural(failed, "precondition has FAILED", "preconditions have FAILED")
    head = _HEADS[document["verdict"]].format(failed=counted, note=clean(document["note"]))
    lines = [f"plan, {head}", "", *named(list(_found(document))), "", "checks"]
    lines += _checks(document["checks"])
    lines += ["", "figures", *("  " + line for line in named(list(_figures(document)))), ""]
    lines += _steps(document["steps"])
    return "\n".join(lines) + "\n"


def _found(document: Document) -> Iterator[tuple[str, str]]:
    yield "source", clean(document["source"])
    for one in document["found"]:
        where = f"from {clean(one['where'])}" if one["value"] is not None else clean(one["where"])
        yield "  " + one["what"], where if one["value"] is None else f"{clean(one['value'])}  ({where})"
    yield "target", clean(document["target"] or "none given")
    yield "prefix", ", ".join(clean(prefix) if prefix else "(every key)" for prefix in document["prefixes"])


def _checks(checks: list[Mapping[str, str]]) -> list[str]:
    width = max((len(check["name"]) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"  {_MARKS[check['standing']]:6}  {check['name']:{width}}  {clean(check['said'])}")
        if check["todo"]:
            lines.append(f"  {'':6}  {'':{width}}  → {clean(check['todo'])}")
    return lines


def _figures(document: Document) -> Iterator[tuple[str, str]]:
    listing = document["listing"]
    least = "" if listing["complete"] else "at least "
    metadata = f"{count(listing['with_metadata'])} with metadata"
    longest = f", the longest {plural(listing['longest_key_bytes'], 'byte')}" if listing["keys"] else ""
    yield "keys", f"{least}{count(listing['keys'])} ({metadata}{longest})"
    if listing["keys"]:
        yield "expire", _expirations(document)
    estimate = document["estimate"]
    if estimate is None:
        yield "cost", "nothing is limited or billed: no request goes to Cloudflare"
        return
    one = estimate["pass"]
    lists, bulk = plural(one["lists"], "list"), plural(one["bulk_reads"], "bulk read")
    yield (
        "requests",
        f"{least}{count(one['requests'])} for an export ({lists} + {bulk}), "
        "as many for a verify and for each further sweep",
    )
    yield "", "more for values that are big or not text, and for what changes meanwhile"
    yield "time", _time(estimate["seconds"])
    if estimate["budget"] is not None:
        yield "budget", _budget(estimate["budget"])
    yield "cost", _cost(estimate["cost"])
    yield "free plan", _free(estimate["free_plan"])


def _expirations(document: Document) -> str:
    found, now = document["listing"]["expirations"], document["finished"]["unix"]
    now += document["clock_skew_seconds"] or 0.0
    parts = [f"{count(found['never'])} never"]
    if found["dated"]:
        first, last = (duration(max(0.0, found[end]["unix"] - now)) for end in ("soonest", "latest"))
        parts.append(f"{count(found['dated'])} in {first} to {last}")
    parts += [f"{count(found[name])} {word}" for name, word in _ODD if found[name]]
    return ", ".join(parts)


_ODD = (("expired", "expired already"), ("unknown", "unknown"))


def _time(seconds: Mapping[str, Any]) -> str:
    speed = seconds["sessions_per_second_at_ceiling"]
    at = f" ({speed:.0f} sessions/s)" if speed else ""
    return (
        f"{duration(seconds['at_rate'])} for either at --rate {seconds['rate']}, "
        f"{duration(seconds['at_ceiling'])} at Cloudflare's ceiling of {seconds['ceiling']}{at}"
    )


def _budget(budget: Mapping[str, Any]) -> str:
    kinds = [kind for kind in ("reads", "lists") if budget[f"{kind}_per_day"] is not None]
    limits = " and ".join(f"{count(budget[f'{kind}_per_day'])} {kind} a day" for kind in kinds)
    spent = " and ".join(f"{count(budget[f'{kind}_spent_today'])} {kind}" for kind in kinds)
    return f"{limits}, of which {spent} spent today: {_days(budget)}"


def _days(found: Mapping[str, Any]) -> str:
    if found["export_days"] is None:
        return "it never ends"
    return f"the export ends on day {found['export_days']}, the verify on day {found['both_days']}"


def _cost(cost: Mapping[str, Any]) -> str:
    both = f"{_usd(cost['least'])} to {_usd(cost['most'])}"
    amount = both if _usd(cost["least"]) != _usd(cost["most"]) else _usd(cost["most"])
    return (
        f"{amount} for an export and a verify on a paid plan, by what the month still includes "
        f"({cost['currency']}, prices of {cost['dated']})"
    )


def _usd(amount: float) -> str:
    return "$0" if amount == 0 else "under $0.01" if amount < 0.01 else f"${amount:,.2f}"


def _free(free: Mapping[str, Any]) -> str:
    limits = f"{count(free['reads_per_day'])} reads and {count(free['lists_per_day'])} lists a day"
    return f"{limits}, your application's included: {_days(free)}; keep below with --budget"


def _steps(steps: list[Mapping[str, str]]) -> list[str]:
    lines = []
    for number, step in enumerate(steps):
        lines.append(f"{'then' if number else 'next'}: {step['command']}")
        lines.append(f"      {clean(step['why'])}")
    return lines
