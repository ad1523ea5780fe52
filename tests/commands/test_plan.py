from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.formats.report import validate
from migrate.main import run
from tests.fake_api import ACCOUNT, NAMESPACE, PREFIX, TOKEN, Cut, Entry, FakeServer, Reply

KV = f"kv://{ACCOUNT}/{NAMESPACE}"
SESSION = "planted-5e55-session-id"
VALUE = "planted-value"

Shown = tuple[int, str, str]


@pytest.fixture
def kvferry(
    fake: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Shown]:
    """Types a command in an empty folder, against the fake: exit code, standard output and error."""
    for name in ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN_FILE", "CLOUDFLARE_ENV", "CF_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", fake.url)
    monkeypatch.chdir(tmp_path)
    fake.api.namespace.load((f"{PREFIX}{SESSION}{n}", Entry(VALUE.encode())) for n in range(1200))

    def typed(*words: str) -> Shown:
        code = run(["plan", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return typed


def test_a_plan_needs_no_option_in_a_project_of_wrangler(kvferry: Callable[..., Shown]) -> None:
    Path("wrangler.jsonc").write_text(
        json.dumps({"account_id": ACCOUNT, "kv_namespaces": [{"binding": "S", "id": NAMESPACE}]})
    )
    code, out, err = kvferry()
    assert code == 0
    assert out.startswith("plan, ready: nothing stands in the way\n")
    assert f"{NAMESPACE}  (from wrangler.jsonc, binding S)" in out
    assert f"next: kvferry export --source kv: --target sqlite:sessions.db --prefix {PREFIX}\n" in out
    assert err.startswith("plan: 1,200 keys in ")


def test_the_same_words_as_the_other_commands(kvferry: Callable[..., Shown], tmp_path: Path) -> None:
    code, out, err = kvferry("--source", KV, "--json", "--quiet", "--output", "text=plan.txt")
    document = json.loads(out)
    validate(document, "plan")
    assert (code, err, document["listing"]["keys"]) == (0, "", 1200)
    assert (tmp_path / "plan.txt").read_text().startswith("plan, ready")
    assert (tmp_path / "plan.txt").stat().st_mode & 0o777 == 0o600


def test_a_format_that_a_plan_does_not_have_is_refused_before_anything_is_asked(
    kvferry: Callable[..., Shown], fake: FakeServer
) -> None:
    code, out, err = kvferry("--source", KV, "--format", "junit")
    assert (code, out) == (2, "")
    assert "choose one of text, json" in err
    assert fake.api.stats.requests == 0


def test_an_unnamed_worker_is_exit_1_and_what_is_pasted_names_it(
    kvferry: Callable[..., Shown], fake: FakeServer
) -> None:
    fake.api.workers.deploy("shop").keeps(NAMESPACE)
    code, out, _ = kvferry("--source", KV)
    assert code == 1
    assert "FAILED  application  Worker shop is bound to it as SESSIONS: nobody has named it" in out
    start = out.index("  [[application]]")
    pasted = out[start : out.index("\n\n", start)]
    Path("kvferry.toml").write_text("\n".join(line[2:] for line in pasted.splitlines()))
    code, out, _ = kvferry("--source", KV)
    assert code == 0
    assert "ok      application  Worker shop is bound to it as SESSIONS; part of the migration" in out


def test_what_may_not_be_listed_is_exit_3(kvferry: Callable[..., Shown], fake: FakeServer) -> None:
    fake.api.faults.add(Reply(403, 10000), on="pages")
    code, out, _ = kvferry("--source", KV)
    assert code == 3
    assert out.startswith("plan, unproven: ")
    assert "unproven  application" in out
    assert "Cloudflare Pages Read" in out
    assert "next: kvferry plan " in out


def test_options_come_from_the_configuration_too(kvferry: Callable[..., Shown]) -> None:
    Path("kvferry.toml").write_text(f'source = "{KV}"\n[plan]\nrate = "500/300"\ntarget = "sqlite:c.db"\n')
    code, out, _ = kvferry()
    assert code == 0
    assert f"--source {KV} --target sqlite:c.db --prefix {PREFIX} --rate 500/300\n" in out


def test_a_failed_precondition_is_exit_1_and_a_wrong_call_exit_2(
    kvferry: Callable[..., Shown], fake: FakeServer
) -> None:
    assert kvferry("--source", KV, "--target", "sqlite:none/x.db")[0] == 1
    code, out, err = kvferry("--source", "kv:")
    assert (code, out) == (2, "")
    assert "hint:" in err


def test_a_spent_budget_prints_the_plan_and_the_error_and_is_exit_3(kvferry: Callable[..., Shown]) -> None:
    code, out, err = kvferry("--source", KV, "--budget", "lists=1/day")
    assert code == 3
    assert "at least 1,000" in out
    assert "kvferry: the budget of 1 lists a day" in err


def well(fake: FakeServer) -> None:
    pass


def forbidden(fake: FakeServer) -> None:
    fake.api.tokens.clear()


def skewed(fake: FakeServer) -> None:
    fake.api.skew = 3600


def wrong(fake: FakeServer) -> None:
    fake.api.namespaces.clear()


def flaky(fake: FakeServer) -> None:
    fake.api.faults.add(Cut(0.5), on="list", nth=[1])


def disobedient(fake: FakeServer) -> None:
    message = f"no {TOKEN} for {PREFIX}{SESSION}"
    fake.api.faults.add(Reply(400, 1, message), on=["list", "verify", "namespace"])


@pytest.mark.parametrize("spoil", [well, forbidden, skewed, wrong, flaky, disobedient])
@pytest.mark.parametrize("words", [[], ["--json"], ["--debug", "--budget", "lists=1/day"]])
def test_neither_token_nor_session_id_nor_value_is_shown_or_left_anywhere(
    kvferry: Callable[..., Shown],
    fake: FakeServer,
    tmp_path: Path,
    spoil: Callable[[FakeServer], None],
    words: list[str],
) -> None:
    spoil(fake)
    _, out, err = kvferry("--source", KV, "--target", "sqlite:s.db", "--output", "json=p.json", *words)
    assert ACCOUNT in out  # it did look
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    names = " ".join(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    for secret in (TOKEN, SESSION, VALUE):
        assert secret not in out + err + names
        assert secret.encode() not in left
