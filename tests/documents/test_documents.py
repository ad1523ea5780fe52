"""README, CONTRIBUTING, CHANGELOG and runbooks against the code, in both directions."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from migrate import __version__
from migrate.addresses import parse
from migrate.clock import SystemClock
from migrate.commands.lazy import LazyGroup
from migrate.core.comparing import AGAINST, Kind
from migrate.core.protocol.stages import STAGES
from migrate.errors import ConfigError, Exit
from migrate.main import cli
from migrate.session_store import MemoryNamespace
from migrate.stores.memory import MemoryKv
from tests.documents.command_line import NAMES, command_of, flaw, lines_of, mentions, options_of
from tests.documents.page import anchors_of, links_of, texts_of

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("runbooks/**/*.md")])
SOURCES = sorted(path for folder in ("migrate", "audits") for path in ROOT.glob(f"{folder}/**/*.py"))
README = (ROOT / "README.md").read_text()
WRITTEN = {
    page.relative_to(ROOT).as_posix(): page.read_text()
    for page in [ROOT / "README.md", *sorted(ROOT.glob("runbooks/*.md"))]
    if page.name != "messages.md"
}
"""By hand: without the pages of rules, commands and messages, which are made from the code."""
TOLD = "\n".join(WRITTEN.values())


def section(title: str) -> str:
    """What stands under that heading, whichever page has it; one has."""
    found = [
        re.split(r"^## ", part, maxsplit=1, flags=re.MULTILINE)[0]
        for text in WRITTEN.values()
        for part in re.split(rf"^## {re.escape(title)}\n", text, flags=re.MULTILINE)[1:]
    ]
    assert len(found) == 1, f"{len(found)} parts are called {title}"
    return found[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_documented_command_line_would_be_taken(page: Path) -> None:
    for words, typed in lines_of(page.read_text()):
        assert flaw(words, whole=typed) is None, f"kvferry {shlex.join(words)}: {flaw(words, whole=typed)}"


@pytest.mark.parametrize(
    "line",
    [
        "kvferry exprot",
        "kvferry export --source kv:",
        "kvferry export --source kv: --target sqlit:sessions.db",
        "kvferry export --source kv: --target sqlite:sessions.db --sweeps none",
        "kvferry export --source kv: --target sqlite:sessions.db --sweep 2",
        "kvferry export --source kv: --target sqlite:sessions.db sessions",
        "kvferry gate --for everything",
        "kvferry bridge inti",
        'eval "$(kvferry bridge keys ../bridge --day 3)"',
    ],
)
def test_a_documented_command_line_that_is_none_would_be_seen(line: str) -> None:
    ((words, typed),) = lines_of(f"```sh\n{line}\n```\n")
    assert flaw(words, whole=typed)


def test_every_command_that_a_message_or_a_help_text_names_would_be_taken() -> None:
    for file in SOURCES:
        for line, text in texts_of(file):
            for words in mentions(text):
                assert flaw(words, whole=False) is None, f"{file}:{line}: kvferry {shlex.join(words)}"


def test_a_hint_at_an_option_that_is_none_would_be_seen() -> None:
    (words,) = mentions("it is there already: kvferry export --frehs, or name another file")
    assert flaw(words, whole=False)


def test_every_command_is_documented() -> None:
    for name in NAMES:
        assert f"kvferry {name}" in README, name


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_documented(name: str) -> None:
    known = options_of(name) - {"--help"}
    assert not {option for option in known if not re.search(rf"{option}(?![\w-])", TOLD)}


FOREIGN = {"--all", "--message", "--namespace-id", "--remote", "--short", "--tag"}
"""Of git and of wrangler."""


@pytest.mark.parametrize("page", WRITTEN)
def test_every_option_that_is_spoken_of_exists(page: str) -> None:
    known = set().union(*(options_of(name) for name in NAMES)) | {"--version", "--help"}
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", WRITTEN[page])):
        assert option in known | FOREIGN, option


@pytest.mark.parametrize("name", NAMES)
def test_every_option_and_command_explains_itself(name: str) -> None:
    command = command_of(name)
    assert command.help
    *groups, last = name.split()
    group = command_of(" ".join(groups)) if groups else cli
    assert isinstance(group, LazyGroup)
    assert group.summaries[last].endswith(".")
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert param.help, f"{name} {param.name}"
            assert param.help.rstrip(" )").endswith((".", "]")), f"{name} {param.name}: {param.help}"


def test_the_exit_codes_are_those_of_the_code() -> None:
    table = README.split("## Exit codes")[1].split("## ")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {*map(int, Exit)}


def test_every_class_of_a_verify_is_documented_with_its_weight() -> None:
    rows = [line.split("|")[1:-1] for line in section("The classes").splitlines() if line.startswith("| `")]
    weights = {name: row[1].strip() for row in rows for name in re.findall(r"`([a-z_]+)`", row[0])}
    assert {kind.value for kind in Kind} <= weights.keys()
    for name, weight in weights.items():
        against = name in {kind.value for kind in AGAINST}
        assert weight == "yes" if against else weight.startswith("no"), name


def test_every_address_form_is_documented() -> None:
    table = section("Addresses")
    for word in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE):
        parse(word)
    for scheme in ("kv:", "kv://", "kv+http://", "wrangler:", "dump:", "sqlite:"):
        assert f"| `{scheme}" in table, scheme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    paths = re.findall(r"`((?:migrate|audits|tests|runbooks)/[\w./*-]+)`", text)
    for path in paths:
        assert list(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target, anchor in links_of(page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors_of(there.read_text()), f"{target}#{anchor}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = {ROOT / "README.md"}, [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        for target, _ in links_of(page.read_text()):
            there = (page.parent / target).resolve()
            if target.endswith(".md") and there not in reached:
                reached.add(there)
                ahead.append(there)
    assert set(PAGES) <= reached


def test_a_heading_is_found_by_what_a_link_calls_it() -> None:
    text = "# `kvferry verify`: both *ways*\n\n## The end\n\n## The end\n\n```sh\n# no heading\n```\n"
    assert anchors_of(text) == {"kvferry-verify-both-ways", "the-end", "the-end-1"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"`make ([a-z]+)`|^make ([a-z]+)$", page.read_text(), re.MULTILINE):
        assert (target[0] or target[1]) in targets, target


def test_the_changelog_is_about_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text or f"## [{__version__}]" in text


def test_an_address_in_an_example_would_be_refused_if_it_were_wrong() -> None:
    with pytest.raises(ConfigError):
        parse("sqlit:sessions.db")


def test_the_python_of_the_pages_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    alone, staged = re.findall(r"```python\n(.*?)```", TOLD, re.DOTALL)
    names: dict[str, Any] = {}
    exec(alone, names)
    assert names["sessions"].get("id") is None, "it was deleted"
    for stage in STAGES:
        monkeypatch.setenv("SESSION_STAGE", stage)
        clock = SystemClock()
        names = {"kv": MemoryNamespace(MemoryKv(clock=clock), clock)}
        exec(staged, names)
        names["store"].create(f"id-{stage}", {"userId": "u"}, expiration_ttl=60)
        assert names["whoami"](f"id-{stage}") == (200, "u")
        names["store"].delete(f"id-{stage}")
        assert names["whoami"](f"id-{stage}") == (401, "log in")
