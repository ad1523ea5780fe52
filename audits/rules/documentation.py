"""Reads a rule's documentation: the sections of its module's docstring, and the code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audits.rules.rule import Rule

SECTIONS = ("what", "why", "bad", "good", "remedy")
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Documentation:
    """`title` is the first sentence; `sections` in order, Markdown; `bad` and `good` the examples."""

    title: str
    sections: tuple[tuple[str, str], ...]
    bad: tuple[str, ...]
    good: tuple[str, ...]

    @property
    def markdown(self) -> str:
        """The whole as one Markdown page without its heading."""
        parts = [self.title, *(f"## {name.capitalize()}\n\n{text}" for name, text in self.sections)]
        return "\n\n".join(parts) + "\n"


def of(rule: Rule) -> Documentation:
    """The documentation of a rule, in its parts."""
    title, *rest = re.split(r"^## (\w+)\n", rule.documentation, flags=re.MULTILINE)
    sections = tuple((name.lower(), text.strip()) for name, text in zip(rest[::2], rest[1::2], strict=True))
    named = dict(sections)
    return Documentation(title.strip(), sections, _code(named.get("bad", "")), _code(named.get("good", "")))


def _code(text: str) -> tuple[str, ...]:
    return tuple(_FENCE.findall(text))
