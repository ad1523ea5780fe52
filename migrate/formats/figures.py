"""How figures look to people: counts, durations, times, shares, and aligned columns."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def count(number: int) -> str:
    """`1,234,567`."""
    return f"{number:,}"


def no_key(prefixes: Sequence[str]) -> str:
    """What to say of prefixes under which the source lists nothing; "" when there are none."""
    if not prefixes:
        return ""
    if "" in prefixes:
        return "the source has no key at all"
    shown = " or ".join(f'"{clean(prefix)}"' for prefix in prefixes)
    return f"no key of the source begins with {shown}: is the prefix right?"


def unsaid_authority(rows: int) -> str:
    """What to say of so many rows from before kvferry that differ, while nobody has said which store is
    right; "" when there are none."""
    if not rows:
        return ""
    are = f"{plural(rows, 'row')} from before kvferry {'differs' if rows == 1 else 'differ'}"
    return f"{are}, and only you can say which store is right: --authority kv or --authority target"


def plural(number: int, noun: str, many: str = "") -> str:
    """`1 key`, `2 keys`, `2 entries`."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"


def bytes_text(number: int) -> str:
    """`640 MB`, `1.2 GB`: two digits are enough."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= unit:
            figure = number / unit
            return f"{figure:.1f} {name}" if figure < 9.95 else f"{figure:,.0f} {name}"
    return plural(number, "byte")


def duration(seconds: float) -> str:
    """The two largest units: `2 d 3 h`, `4 min 34 s`, `12 s`, `0.4 s`."""
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    rest = round(seconds)
    for at, (size, unit) in enumerate(_UNITS):
        if rest >= size:
            major, rest = divmod(rest, size)
            small, name = _UNITS[min(at + 1, 3)]
            minor = rest // small if small < size else 0
            return f"{major} {unit}" + (f" {minor} {name}" if minor else "")
    return "0 s"


def rate(per_second: float) -> str:
    """`364/s`, `2.5/s`, `6/min` for what is slower than one a second."""
    if per_second >= 10:
        return f"{count(round(per_second))}/s"
    if per_second >= 1:
        return f"{per_second:.1f}/s"
    return f"{per_second * 60:.1f}/min"


def columns(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows as aligned lines: the first column to the left, the others (figures) to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return [
        (indent + "  ".join(_cell(cell, widths[at], at) for at, cell in enumerate(row))).rstrip()
        for row in rows
    ]


def _cell(text: str, width: int, at: int) -> str:
    return text.ljust(width) if at == 0 else text.rjust(width)


def named(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """`name  value` lines, the names padded to one width."""
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"{name.ljust(width)}  {value}".rstrip() for name, value in pairs]


def clean(text: str) -> str:
    """Text from elsewhere on one line: control characters are shown as escapes, not obeyed."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
