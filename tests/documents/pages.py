"""Writes a page for every rule of the audits into runbooks/rules, from the rules' docstrings.

    make pages      write the pages that are stale, also of the commands (`reference.py`) and of the messages;
                    remove those of no rule and no command

`test_pages.py` fails while a page is stale, so that a page never says anything but what its rule does.
"""

import sys
from pathlib import Path

from audits.report import word
from audits.rules import RULES, documentation
from audits.rules.rule import Rule
from tests.documents import messages, reference, written

FOLDER = Path(__file__).parents[2] / "runbooks" / "rules"
INDEX = "README.md"


def name(rule: Rule) -> str:
    """`KV002-put-without-ttl.md`."""
    return f"{rule.code}-{rule.name}.md"


def pages() -> dict[str, str]:
    """Every page's text by its name, the index among them."""
    return {INDEX: _index()} | {name(rule): _page(rule) for rule in RULES}


def stale(folder: Path = FOLDER) -> dict[str, str | None]:
    """What is not as it should be, see `written`."""
    return written.stale(folder, pages())


def write(folder: Path = FOLDER) -> list[str]:
    """Make the folder what it should be; returns the names of what was changed."""
    return written.write(folder, pages())


def _page(rule: Rule) -> str:
    source = f"audits/rules/{rule.name.replace('-', '_')}.py"
    return "\n".join(
        [
            f"<!-- made from {source} by make pages: change it there -->",
            "",
            f"# {rule.name} ({rule.code})",
            "",
            f"{_weight(rule).capitalize()}. `kvferry rules {rule.name}` prints the same. "
            f"[All rules]({INDEX})",
            "",
            documentation.of(rule).markdown,
        ]
    )


def _index() -> str:
    rows = [
        f"| {rule.code} | [{rule.name}]({name(rule)}) | {_weight(rule)} | {rule.summary} |" for rule in RULES
    ]
    return "\n".join(
        [
            "<!-- made from audits/rules by make pages: change it there -->",
            "",
            "# What kvferry audit looks for",
            "",
            "A page for each rule: what it finds, why that matters, code that is wrong, code that is right,",
            "and what to do. `kvferry rules` lists them too; `kvferry rules put-without-ttl` explains one.",
            "",
            "| code | rule | severity | finds |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _weight(rule: Rule) -> str:
    """The worst that the rule reports, and whether it has to be asked for."""
    return word(rule.severity) + (", only with `--pedantic`" if rule.pedantic else "")


if __name__ == "__main__":
    for changed in write():
        sys.stdout.write(f"runbooks/rules/{changed}\n")
    for changed in written.write(reference.FOLDER, reference.pages()):
        sys.stdout.write(f"runbooks/reference/{changed}\n")
    if messages.stale():
        messages.PAGE.write_text(messages.page(), encoding="utf-8")
        sys.stdout.write("runbooks/messages.md\n")
