import pytest

from tests.fake_api.cursors import Cursors
from tests.fake_api.wire import Refusal


def refused(cursors: Cursors, listing: str, cursor: str) -> bool:
    with pytest.raises(Refusal) as no:
        cursors.read(listing, cursor)
    return (no.value.status, no.value.code) == (400, 10041)


def test_a_cursor_leads_behind_its_key_and_is_never_the_same_twice() -> None:
    cursors = Cursors(b"s")
    one, other = cursors.make("l", "ключ\0"), cursors.make("l", "ключ\0")
    assert one != other
    assert cursors.read("l", one) == cursors.read("l", other) == "ключ\0"


def test_a_cursor_of_another_listing_or_forged_or_unescaped_is_refused() -> None:
    cursors = Cursors(b"s")
    cursor = cursors.make("l", "k")
    assert refused(cursors, "other", cursor)
    assert refused(Cursors(b"t"), "l", cursor)
    assert refused(cursors, "l", cursor.replace("+", " "))
    assert refused(cursors, "l", "garbage")
    assert refused(cursors, "l", "+/=")


def test_expired_cursors_are_refused_and_new_ones_work() -> None:
    cursors = Cursors(b"s")
    old = cursors.make("l", "k")
    cursors.expire()
    assert refused(cursors, "l", old)
    assert cursors.read("l", cursors.make("l", "k")) == "k"
