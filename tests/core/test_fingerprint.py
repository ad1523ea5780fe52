from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.fingerprint import Fingerprints

SECRET = bytes(range(32))
KEY = "spotify_session:planted-8d1f"


def test_a_fingerprint_is_twelve_hex_digits_of_hmac_sha256() -> None:
    expected = hmac.new(SECRET, KEY.encode(), hashlib.sha256).hexdigest()[:12]
    assert Fingerprints(SECRET).of(KEY) == expected


def test_another_secret_gives_another_fingerprint() -> None:
    assert Fingerprints(SECRET).of(KEY) != Fingerprints(bytes(32)).of(KEY)


def test_a_key_is_shown_as_its_prefix_and_fingerprint() -> None:
    fingerprints = Fingerprints(SECRET)
    assert fingerprints.shown(KEY, "spotify_session:") == f"spotify_session:#{fingerprints.of(KEY)}"


@pytest.mark.parametrize("prefix", ["", "admin:", KEY, KEY + "x"])
def test_a_prefix_that_does_not_fit_or_is_the_whole_key_is_not_shown(prefix: str) -> None:
    fingerprints = Fingerprints(SECRET)
    assert fingerprints.shown(KEY, prefix) == f"#{fingerprints.of(KEY)}"


def test_the_longest_fitting_prefix_is_shown() -> None:
    shown = Fingerprints(SECRET).shown_among(KEY, ["spotify", "admin:", "spotify_session:", KEY])
    assert shown.startswith("spotify_session:#")


@given(st.text(min_size=1, max_size=40), st.text(max_size=5))
def test_nothing_behind_the_prefix_is_ever_shown(rest: str, prefix: str) -> None:
    shown = Fingerprints(SECRET).shown(prefix + rest, prefix)
    assert shown == f"{prefix}#{Fingerprints(SECRET).of(prefix + rest)}"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_secret_of_another_length_is_refused_without_being_shown(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprints(bytes(length))


def test_the_secret_does_not_show_in_the_representation() -> None:
    assert SECRET.hex() not in repr(Fingerprints(SECRET))
    assert repr(SECRET) not in repr(Fingerprints(SECRET))
