"""The report as Markdown for a pull request: the answer and the doors in sight, the rest folded away.

Nothing in it is markup but what is written here. Where it would be longer than a comment may be, what comes
last is left out, and it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.core.document import Document
from migrate.formats.figures import count, duration, plural
from migrate.formats.markup import code, table, words

MOST = 65_536
"""GitHub's limit of a comment or a description, in characters."""

_ROOM = 1_000
"""Characters that stay free, for the words about what was left out."""

_LONGEST = 400
"""Characters of one sentence of somebody else's; of a command, more."""

_ENTRIES = 60
"""Entries of the timeline, and runs, the newest; the others are counted."""

_WORDS = {"yes": "yes", "no": "no", "unproven": "not shown"}
_SIGNS = {"passed": "✓ passed", "failed": "✗ failed", "unproven": "? unproven", None: "–"}


def markdown_text(document: Document) -> str:
    """The report as Markdown, shorter than MOST."""
    text, left = "", []
    for name, block in _blocks(document):
        if len(text) + len(block) > MOST - _ROOM:
            left.append(name)
        else:
            text += block + "\n"
    if left:
        text += (
            f"_Left out, since a comment has its limit: {', '.join(left)}. The HTML and the JSON have it._\n"
        )
    return text


def _blocks(document: Document) -> Iterator[tuple[str, str]]:
    """What there is to say, the most important first, each with its name."""
    yield "the answer", _head(document)
    yield "waivers", _waivers(document["waivers"])
    for door in document["doors"]:
        yield door["door"], _folded(f"{door['door']}: {_label(door)}", _door(door))
    yield "accounts", _folded(_title("Accounts", document), _accounts(document))
    yield "differences", _folded("Differences", _differences(document))
    yield "cost", _folded("Cost", _cost(document["cost"]))
    yield "what it cannot see", _folded("What this report cannot see", _list(document["unseen"]))
    yield "the timeline", _folded("Timeline", _timeline(document["timeline"]))


def _head(document: Document) -> str:
    answer, of = document["answer"], document["of"]
    origin = "the ledger" if of["place"] == "ledger" else f"a bundle made {of['bundled']['iso']}"
    lines = [
        "## kvferry: may the fallback be deleted?",
        "",
        f"**{_WORDS[answer['word']]}**: {_text(answer['said'])}",
        "",
    ]
    if answer["next"]:
        lines += [f"next: {code(answer['next'])}", ""]
    if document["alarms"]:
        lines += ["**✗ What does not add up**", "", _list(document["alarms"])]
    rows = [
        (door["door"], _label(door), _newest(door), _standings(door), _waived(door))
        for door in document["doors"]
    ]
    lines += [
        *_table(("door", "state", "newest verdict", "conditions now", "waived"), rows),
        "",
        f"{code(document['source'])} → {code(document['target'])}, made {document['made']['iso']} "
        f"by kvferry {_text(document['tool']['version'])} of {origin}: "
        f"{plural(len(of['documents']), 'document')}, digest `{of['evidence_digest']}`",
        "",
    ]
    return "\n".join(lines)


def _waivers(found: Sequence[Document]) -> str:
    if not found:
        return ""
    rows = [
        (one["door"], one["condition"], _SIGNS[one["standing"]], one["reason"], one["last"]["iso"])
        for one in found
    ]
    lines = [f"**! Waived: {plural(len(found), 'condition was let be', 'conditions were let be')}**", ""]
    return "\n".join([*lines, *_table(("door", "condition", "it was", "reason", "last"), rows), ""])


def _label(door: Document) -> str:
    through = door["gone_through"]
    if through is not None and door["state"] != "open":
        return "✓ gone through" if through["open"] else "✗ gone through, not open"
    words = {
        "open": "✓ open",
        "shut": "✗ shut",
        "refused": "✗ refused",
        "expired": "– expired",
        "unasked": "? nobody asked",
    }
    return words.get(door["state"], f"? {door['state']}")


def _newest(door: Document) -> str:
    newest = next((one for one in door["verdicts"] if one["newest"]), None)
    refused = sum(one["refused"] is not None for one in door["verdicts"])
    more = f"; {refused} refused" if refused else ""
    if newest is None:
        return f"none{more}"
    over = "expired" if newest["expired"] else "valid until"
    return f"{newest['verdict']}, {over} {newest['expires']['iso']}{more}"


def _standings(door: Document) -> str:
    found = [one["now"] for one in door["conditions"]]
    return ", ".join(
        f"{found.count(word)} {word}" for word in ("passed", "failed", "unproven") if word in found
    )


def _waived(door: Document) -> str:
    return ", ".join(one["name"] for one in door["conditions"] if one["waived"] is not None) or "–"


def _door(door: Document) -> str:
    rows = [
        (
            one["name"],
            _SIGNS[one["then"]],
            _SIGNS[one["now"]] + (" (waived)" if one["waived"] is not None else ""),
            one["said"],
            "–" if one["age_seconds"] is None else duration(one["age_seconds"]),
        )
        for one in door["conditions"]
    ]
    lines = [_text(door["said"]), ""]
    if door["next"]:
        lines += [f"next: {code(door['next'])}", ""]
    lines += _table(("condition", "newest verdict", "now", "what the evidence says", "age"), rows)
    todo = [one for one in door["conditions"] if one["todo"] and one["waived"] is None]
    if todo:
        lines += ["", *(f"- {_text(one['name'])}: {code(one['todo'])}" for one in todo)]
    if door["verdicts"]:
        lines += ["", *_table(("given", "verdict", "valid until", "waived", "digest"), _given(door))]
    return "\n".join(lines)


def _given(door: Document) -> list[Sequence[str]]:
    return [
        (
            one["issued"]["iso"],
            one["verdict"] + (f", REFUSED: {one['refused']}" if one["refused"] else "") + _own(one),
            one["expires"]["iso"] + (", expired" if one["expired"] else ""),
            ", ".join(one["waived"]) or "–",
            one["sha256"][:12],
        )
        for one in door["verdicts"]
    ]


def _own(verdict: Document) -> str:
    return "".join(f", asked with {one['name']} {one['value']:g}" for one in verdict["policy"])


def _title(word: str, document: Document) -> str:
    holds = all(one["holds"] for one in _runs(document))
    return f"{word}: {'✓ all add up' if holds else '✗ THEY DO NOT ALL ADD UP'}"


def _runs(document: Document) -> list[Document]:
    return [*document["exports"], *document["verifies"], *document["works"]]


def _accounts(document: Document) -> str:
    rows = [
        (
            one["started"]["iso"],
            f"export, sweep {one['sweep']}, {one['state']}",
            _equation(one["listed"], [(term["outcome"], term["keys"]) for term in one["terms"]]),
            _sum(one),
        )
        for one in document["exports"]
    ]
    rows += [
        (
            one["started"]["iso"],
            f"verify {one['number']} at {one['stage']}, {one['verdict']}",
            _equation(one["compared"], [(term["class"], term["keys"]) for term in one["terms"]]),
            _sum(one),
        )
        for one in document["verifies"]
    ]
    rows += [
        (
            one["started"]["iso"],
            f"{one['what']}, {one['state']}",
            _equation(one["total"], list(one["tally"].items())),
            "✓" if one["holds"] else "✗",
        )
        for one in document["works"]
    ]
    rows.sort(reverse=True)
    lines = _table(("when", "run", "account", "adds up"), rows[:_ENTRIES])
    if len(rows) > _ENTRIES:
        lines = [f"The newest {_ENTRIES}; {plural(len(rows) - _ENTRIES, 'run')} before them.", "", *lines]
    return "\n".join(lines)


def _equation(total: int, terms: Sequence[tuple[str, int]]) -> str:
    parts = " + ".join(f"{name.replace('_', ' ')} {count(keys)}" for name, keys in terms if keys)
    return f"{count(total)} = {parts or '0'}"


def _sum(one: Document) -> str:
    return "✓" if one["holds"] else f"✗ accounted for {count(one['accounted'])}"


def _differences(document: Document) -> str:
    if not document["verifies"]:
        return "No verify is in here: nothing says whether the stores agree."
    newest = document["verifies"][0]
    lines = [
        f"Newest verify: {newest['verdict']}, {plural(newest['against'], 'settled difference')} against the "
        f"copy, of {plural(newest['compared'], 'key')}; settled after {duration(newest['settle_seconds'])}.",
        "",
    ]
    rows = [
        (
            term["class"].replace("_", " "),
            count(term["keys"]),
            count(term["settled"]),
            count(term["pending"]),
            "yes" if term["against"] else "no",
        )
        for term in newest["terms"]
        if term["keys"]
    ]
    lines += _table(("class", "keys", "settled", "pending", "against"), rows)
    aged = [
        (
            one["class"].replace("_", " "),
            one["state"],
            "longer" if one["up_to_seconds"] is None else f"up to {duration(one['up_to_seconds'])}",
            count(one["keys"]),
        )
        for one in newest["ages"] or ()
    ]
    if aged:
        lines += ["", *_table(("class", "state", "known for", "keys"), aged)]
    return "\n".join([*lines, *(f"- not proven: {_text(why)}" for why in newest["unproven_because"])])


def _cost(cost: Document) -> str:
    money = cost["currency"]
    total = cost["total"]
    lines = [
        f"{plural(total['requests'], 'request')}, {plural(total['lists'], 'list')}, "
        f"{plural(total['reads'], 'key')} read; throttled for {duration(cost['throttled_seconds'])}.",
    ]
    if cost["billed"]:
        reading = cost["reading"]
        spent = f"{money} {reading['least']:.2f} to {reading['most']:.2f}"
        lines.append(f"Reading KV: {spent} on a paid plan, each key taken for one read.")
    if cost["rows_written"]:
        writing = cost["writing"]
        lines.append(f"Writing objects: {money} {writing['least']:.2f} to {writing['most']:.2f}.")
    return f"{' '.join(lines)} Prices of {cost['dated']}."


def _timeline(entries: Sequence[Document]) -> str:
    signs = {"good": "✓ ", "bad": "✗ ", "open": "◇ "}
    rows = [
        (one["started"]["iso"], one["what"], signs.get(one["means"], "") + one["said"])
        for one in entries[-_ENTRIES:]
    ]
    lines = _table(("when", "what", "what became of it"), rows)
    if (more := len(entries) - len(rows)) > 0:
        lines = [f"The newest {_ENTRIES}; {plural(more, 'entry', 'entries')} before them.", "", *lines]
    return "\n".join(lines)


# ---------------------------------------------------------------- markup


def _folded(title: str, body: str) -> str:
    """`title`: of our own words, which are no markup."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return table(head, [[_text(cell) for cell in row] for row in rows])


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_text(one)}" for one in sentences) + "\n"


def _text(text: str) -> str:
    return words(text, _LONGEST)
