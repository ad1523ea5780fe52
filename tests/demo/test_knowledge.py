import pytest

from migrate.demo.live.knowledge import Known, Wrong


@pytest.mark.parametrize(
    ("ended", "edition", "shown", "wrong"),
    [
        (False, 3, 3, None),
        (False, 3, 2, Wrong.STALE),
        (False, 3, 4, Wrong.STALE),
        (False, 3, None, Wrong.LOGOUT),
        (False, None, 2, None),
        (False, None, None, Wrong.LOGOUT),
        (True, 3, None, None),
        (True, 3, 3, Wrong.BACK),
        (True, None, 3, Wrong.BACK),
        (None, 3, None, None),
        (None, 3, 3, None),
    ],
)
def test_what_a_user_may_see(
    ended: bool | None, edition: int | None, shown: int | None, wrong: Wrong | None
) -> None:
    assert Known("cookie", edition, ended).judge(shown) is wrong


def test_the_last_acknowledged_write_is_owed() -> None:
    session = Known("cookie")
    assert session.judge(0) is None
    session.wrote(5, acknowledged=True)
    assert (session.judge(5), session.judge(0)) == (None, Wrong.STALE)
    session.signed_out(acknowledged=True)
    assert (session.judge(None), session.judge(5)) == (None, Wrong.BACK)


def test_a_write_that_failed_may_happen_at_any_later_time() -> None:
    session = Known("cookie")
    session.wrote(5, acknowledged=False)
    session.wrote(6, acknowledged=True)
    assert (session.judge(5), session.judge(6), session.judge(None)) == (None, None, Wrong.LOGOUT)
    session.signed_out(acknowledged=False)
    assert (session.judge(6), session.judge(None)) == (None, None)


def test_a_session_does_not_show_its_cookie() -> None:
    assert "planted-cookie" not in repr(Known("planted-cookie"))
