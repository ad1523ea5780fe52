from __future__ import annotations

from migrate.core.fingerprint import Fingerprints
from migrate.core.record import Key
from migrate.formats.samples import samples, without
from tests.formats.conftest import KEY, PLANTED, PREFIX


def test_a_reason_that_holds_its_own_key_does_not_show_it(fingerprints: Fingerprints) -> None:
    mark = f"#{fingerprints.of(KEY)}"
    text = f"GET {KEY} failed: no {PLANTED} here"
    assert without(text, KEY, [PREFIX], fingerprints) == f"GET {mark} failed: no {mark} here"


def test_a_short_rest_is_no_session_id_and_does_not_garble_words(fingerprints: Fingerprints) -> None:
    assert without("expiration is unknown", Key("x:is"), ["x:"], fingerprints) == "expiration is unknown"


def test_the_rest_of_many_is_counted(fingerprints: Fingerprints) -> None:
    shown, more = samples([(KEY, "gone")], 5, [PREFIX], fingerprints)
    assert shown == [{"fingerprint": f"{PREFIX}#{fingerprints.of(KEY)}", "reason": "gone"}]
    assert more == 4
