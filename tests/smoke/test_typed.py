"""The operator's command: its list of arguments, its time, what it is told, and the id that it prints."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from migrate.errors import ConfigError, StoreUnavailable
from migrate.smoke import typed
from migrate.smoke.typed import Printed, check, hidden, run, session_of, words_of

SECRET = "planted-5e55-session-id"
CHILD = """import subprocess, sys, time
p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def done(folder: Path, code: str, seconds: float = 30, given: str = "", **environ: str) -> Printed:
    return run("--login", python(code), folder, {**os.environ, **environ}, seconds, given)


def test_words_are_parted_as_by_a_shell_and_no_shell_reads_them(tmp_path: Path) -> None:
    words = words_of("--login", f"{sys.executable} -c 'import sys; print(sys.argv[1])' '$HOME; `id` * > x'")
    printed = run("--login", words, tmp_path, os.environ, 30)
    assert printed.out == "$HOME; `id` * > x\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "  ", "a 'b"])
def test_a_command_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        words_of("--login", text)
    assert "'b" not in caught.value.message


def test_what_cannot_be_started_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="was not started: no such file"):
        run("--login", [f"./{SECRET}"], tmp_path, {}, 5)
    (tmp_path / "plain").write_text("")
    with pytest.raises(ConfigError, match="permission denied") as caught:
        run("--logout", ["./plain"], tmp_path, {}, 5)
    assert caught.value.hint


def test_what_could_not_be_started_is_known_before(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    for words in ([f"./{SECRET}"], ["./plain"], [SECRET], [str(tmp_path / "plain")], [str(tmp_path)]):
        with pytest.raises(ConfigError, match="the command of --logout cannot be run") as caught:
            check("--logout", words, tmp_path, os.environ)
        assert SECRET not in caught.value.message
    (tmp_path / "plain").chmod(0o700)
    for words in (["./plain"], ["true"], [sys.executable]):
        check("--logout", words, tmp_path, os.environ)


def test_it_does_not_get_the_credentials_of_kvferry_and_gets_all_else(tmp_path: Path) -> None:
    code = (
        "import os; print(sorted(n for n in os.environ if n.startswith(('CLOUDFLARE', 'KVFERRY', 'SHOP'))))"
    )
    given = {name: SECRET for one in typed._SECRETS for name in (one, f"{one}_FILE")}
    printed = done(tmp_path, code, SHOP_PASSWORD="x", CLOUDFLARE_ACCOUNT_ID="a", **given)
    assert printed.out.strip() == "['CLOUDFLARE_ACCOUNT_ID', 'SHOP_PASSWORD']"


def test_it_runs_in_the_current_folder_and_is_given_the_id_on_its_input(tmp_path: Path) -> None:
    printed = done(tmp_path, "import os; print(os.getcwd(), input())", given=f"{SECRET}\n")
    assert printed.out.split() == [str(tmp_path), SECRET]
    assert done(tmp_path, "print(1)", given=f"{SECRET}\n").out == "1\n"  # it need not read it


def test_one_that_fails_says_its_exit_code_and_nothing_that_it_printed(tmp_path: Path) -> None:
    printed = done(tmp_path, f"import sys; print('{SECRET}'); sys.exit('{SECRET}')")
    assert printed.problem is not None
    assert printed.problem.message == "the command of --login ended with 1"
    assert SECRET not in printed.problem.message + printed.problem.hint


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    printed = done(tmp_path, f"{CHILD}; print(p.pid, flush=True); time.sleep(60)", seconds=1.5)
    assert time.monotonic() - began < 20
    assert printed.problem is not None
    assert "did not end within 1.5 s" in printed.problem.message
    assert_ended(int(printed.out))


def test_what_it_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    printed = done(tmp_path, f"{CHILD}; print(p.pid)")
    assert printed.problem is None
    assert_ended(int(printed.out))


def assert_ended(pid: int) -> None:
    """It is gone, or waits for somebody to take its exit code."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"it still runs: {state}")


def test_a_flood_of_output_is_read_and_not_kept(tmp_path: Path) -> None:
    printed = done(tmp_path, "import sys; sys.stdout.write('x' * (8 << 20))")
    assert printed.problem is None
    assert len(printed.out) == 1 << 20


# ---------------------------------------------------------------- the id


@pytest.mark.parametrize("out", ["abc", "abc\n", "  abc\r\n\n"])
def test_all_that_is_printed_is_the_id(out: str) -> None:
    assert session_of(Printed(out, "noise"), None) == "abc"


HEADERS = """HTTP/1.1 302 Found
Set-Cookie: other=1; Path=/
set-cookie: sid=first; Path=/; HttpOnly
Set-Cookie: sid=%s; Path=/; HttpOnly; Secure
Content-Type: text/html

<p>sid=page</p>
"""


@pytest.mark.parametrize(
    ("value", "session"), [("abc", "abc"), ('"abc"', "abc"), ("a%3Ab%2Fc", "a:b/c"), ("a=b==", "a=b==")]
)
def test_the_cookie_that_is_set_last_is_the_id(value: str, session: str) -> None:
    assert session_of(Printed(HEADERS.replace("%s", value), ""), "sid") == session


def test_what_is_shown_has_neither_the_id_however_it_is_spelled_nor_any_cookies_value() -> None:
    session = "a:b/c=="
    text = f"""id {session} {quote(session, safe="")} {quote(session)}
set-cookie: sid={quote(session, safe="")}; Path=/
Set-Cookie: csrf={SECRET}
> Cookie: one={SECRET}; two={SECRET}
> authorization: Basic {SECRET}
HTTP/1.1 200 OK"""
    shown = list(hidden(text, session, "#0123"))
    assert shown == [
        "id #0123 #0123 #0123",
        "set-cookie: sid=#0123; Path=/",
        "Set-Cookie: csrf=#0123",
        "> Cookie: one=#0123; two=#0123",
        "> authorization: #0123",
        "HTTP/1.1 200 OK",
    ]
    assert list(hidden(f"Set-Cookie: sid={SECRET}; HttpOnly", "", "")) == ["Set-Cookie: sid=…; HttpOnly"]


@pytest.mark.parametrize(
    ("out", "cookie", "said"),
    [
        ("", None, "nothing on standard output"),
        (f"{SECRET} and more", None, "more than one word"),
        (f"{SECRET}" * 30, None, "too long"),
        (f"Set-Cookie: other={SECRET}", "sid", "no cookie sid"),
        (f"X-Set-Cookie: sid={SECRET}", "sid", "no cookie sid"),
        ("Set-Cookie: sid=; Max-Age=0", "sid", "no cookie sid"),
    ],
)
def test_what_is_no_id_is_refused_and_not_repeated(out: str, cookie: str | None, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said) as caught:
        session_of(Printed(out, ""), cookie)
    assert SECRET not in caught.value.message + caught.value.hint
