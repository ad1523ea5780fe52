"""The one httpx client factory: time-outs, connection reuse, user agent, and silence about URLs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

import httpx

from migrate import __version__
from migrate.errors import ConfigError

USER_AGENT = f"kvferry/{__version__} (+python)"

TIMEOUTS = httpx.Timeout(connect=10.0, read=60.0, write=60.0, pool=None)
"""Seconds. `read` is the longest silence inside an answer; waiting for a connection is no failure."""

CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=60.0)

_NAME = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def client(
    base_url: str,
    headers: Mapping[str, str] | None = None,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """A client to be shared by threads. Redirects are not followed: they could carry off a token.

    Proxies from the environment serve any host but this one. Raises ConfigError for a base URL
    that is not http(s)://HOST; its text may hold a password, so the message does not repeat it.
    """
    _hush()
    host = _host(base_url)
    return httpx.Client(
        base_url=base_url,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json, */*;q=0.1", **(headers or {})},
        timeout=TIMEOUTS,
        limits=CONNECTIONS,
        follow_redirects=False,
        trust_env=host not in _LOOPBACK,
        transport=transport,
    )


def _host(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not _NAME.fullmatch(url.raw_host):
        raise ConfigError(
            "the API's base URL is not http(s)://HOST[:PORT][/PATH]",
            "unset CLOUDFLARE_API_BASE_URL, or set it to https://api.cloudflare.com/client/v4",
        )
    return url.host


def _hush() -> None:
    """Keep httpx and httpcore from logging: at INFO they write URLs, which hold keys and cursors."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
