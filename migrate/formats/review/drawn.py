"""Which plots a report has, and what each shows; a plot without figures is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from migrate.core.document import Document
from migrate.formats.figures import count, duration, plural
from migrate.formats.review.plots import BAD, GOOD, NEUTRAL, OPEN, Bars, Lanes, Line, Span

WIDE = 760.0
"""Units of a plot that fills a page; without this they fit beside a table, or on a telephone."""

_LANES = (
    *("kv", "dual-write", "shadow-read", "object-first", "object-only", "deployment"),
    *("export", "verify", "fence", "audit", "listing", "gate", "finish"),
)
"""In this order; a task's lane comes before the fence."""

_TASKS = _LANES.index("verify") + 0.5

_ALIKE = ("equal", "same_json")
"""Classes that would make all other bars invisible."""

_STATES = {"settled": BAD, "open": OPEN, "unsettled": OPEN, "healed": GOOD, "drained": NEUTRAL}
_OUTCOMES = {"copied": GOOD, "updated": GOOD, "equal": GOOD, "quarantined": BAD, "failed": BAD}
_WAITING = ("waiting_to_settle", "legacy", "present_not_compared")


def stages(document: Document, width: float = 360.0) -> Lanes | None:
    """Which stages were at work, from their first heartbeat to the last."""
    told = document["traffic"]["stages"]
    if not told:
        return None
    rows = [
        (
            f"{one['stage']}, {one['version'][:12]}" if one["version"] else one["stage"],
            [_heard(one)],
        )
        for one in told
    ]
    said = (
        f"{plural(len(rows), 'stage or version', 'stages and versions')}, each from first to last heartbeat."
    )
    return Lanes.of("Stages by their heartbeats", said, rows, _until(document), width)


def _heard(one: Document) -> Span:
    said = f"{one['stage']}: {one['first']['iso']} to {one['last']['iso']}"
    return Span(one["first"]["unix"], one["last"]["unix"], NEUTRAL, said)


def happened(document: Document, width: float = 360.0) -> Lanes | None:
    """The timeline, under the stages that were at work."""
    rows: dict[str, list[Span]] = defaultdict(list)
    for one in document["traffic"]["stages"]:
        rows[one["stage"]].append(_heard(one))
    for one in document["timeline"]:
        if one["what"] != "stage":
            end = None if one["finished"] is None else one["finished"]["unix"]
            said = f"{one['started']['iso']}: {one['what']}, {one['said']}"
            rows[one["what"]].append(Span(one["started"]["unix"], end, one["means"], said))
    lanes = sorted(rows.items(), key=lambda row: _LANES.index(row[0]) if row[0] in _LANES else _TASKS)
    if not rows:
        return None
    said = f"{plural(sum(map(len, rows.values())), 'entry', 'entries')} on {plural(len(rows), 'lane')}."
    return Lanes.of("What happened when", said, lanes, _until(document), width)


def outcomes(account: Document) -> Bars:
    """What became of the keys that an export listed."""
    rows = [
        (_words(term["outcome"]), count(term["keys"]), [(term["keys"], _outcome(term["outcome"]))])
        for term in account["terms"]
        if term["keys"]
    ]
    return Bars.of("What became of the listed keys", f"{count(account['listed'])} keys were listed.", rows)


def classes(account: Document) -> Bars | None:
    """The classes of a verify but those that are alike."""
    rows = []
    for term in account["terms"]:
        if term["keys"] and term["class"] not in _ALIKE:
            rest = term["keys"] - term["settled"] - term["pending"]
            settled = BAD if term["against"] else NEUTRAL
            parts = [(term["settled"], settled), (term["pending"], OPEN), (rest, NEUTRAL)]
            rows.append((_words(term["class"]), count(term["keys"]), parts))
    if not rows:
        return None
    return Bars.of(
        "Keys by class", f"All classes but the {count(_alike(account))} keys that are alike.", rows
    )


def ages(account: Document) -> Bars | None:
    """How long differences have been known, all classes together."""
    if not account["ages"]:
        return None
    parts: dict[int | None, dict[str, int]] = {}
    for one in account["ages"]:
        known = parts.setdefault(one["up_to_seconds"], {BAD: 0, OPEN: 0})
        known[_STATES[one["state"]]] += one["keys"]
    ordered = sorted(parts.items(), key=lambda one: (one[0] is None, one[0] or 0))
    rows = [
        (_up_to(up_to), count(sum(found.values())), [(n, means) for means, n in found.items()])
        for up_to, found in ordered
    ]
    return Bars.of("Differences by age", "How long they have been known, at the last reading.", rows)


def readings(account: Document) -> Bars | None:
    """What had become of differences after how many readings."""
    if not account["readings"]:
        return None
    parts: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for one in account["readings"]:
        parts[one["readings"]].append((one["keys"], _STATES[one["state"]]))
    rows = [
        (f"after {plural(number, 'reading')}", count(int(sum(n for n, _ in found))), found)
        for number, found in sorted(parts.items())
    ]
    return Bars.of("Settling", "Keys that needed more than one look, by the number of readings.", rows)


def lifetimes(account: Document) -> Bars | None:
    """How long the source's sessions have left."""
    if not account["left"]:
        return None
    rows = [(_left(step), count(keys), [(keys, NEUTRAL)]) for step, keys in _steps(account["left"])]
    return Bars.of("What sessions have left", "Sessions of the source by the time to their end.", rows)


def lags(document: Document) -> Line | None:
    """The longest lag of KV that the canary had shown."""
    told = document["traffic"]["lags"]
    if not told:
        return None
    values = [(one["asked"]["unix"], one["seconds"]) for one in told]
    top = duration(max(seconds for _, seconds in values))
    said = f"Asked {plural(len(values), 'time')}; at most {top}."
    return Line.of("How far KV lagged behind", said, values, top)


def _steps(left: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Days, where there are many hours: few bars can be read, fifty cannot."""
    few = 12
    timed = [(int(step), keys) for step, keys in left.items() if step.isdigit()]
    longest = max((step for step, _ in timed), default=0)
    unit = max(3600, -(-longest // few))
    unit = next((one for one in (3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400) if one >= unit), unit)
    groups: dict[int, int] = defaultdict(int)
    for step, keys in timed:
        groups[-(-step // unit) * unit] += keys
    yield from ((str(step), keys) for step, keys in sorted(groups.items()))
    yield from ((step, keys) for step, keys in left.items() if not step.isdigit())


def _left(step: str) -> str:
    return f"up to {duration(int(step))}" if step.isdigit() else {"always": "never end"}.get(step, step)


def _up_to(seconds: int | None) -> str:
    return "longer" if seconds is None else f"up to {duration(seconds)}"


def _outcome(name: str) -> str:
    return OPEN if name in _WAITING else _OUTCOMES.get(name, NEUTRAL)


def _alike(account: Document) -> int:
    return sum(term["keys"] for term in account["terms"] if term["class"] in _ALIKE)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _until(document: Document) -> float:
    return float(document["made"]["unix"])


def shown(rows: Sequence[object]) -> str:
    """`3 rows`, for a table's caption."""
    return plural(len(rows), "row")
