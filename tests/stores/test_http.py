from __future__ import annotations

import logging

import httpx
import pytest

from migrate import __version__
from migrate.errors import ConfigError
from migrate.stores.http import USER_AGENT, client

SECRET_URL = "https://api.test/values/spotify_session%3Aplanted-session-id"


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=dict(request.headers))


def test_the_user_agent_names_product_and_version() -> None:
    with client("https://api.test", transport=httpx.MockTransport(echo)) as http:
        assert http.get("/").json()["user-agent"] == USER_AGENT == f"kvferry/{__version__} (+python)"


def test_headers_that_are_given_are_sent() -> None:
    with client("https://api.test", {"Authorization": "Bearer t"}, httpx.MockTransport(echo)) as http:
        assert http.get("/").json()["authorization"] == "Bearer t"


def test_no_url_is_logged_even_when_everything_else_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with client("https://api.test", transport=httpx.MockTransport(echo)) as http:
        http.get(SECRET_URL)
    logging.getLogger("httpcore.http11").debug("send_request_headers %s", SECRET_URL)
    assert "planted-session-id" not in caplog.text


def test_a_redirect_is_not_followed() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "https://elsewhere.test/"})

    with client("https://api.test", {"Authorization": "Bearer t"}, httpx.MockTransport(away)) as http:
        assert http.get("/").status_code == 302


def test_every_phase_of_a_request_has_a_time_out() -> None:
    with client("https://api.test", transport=httpx.MockTransport(echo)) as http:
        assert http.timeout.connect is not None
        assert http.timeout.read is not None
        assert http.timeout.write is not None


@pytest.mark.parametrize(("base", "proxied"), [("http://127.0.0.1:8787", False), ("https://api.test", True)])
def test_a_proxy_never_stands_before_this_machine(
    base: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    with client(base) as http:
        assert http.trust_env is proxied


@pytest.mark.parametrize(
    "base", ["", "api.cloudflare.com", "ftp://host", "http://", "https://u:hunter2@[", "http://a b"]
)
def test_a_base_url_that_is_none_is_refused_without_repeating_it(base: str) -> None:
    with pytest.raises(ConfigError) as refused:
        client(base)
    assert "CLOUDFLARE_API_BASE_URL" in refused.value.hint
    assert "hunter2" not in f"{refused.value} {refused.value.hint} {refused.value.__context__!r}"
