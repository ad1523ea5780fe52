import io
import os
import re

import pytest

from migrate.demo.live.screen import Screen

TERMINAL = {"TERM": "xterm"}


class Terminal(io.StringIO):
    """As much of a terminal as is drawn on: it goes up and clears below."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        lines = [""]
        for part in re.split(r"(\x1b\[\d+A\x1b\[J)", self.getvalue()):
            if found := re.match(r"\x1b\[(\d+)A", part):
                lines = [*lines[: len(lines) - 1 - int(found[1])], ""]
                continue
            first, *others = part.split("\n")
            lines[-1] += first
            lines += others
        return lines


def screen(stream: io.StringIO, table: list[str], size: tuple[int, int] = (80, 24), **env: str) -> Screen:
    return Screen(stream, lambda: list(table), TERMINAL | env, lambda: os.terminal_size(size))


def test_the_table_is_drawn_in_place_below_the_lines() -> None:
    stream, table = Terminal(), ["one 1", "two 2"]
    shown = screen(stream, table)
    shown.say("begun")
    assert stream.shown() == ["begun", ""]
    shown.refresh()
    table[:] = ["one 3", "two 4", "more 5"]
    shown.refresh()
    shown.say("a line")
    assert stream.shown() == ["begun", "a line", "one 3", "two 4", "more 5", ""]
    shown.close()
    shown.close()
    shown.refresh()
    shown.say("the end")
    assert stream.shown() == ["begun", "a line", "", "one 3", "two 4", "more 5", "", "the end", ""]


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colour_or_on_a_dumb_terminal_there_are_only_lines(env: dict[str, str]) -> None:
    stream = Terminal()
    shown = screen(stream, ["one 1"], **env)
    shown.refresh()
    shown.say("a line")
    shown.refresh()
    assert stream.getvalue() == "a line\n"
    shown.close()
    assert stream.getvalue() == "a line\n\none 1\n\n"


def test_where_there_is_no_terminal_there_are_only_lines() -> None:
    stream = io.StringIO()
    shown = screen(stream, ["one 1"])
    shown.refresh()
    shown.say("a line")
    shown.close()
    assert stream.getvalue() == "a line\n\none 1\n\n"


@pytest.mark.parametrize("size", [(79, 24), (80, 1)])
def test_a_small_terminal_gets_the_table_at_the_end_only(size: tuple[int, int]) -> None:
    stream = Terminal()
    shown = screen(stream, ["one 1"], size)
    shown.refresh()
    shown.say("a line")
    assert stream.getvalue() == "a line\n"
    shown.close()
    assert "one 1" in stream.getvalue()
