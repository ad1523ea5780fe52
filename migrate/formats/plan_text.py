"""The plan as text: what was found, the checks with what to do, the figures, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.core.document import Document
from migrate.formats.figures import bytes_text, clean, count, duration, named, plural
from migrate.formats.plan_recipe_text import recipe_text

_HEADS = {
    "ready": "ready: nothing stands in the way",
    "not ready": "NOT READY: {failed}",
    "unproven": "unproven: nothing that was seen stands in the way, but not everything could be looked at",
    "unfinished": "unfinished: {note}",
}
_MARKS = {"ok": "ok", "note": "note", "unproven": "unproven", "failed": "FAILED"}


def plan_text(document: Document) -> str:
    """The plan."""
    failed = sum(check["standing"] == "failed" for check in document["checks"])
    counted = plural(failed, "precondition has FAILED", "preconditions have FAILED")
    head = _HEADS[document["verdict"]].format(failed=counted, note=clean(document["note"]))
    lines = [f"plan, {head}", "", *named(list(_found(document))), "", "checks"]
    lines += _checks(document["checks"])
    lines += _applications(document["applications"])
    lines += ["", "figures", *("  " + line for line in named(list(_figures(document))))]
    for one in document["writing"]:
        lines += [
            "",
            f"  {writing_head(one)}",
            *("    " + line for line in named(list(_written(one, document["estimate"])))),
        ]
    if document["recipe"] is not None:
        lines += recipe_text(document["recipe"])
    lines.append("")
    lines += _steps(document["steps"])
    return "\n".join(lines) + "\n"


def _found(document: Document) -> Iterator[tuple[str, str]]:
    yield "source", clean(document["source"])
    for one in document["found"]:
        value = "not shown" if one["value"] is None else clean(one["value"])
        yield "  " + one["what"], f"{value}  (from {clean(one['where'])})"
    yield "target", clean(document["target"] or "none given")
    yield "prefix", ", ".join(clean(prefix) if prefix else "(every key)" for prefix in document["prefixes"])


def _checks(checks: list[Mapping[str, str]]) -> list[str]:
    width = max((len(check["name"]) for check in checks), default=0)
    marks = max([6, *(len(_MARKS[check["standing"]]) for check in checks)])
    lines = []
    for check in checks:
        mark = _MARKS[check["standing"]]
        lines.append(f"  {mark:{marks}}  {check['name']:{width}}  {clean(check['said'])}")
        if check["todo"]:
            lines.append(f"  {'':{marks}}  {'':{width}}  → {clean(check['todo'])}")
    return lines


def _applications(found: Mapping[str, Any] | None) -> list[str]:
    """What no list tells, and what may be pasted for all that nobody has named."""
    if found is None:
        return []
    lines = ["", "nobody can list these; see to them yourself", *(f"  {one}" for one in found["cannot_see"])]
    if found["paste"]:
        head = "for kvferry.toml, once it is true; fenced = true and reason fence a Worker or project off too"
        lines += ["", head, *(f"  {line}" if line else "" for line in found["paste"].splitlines())]
    return lines


def _figures(document: Document) -> Iterator[tuple[str, str]]:
    listing = document["listing"]
    if not listing["pages"]:
        yield "keys", "not known: nothing could be listed"
        return
    least = "" if listing["complete"] else "at least "
    metadata = f"{count(listing['with_metadata'])} with metadata"
    longest = f", the longest {plural(listing['longest_key_bytes'], 'byte')}" if listing["keys"] else ""
    yield "keys", f"{least}{count(listing['keys'])} ({metadata}{longest})"
    if listing["keys"]:
        yield "expire", _expirations(document)
    estimate = document["estimate"]
    if estimate is None:
        whose = "no request" if document["bridge"] is None else "no request of the source's"
        yield "limits", f"none, and no cost: {whose} goes to Cloudflare"
        return
    one = estimate["pass"]
    lists, bulk = plural(one["lists"], "list"), plural(one["bulk_reads"], "bulk read")
    yield (
        "requests",
        f"{least}{count(one['requests'])} for an export ({lists} + {bulk}), as many for a verify",
    )
    yield "", "and for each further sweep; more for values that are big or not text, and for changes"
    yield "time", _time(estimate["seconds"])
    yield "cost", _cost(estimate["cost"])
    if estimate["least"]:
        return
    if estimate["budget"] is not None:
        yield "budget", _budget(estimate["budget"])
    free = estimate["free_plan"]
    limits = f"{count(free['reads_per_day'])} reads and {count(free['lists_per_day'])} lists a day"
    yield "free plan", f"{limits}, the application's included: {_days(free)}"


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
        f"about {duration(seconds['at_rate'])} for either at --rate {seconds['rate']}, "
        f"{duration(seconds['at_ceiling'])} at Cloudflare's ceiling of {seconds['ceiling']}{at}"
    )


def _budget(budget: Mapping[str, Any]) -> str:
    kinds = [kind for kind in ("reads", "lists") if budget[f"{kind}_per_day"] is not None]
    limits = " and ".join(f"{count(budget[f'{kind}_per_day'])} {kind} a day" for kind in kinds)
    spent = " and ".join(f"{count(budget[f'{kind}_spent_today'])} {kind}" for kind in kinds)
    return f"{limits}, of which {spent} spent today: {_days(budget)}"


def _days(found: Mapping[str, Any]) -> str:
    if found["export_days"] is None or found["both_days"] is None:
        return "it never ends"
    if found["both_days"] == 1:
        return "an export and a verify fit into today's"
    return f"an export ends on day {found['export_days']}, a verify after it on day {found['both_days']}"


def _cost(cost: Mapping[str, Any]) -> str:
    most, dated = _usd(cost["most"]), f"({cost['currency']}, prices of {cost['dated']})"
    if cost["least"]:
        return f"{_usd(cost['least'])} to {most} for an export and a verify {dated}"
    return f"{most} for an export and a verify, nothing within a paid plan's included part {dated}"


def writing_head(one: Mapping[str, Any]) -> str:
    """Which placement the figures are of."""
    how = ", as the bridge is set" if one["asked"] else ", for comparison"
    return f"a copy into Durable Objects, {one['placement']}{how}"


def _written(one: Mapping[str, Any], estimate: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Its figures; `estimate`: of the source's requests, None where they are not limited."""
    least = "at least " if one["least"] else ""
    asked = f"{count(one['object_requests'])} of objects, {count(one['bridge_requests'])} of the bridge"
    yield "requests", f"{least}{asked}, beside those of the source"
    if estimate is None:
        yield "time", "what the bridge needs for its requests, one after the other"
    else:
        pace = duration(estimate["seconds"]["at_rate"])
        yield "time", f"the source's requests set the pace, {pace}; the bridge answers beside them"
    yield (
        "written",
        f"{least}{plural(one['rows_written'], 'row')} in {plural(one['objects'], 'object')}, alarms included",
    )
    sure = ", if values have 1 KiB each" if one["stored_assumes_value_sizes"] else ""
    stored = f"about {bytes_text(one['stored_bytes'])}{sure}"
    yield "stored", f"{stored}: {_usd(one['storage_per_month'])} a month beyond what the plan includes"
    cost = one["cost"]
    between = (
        f"{_usd(cost['least'])} to" if cost["least"] else "nothing within a paid plan's included part, or"
    )
    yield "cost", f"{between} {_usd(cost['most'])} ({cost['currency']}, prices of {cost['dated']})"
    yield "free plan", f"its daily limits last for it on day {count(one['free_plan_days'])}"
    yield "latency", one["latency"]


def _usd(amount: float) -> str:
    return "under $0.01" if amount < 0.01 else f"${amount:,.2f}"


def _steps(steps: list[Mapping[str, str]]) -> list[str]:
    lines = []
    for number, step in enumerate(steps):
        lines.append(f"{'then' if number else 'next'}: {step['command']}")
        lines.append(f"      {clean(step['why'])}")
    return lines
