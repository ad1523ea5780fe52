"""README, CONTRIBUTING, CHANGELOG and runbooks against the code, in both directions."""

import re
import shlex
from collections.abc import Iterator
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

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("runbooks/**/*.md")])
README = (ROOT / "README.md").read_text()


def names_of(group: click.Group, before: str = "") -> Iterator[str]:
    """Every command as it is typed; those of a group behind the group."""
    for name in group.list_commands(click.Context(group)):
        yield before + name
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from names_of(command, f"{before}{name} ")


def command_of(name: str) -> click.Command:
    command: click.Command = cli
    for word in name.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None, name
        command = found
    return command


NAMES = tuple(names_of(cli))


def options_of(name: str) -> set[str]:
    return {opt for param in command_of(name).params for opt in param.opts if opt.startswith("--")}


def command_lines(text: str) -> list[list[str]]:
    """Every `kvferry …` line of the code blocks, and of the inline code that has options."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(kvferry [^`]+)`", text)
    return [shlex.split(line, comments=True) for line in lines if line.startswith("kvferry ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_documented_command_line_is_one(page: Path) -> None:
    for words in command_lines(page.read_text()):
        name, rest = words[1], words[2:]
        if name.startswith("-"):
            continue
        if isinstance(command_of(name), click.Group) and rest:
            name, rest = f"{name} {rest[0]}", rest[1:]
        assert name in NAMES, words
        known = options_of(name)
        assert {word for word in rest if word.startswith("--")} <= known, words
        for option in ("--source", "--target"):
            if option in rest and "…" not in (address := rest[rest.index(option) + 1]):
                parse(address)


def test_every_command_is_documented() -> None:
    for name in NAMES:
        assert f"kvferry {name}" in README, name


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_documented(name: str) -> None:
    known = options_of(name) - {"--help"}
    missing = {option for option in known if not re.search(rf"`{option}\b", README) and option not in README}
    assert not missing


def test_every_option_in_the_readme_exists() -> None:
    known = set().union(*(options_of(name) for name in NAMES)) | {"--version", "--help"}
    foreign = {"--limit"}
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)):
        assert option in known | foreign, option


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
    table = README.split("## Verifying")[1].split("## ")[0]
    for line in table.splitlines():
        for name in re.findall(r"`([a-z_]+)`", line.split("|")[1] if line.startswith("|") else ""):
            if name in {kind.value for kind in Kind} and line.split("`")[1] == name:
                against = line.rstrip("| ").rsplit("|", 1)[1].strip() == "yes"
                assert against == (Kind(name) in AGAINST), name
    for kind in Kind:
        assert f"`{kind.value}`" in table, kind


def test_every_address_form_is_documented() -> None:
    table = README.split("## Addresses")[1].split("## ")[0]
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
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
        assert (page.parent / target).exists(), target


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


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    alone, staged = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
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
