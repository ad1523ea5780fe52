import re
from importlib import resources

import pytest

from migrate.core.names import ALL, CANARY, Names, sessions
from migrate.core.ports import Cursor, Page
from migrate.core.record import NEVER, Head, Key, Record


def test_the_canarys_key_is_the_session_stores() -> None:
    calls = resources.files("migrate").joinpath("edge/src/stats-calls.ts").read_text()
    assert re.findall(r'CANARY_KEY = "(.*)"', calls) == [CANARY]


@pytest.mark.parametrize(
    ("globs", "prefixes", "left_out"),
    [
        ((), ("",), (CANARY,)),
        ((), ("spotify_session:", "kvferry:"), (CANARY,)),
        ((), (CANARY,), (CANARY,)),
        ((), ("spotify_session:", f"{CANARY}s"), ()),
        (("admin:*",), ("a", "k"), ("admin:*", CANARY)),
        (("admin:*",), ("a",), ("admin:*",)),
    ],
)
def test_the_canary_is_left_out_and_told_wherever_a_prefix_covers_it(
    globs: tuple[str, ...], prefixes: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    names = Names(globs, prefixes)
    assert names.left_out == left_out
    assert names.match(CANARY)


def test_nothing_else_is_left_out() -> None:
    for key in ("", "kvferry:", "kvferry:canary2", "kvferry:canar", "s:kvferry:canary"):
        assert not ALL.match(Key(key))


@pytest.mark.parametrize("valued", [True, False])
def test_a_page_of_sessions_has_all_but_the_canary(valued: bool) -> None:
    keys = [Key("a"), CANARY, Key("z")]
    heads = [Head(key, NEVER, None) for key in keys]
    records = [Record(key, b"v", None, NEVER) for key in keys] if valued else None
    page = sessions(Page(heads, Cursor("on"), records))
    assert [head.key for head in page.heads] == ["a", "z"]
    assert page.next == "on"
    assert (page.records and [one.key for one in page.records]) == (["a", "z"] if valued else None)
    assert sessions(page) is page
