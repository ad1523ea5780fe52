import pytest

from migrate.access_token import find_access_token
from migrate.errors import ConfigError

NEW = ("CLOUDFLARE_ACCESS_CLIENT_ID", "CLOUDFLARE_ACCESS_CLIENT_SECRET")
OLD = ("CF_ACCESS_CLIENT_ID", "CF_ACCESS_CLIENT_SECRET")
PLANTED = ("planted-id.access", "planted-secret")


def test_without_the_variables_there_is_none() -> None:
    assert find_access_token({}) is None
    assert find_access_token(dict.fromkeys(NEW + OLD, "")) is None


@pytest.mark.parametrize("names", [NEW, OLD])
def test_both_halves_become_the_headers_that_access_reads(names: tuple[str, str]) -> None:
    token = find_access_token(dict(zip(names, PLANTED, strict=True)))
    assert token is not None
    assert token.headers() == {"CF-Access-Client-Id": PLANTED[0], "CF-Access-Client-Secret": PLANTED[1]}
    assert "planted" not in repr(token)


def test_wranglers_names_come_first() -> None:
    old = dict.fromkeys(OLD, "other")
    token = find_access_token({**old, **dict(zip(NEW, PLANTED, strict=True))})
    assert token is not None
    assert token.id.reveal() == PLANTED[0]


@pytest.mark.parametrize("names", [NEW, OLD])
@pytest.mark.parametrize(
    ("halves", "at_fault"),
    [(("", "planted"), 0), (("planted", ""), 1), (("planted\r\nX: y", "s"), 0), (("s", "plänted"), 1)],
)
def test_what_is_no_token_is_said_and_not_shown(
    names: tuple[str, str], halves: tuple[str, str], at_fault: int
) -> None:
    with pytest.raises(ConfigError, match=names[at_fault]) as caught:
        find_access_token(dict(zip(names, halves, strict=True)))
    said = caught.value.message + caught.value.hint
    assert "planted" not in said
    assert "plänted" not in said
