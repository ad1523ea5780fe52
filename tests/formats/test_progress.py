from __future__ import annotations

import io

from migrate.formats.progress import PERIOD, Progress


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
