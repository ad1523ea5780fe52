from __future__ import annotations

import io
import json
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

from migrate.formats.progress import PERIOD, Progress, Style
from migrate.formats.standing import failure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class SetClock:
    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_plain_lines_come_at_most_once_a_period() -> None:
    stream, clock = io.StringIO(), SetClock()
    progress = Progress(stream, clock)
    progress.start("export", total=100_000)
    for _ in range(99):
        clock.sleep(1)
        progress.advance(1000)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 99 // PERIOD
    assert lines[0] == "export: 10,000 keys of 100,000 (10 %), 1,000/s, 1 min 30 s left"


def test_a_last_line_says_how_much_and_how_long() -> None:
    stream, clock = io.StringIO(), SetClock()
    with Progress(stream, clock) as progress:
        progress.start("verify")
        clock.sleep(3)
        progress.advance()
    assert stream.getvalue() == "verify: 1 key in 3 s\n"


def test_rate_and_time_left_count_only_this_process() -> None:
    stream, clock = io.StringIO(), SetClock()
    progress = Progress(stream, clock)
    progress.start("export", total=2000, done=1000)
    clock.sleep(PERIOD)
    progress.reach(1100)
    assert stream.getvalue() == "export: 1,100 keys of 2,000 (55 %), 10/s, 1 min 30 s left\n"


def test_without_a_total_there_is_no_time_left_until_it_is_known() -> None:
    stream, clock = io.StringIO(), SetClock()
    progress = Progress(stream, clock)
    progress.start("export")
    clock.sleep(PERIOD)
    progress.reach(100)
    clock.sleep(PERIOD)
    progress.reach(200, total=400)
    assert stream.getvalue().splitlines() == [
        "export: 100 keys, 10/s",
        "export: 200 keys of 400 (50 %), 10/s, 20 s left",
    ]


def test_the_cause_of_throttling_is_named_until_it_ends() -> None:
    stream, clock = io.StringIO(), SetClock()
    progress = Progress(stream, clock)
    progress.start("export")
    clock.sleep(PERIOD)
    progress.throttled("--rate 600/300")
    clock.sleep(PERIOD)
    progress.throttled(None)
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith(", waiting: --rate 600/300")
    assert "waiting" not in lines[1]


def test_quiet_says_nothing_at_all() -> None:
    for stream in (io.StringIO(), Terminal()):
        clock = SetClock()
        progress = Progress(stream, clock, quiet=True, environ={})
        progress.start("export", total=10)
        clock.sleep(100)
        progress.advance(10)
        progress.throttled("a reason")
        progress.say("a line")
        progress.finish()
        assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_without_colours_that_is_gone_at_the_end() -> None:
    stream, clock = Terminal(), SetClock()
    progress = Progress(stream, clock, environ={"TERM": "xterm", "NO_COLOR": "1"})
    progress.start("export", total=10)
    progress.reach(5)
    progress.throttled("--rate 600/300")
    progress.say("a line of its own")
    clock.sleep(1)
    progress.finish()
    text = stream.getvalue()
    assert "50%" in text
    assert "--rate 600/300" in text
    assert "\x1b[3" not in text  # colours
    assert "a line of its own\n" in text
    assert text.endswith("export: 5 keys in 1 s\n")


def test_a_dumb_terminal_gets_lines() -> None:
    stream = Terminal()
    with Progress(stream, SetClock(), environ={"TERM": "dumb"}) as progress:
        progress.start("export", total=10)
        progress.advance(10)
    assert stream.getvalue() == "export: 10 keys in 0 s\n"


def test_nothing_is_shown_before_the_start_or_after_the_end() -> None:
    stream, clock = io.StringIO(), SetClock()
    progress = Progress(stream, clock)
    progress.throttled("early")
    progress.reach(5)
    progress.start("export")
    progress.finish()
    clock.sleep(100)
    progress.advance(5)
    progress.finish()
    assert stream.getvalue() == "export: 0 keys in 0 s\n"


def test_control_characters_in_a_cause_are_not_obeyed() -> None:
    stream, clock = io.StringIO(), SetClock()
    progress = Progress(stream, clock)
    progress.start("ex\x1b[2Jport")
    clock.sleep(PERIOD)
    progress.throttled("429\r\n\x1b[31m")
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


SCHEMA = json.loads((resources.files("migrate") / "schemas" / "progress.v1.json").read_text())


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines as objects, each of which keeps the schema."""
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    for one in found:
        Draft202012Validator(SCHEMA).validate(one)
    return found


def test_json_has_the_numbers_of_the_plain_lines_once_a_second() -> None:
    stream, clock = Terminal(), SetClock()
    progress = Progress(stream, clock, style=Style.JSON)
    progress.start("export", total=2000, done=1000)
    for _ in range(20):
        clock.sleep(PERIOD / 20)
        progress.advance(5)
    *_, last = found = events(stream)
    assert [one["event"] for one in found] == ["start"] + ["progress"] * 10
    assert last == {
        "schema": "kvferry/progress",
        "version": 1,
        "event": "progress",
        "at": 1010.0,
        "task": "export",
        "unit": "key",
        "done": 1100,
        "total": 2000,
        "resumed_from": 1000,
        "seconds": 10.0,
        "rate": 10.0,
        "left": 90.0,
        "waiting": None,
    }


def test_json_says_at_once_why_it_waits_and_that_it_has_ended() -> None:
    stream, clock = io.StringIO(), SetClock()
    with Progress(stream, clock, style=Style.JSON) as progress:
        progress.start("verify")
        progress.throttled("--rate 600/300")
        progress.say("a note\x1b[2J of\nits own")
        progress.throttled(None)
        progress.reach(7)
    found = events(stream)
    assert [one["event"] for one in found] == ["start", "progress", "note", "progress", "end"]
    assert [one.get("waiting") for one in found] == [None, "--rate 600/300", None, None, None]
    assert (found[-1]["done"], found[-1]["total"], found[-1]["left"]) == (7, None, None)
    assert "\x1b" not in found[2]["text"]


def test_a_failure_is_a_line_of_the_same_document() -> None:
    stream = io.StringIO(failure("it broke", "", 3, 1.0))
    assert events(stream)[0]["exit"] == 3


def test_without_progress_only_notes_are_shown_and_quiet_goes_before_every_style() -> None:
    for style, quiet in ((Style.NONE, False), *((style, True) for style in Style)):
        stream, clock = Terminal(), SetClock()
        progress = Progress(stream, clock, style=style, quiet=quiet, environ={"TERM": "xterm"})
        progress.start("export", total=10)
        clock.sleep(100)
        progress.advance(5)
        progress.throttled("a reason")
        progress.say("a note")
        progress.finish()
        assert stream.getvalue() == ("" if quiet else "a note\n")


def test_plain_is_lines_on_a_terminal_too() -> None:
    stream = Terminal()
    with Progress(stream, SetClock(), style=Style.PLAIN, environ={"TERM": "xterm"}) as progress:
        progress.start("export", total=10)
        progress.advance(10)
    assert stream.getvalue() == "export: 10 keys in 0 s\n"
