import copy
import json
import os
import pickle

import pytest

from migrate.credentials import (
    API_BASE,
    FEDRAMP_API_BASE,
    Secret,
    account_variable,
    cached_account,
    find_api_base,
    find_token,
    wrangler_home,
)
from migrate.errors import ConfigError

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
LATER = "2023-11-14T23:13:20.000Z"
EARLIER = "2023-11-14T22:13:19.000Z"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def cwd(tmp_path):
    folder = tmp_path / "project" / "below"
    folder.mkdir(parents=True)
    return folder


def login(home, name="default", folder=".config/.wrangler", **fields):
    path = home / folder / "config" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'{key} = "{value}"\n' for key, value in fields.items()), encoding="utf-8")
    return path


def message(caught):
    return f"{caught.value.message} | {caught.value.hint}"


def test_a_secret_never_shows_itself():
    secret = Secret("planted-token")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        repr([secret]),
        repr({"a": secret}),
    ]
    assert "planted" not in "".join(shown)
    assert secret.reveal() == "planted-token"
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("copier", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_copied_out(copier):
    with pytest.raises(TypeError):
        copier(Secret("planted-token"))


@pytest.mark.parametrize("variable", ["CLOUDFLARE_API_TOKEN", "CF_API_TOKEN"])
def test_the_token_comes_from_the_environment(home, cwd, variable):
    login(home, oauth_token="another", expiration_time=LATER)
    token = find_token({"HOME": str(home), variable: " planted-token\n"}, cwd, NOW)
    assert token.found.value.reveal() == "planted-token"
    assert token.found.where == variable
    assert token.notes == ()
    assert "planted" not in repr(token)


def test_the_newer_variable_wins(home, cwd):
    env = {"HOME": str(home), "CLOUDFLARE_API_TOKEN": "new", "CF_API_TOKEN": "old"}
    assert find_token(env, cwd, NOW).found.value.reveal() == "new"


@pytest.mark.parametrize("value", ["planted token", "planted\ntoken", "plänted", "planted\x00", " "])
def test_what_cannot_be_a_token_is_refused_and_not_shown(home, cwd, value):
    with pytest.raises(ConfigError, match="CLOUDFLARE_API_TOKEN does not hold") as caught:
        find_token({"HOME": str(home), "CLOUDFLARE_API_TOKEN": value}, cwd, NOW)
    assert "pl" not in caught.value.message.replace("CLOUDFLARE", "")


def test_the_token_comes_from_a_file_relative_to_the_folder(home, cwd):
    path = cwd / "token"
    path.write_text("planted-token\n")
    path.chmod(0o600)
    token = find_token({"HOME": str(home), "CLOUDFLARE_API_TOKEN_FILE": "token"}, cwd, NOW)
    assert token.found.value.reveal() == "planted-token"
    assert token.found.where == f"CLOUDFLARE_API_TOKEN_FILE ({path})"
    assert token.notes == ()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o444])
def test_a_token_file_that_others_may_read_is_used_with_a_warning(home, cwd, mode):
    path = cwd / "token"
    path.write_text("planted-token")
    path.chmod(mode)
    token = find_token({"HOME": str(home), "CLOUDFLARE_API_TOKEN_FILE": str(path)}, cwd, NOW)
    assert token.found.value.reveal() == "planted-token"
    assert token.notes == (f"other users may read the token: chmod 600 {path}",)


def test_a_token_file_that_is_a_pipe_is_read_without_a_warning(home, cwd):
    reading, writing = os.pipe()
    os.write(writing, b"planted-token\n")
    os.close(writing)
    token = find_token({"HOME": str(home), "CLOUDFLARE_API_TOKEN_FILE": f"/dev/fd/{reading}"}, cwd, NOW)
    os.close(reading)
    assert token.found.value.reveal() == "planted-token"
    assert token.notes == ()


@pytest.mark.parametrize("content", [b"", b"\n", b"planted\nplanted\n", b"planted\xff"])
def test_a_file_without_a_token_is_refused_and_not_shown(home, cwd, content):
    (cwd / "token").write_bytes(content)
    with pytest.raises(ConfigError, match="does not hold an API token") as caught:
        find_token({"HOME": str(home), "CLOUDFLARE_API_TOKEN_FILE": "token"}, cwd, NOW)
    assert "planted" not in message(caught)


def test_a_token_file_that_is_missing_is_refused(home, cwd):
    with pytest.raises(ConfigError, match="cannot be read: no such file"):
        find_token({"HOME": str(home), "CLOUDFLARE_API_TOKEN_FILE": "token"}, cwd, NOW)


def test_a_token_where_its_file_was_meant_is_not_shown(home, cwd):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        find_token({"HOME": str(home), "CLOUDFLARE_API_TOKEN_FILE": "planted-token"}, cwd, NOW)
    assert "planted" not in message(caught)


def test_two_tokens_are_refused(home, cwd):
    env = {"HOME": str(home), "CLOUDFLARE_API_TOKEN": "planted-token", "CLOUDFLARE_API_TOKEN_FILE": "token"}
    with pytest.raises(ConfigError, match="both set"):
        find_token(env, cwd, NOW)


@pytest.mark.parametrize(
    ("folder", "variables"),
    [
        (".config/.wrangler", {}),
        (".wrangler", {}),
        ("elsewhere/.wrangler", {"XDG_CONFIG_HOME": "{home}/elsewhere"}),
    ],
)
def test_wranglers_login_is_used_when_there_is_no_token(home, cwd, folder, variables):
    path = login(home, folder=folder, oauth_token="planted-token", expiration_time=LATER)
    env = {"HOME": str(home), "CLOUDFLARE_API_TOKEN": ""}
    env |= {key: value.format(home=home) for key, value in variables.items()}
    token = find_token(env, cwd, NOW)
    assert token.found.value.reveal() == "planted-token"
    assert token.found.where == f"wrangler's login ({path})"
    assert token.notes == (
        "wrangler's login ends at 2023-11-14 23:13 UTC;"
        " a longer run needs an API token in CLOUDFLARE_API_TOKEN",
    )


def test_the_folder_in_the_home_wins_over_the_one_of_xdg(home):
    env = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "x")}
    assert wrangler_home(env) == home / "x" / ".wrangler"
    (home / ".wrangler").mkdir()
    assert wrangler_home(env) == home / ".wrangler"


def test_macos_keeps_it_among_the_preferences(home):
    assert wrangler_home({"HOME": str(home)}, "darwin") == home / "Library" / "Preferences" / ".wrangler"


@pytest.mark.parametrize(
    "fields",
    [
        {"expiration_time": EARLIER},
        {"expiration_time": "2023-11-14T22:14:19.000Z"},  # 59 seconds left
        {"expiration_time": "soon"},
        {},
    ],
)
def test_an_expired_login_is_refused_with_the_way_to_renew_it(home, cwd, fields):
    login(home, oauth_token="planted-token", refresh_token="planted-refresh", **fields)
    with pytest.raises(ConfigError, match="login has expired") as caught:
        find_token({"HOME": str(home)}, cwd, NOW)
    assert "npx wrangler whoami" in caught.value.hint
    assert "npx wrangler login" in caught.value.hint
    assert "planted" not in message(caught)


@pytest.mark.parametrize(
    ("moment", "expired"), [("2023-11-14T23:13:20Z", False), ("2023-11-14T22:13:20", True)]
)
def test_a_toml_date_is_understood_too(home, cwd, moment, expired):
    path = login(home, oauth_token="planted-token")
    path.write_text(path.read_text() + f"expiration_time = {moment}\n")
    if expired:
        with pytest.raises(ConfigError, match="expired"):
            find_token({"HOME": str(home)}, cwd, NOW)
    else:
        assert find_token({"HOME": str(home)}, cwd, NOW).found.value.reveal() == "planted-token"


def test_no_token_at_all_says_what_to_do(home, cwd):
    with pytest.raises(ConfigError, match=r"^no API token$") as caught:
        find_token({"HOME": str(home)}, cwd, NOW)
    assert "export CLOUDFLARE_API_TOKEN=" in caught.value.hint


def test_a_logged_out_wrangler_is_no_token(home, cwd):
    login(home, oauth_token="", expiration_time="")
    with pytest.raises(ConfigError, match=r"^no API token$"):
        find_token({"HOME": str(home)}, cwd, NOW)


def test_the_global_key_is_not_taken_for_a_token(home, cwd):
    with pytest.raises(ConfigError, match="global API key is not used") as caught:
        find_token({"HOME": str(home), "CLOUDFLARE_API_KEY": "planted-key"}, cwd, NOW)
    assert "planted" not in message(caught)


def test_a_login_in_the_keyring_is_asked_of_wrangler(home, cwd):
    login(home).rename(home / ".config/.wrangler/config/default.enc")
    with pytest.raises(ConfigError, match="keyring") as caught:
        find_token({"HOME": str(home)}, cwd, NOW)
    assert caught.value.hint == 'export CLOUDFLARE_API_TOKEN="$(npx wrangler auth token)"'


def test_a_broken_login_is_refused_and_not_shown(home, cwd):
    login(home).write_text('oauth_token = "planted-token')
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        find_token({"HOME": str(home)}, cwd, NOW)
    assert "planted" not in message(caught)


def test_the_profile_of_the_folder_or_of_the_variable_is_used(home, cwd):
    login(home, oauth_token="general", expiration_time=LATER)
    login(home, "client", oauth_token="of-the-client", expiration_time=LATER)
    login(home, "chosen", oauth_token="chosen", expiration_time=LATER)
    bindings = home / ".config/.wrangler/profiles/directory-bindings.json"
    bindings.parent.mkdir()
    bindings.write_text(json.dumps({str(cwd.parent): "client", "/": "default"}))
    env = {"HOME": str(home)}
    assert find_token(env, cwd, NOW).found.value.reveal() == "of-the-client"
    assert find_token(env, home, NOW).found.value.reveal() == "general"
    assert find_token({**env, "CLOUDFLARE_AUTH_PROFILE": "chosen"}, cwd, NOW).found.value.reveal() == "chosen"


def test_a_profile_is_not_a_path(home, cwd):
    with pytest.raises(ConfigError, match="not a profile's name"):
        find_token({"HOME": str(home), "CLOUDFLARE_AUTH_PROFILE": "../../etc/x"}, cwd, NOW)


@pytest.mark.parametrize("variable", ["CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID"])
def test_the_account_comes_from_the_environment(variable):
    found = account_variable({variable: "acc_1-2"})
    assert found is not None
    assert (found.value, found.where) == ("acc_1-2", variable)
    assert account_variable({variable: ""}) is None


def test_what_cannot_be_an_account_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="CLOUDFLARE_ACCOUNT_ID is not an account id") as caught:
        account_variable({"CLOUDFLARE_ACCOUNT_ID": "../planted"})
    assert "planted" not in message(caught)


@pytest.mark.parametrize(
    ("folder", "variables"),
    [
        ("project/node_modules/.cache/wrangler", {}),
        ("project/below/.wrangler/cache", {}),
        ("project/below/cache", {"WRANGLER_CACHE_DIR": "cache"}),
    ],
)
def test_wranglers_last_choice_is_found_where_wrangler_keeps_it(tmp_path, home, cwd, folder, variables):
    path = tmp_path / folder / "wrangler-account.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"account": {"id": "acc", "name": "Somebody\'s Account"}}')
    found = cached_account({"HOME": str(home), **variables}, cwd)
    assert found is not None
    assert (found.value, found.where) == ("acc", f"wrangler's last choice ({path})")


def test_the_cache_of_node_modules_wins_when_it_exists(home, cwd):
    local, shared = cwd / ".wrangler/cache", cwd.parent / "node_modules/.cache/wrangler"
    for folder in (local, shared):
        folder.mkdir(parents=True)
        (folder / "wrangler-account.json").write_text(json.dumps({"account": {"id": folder.name}}))
    found = cached_account({"HOME": str(home)}, cwd)
    assert found is not None
    assert found.value == "wrangler"


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"account": 7}', '{"account": {"id": ""}}'])
def test_a_cache_without_an_account_is_none(home, cwd, content):
    (cwd / ".wrangler/cache").mkdir(parents=True)
    (cwd / ".wrangler/cache/wrangler-account.json").write_text(content)
    assert cached_account({"HOME": str(home)}, cwd) is None


@pytest.mark.parametrize(
    ("env", "region", "value", "where"),
    [
        ({}, None, API_BASE, "Cloudflare's public API"),
        ({}, "public", API_BASE, "Cloudflare's public API"),
        ({}, "fedramp_high", FEDRAMP_API_BASE, "compliance_region of wrangler's configuration"),
        (
            {"CLOUDFLARE_COMPLIANCE_REGION": "fedramp_high"},
            None,
            FEDRAMP_API_BASE,
            "CLOUDFLARE_COMPLIANCE_REGION",
        ),
        (
            {"CLOUDFLARE_API_BASE_URL": "https://a.example/v4/"},
            None,
            "https://a.example/v4",
            "CLOUDFLARE_API_BASE_URL",
        ),
        (
            {"CF_API_BASE_URL": "https://a.example/v4"},
            "fedramp_high",
            "https://a.example/v4",
            "CF_API_BASE_URL",
        ),
        (
            {"CLOUDFLARE_API_BASE_URL": "http://127.0.0.1:80"},
            None,
            "http://127.0.0.1:80",
            "CLOUDFLARE_API_BASE_URL",
        ),
        ({"CLOUDFLARE_API_BASE_URL": "http://[::1]:80/"}, None, "http://[::1]:80", "CLOUDFLARE_API_BASE_URL"),
        (
            {"CLOUDFLARE_API_BASE_URL": "http://localhost"},
            None,
            "http://localhost",
            "CLOUDFLARE_API_BASE_URL",
        ),
    ],
)
def test_the_address_of_the_api(env, region, value, where):
    found = find_api_base(env, region)
    assert (found.value, found.where) == (value, where)


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("http://api.cloudflare.com/client/v4", "in clear"),
        ("http://localhost.example/", "in clear"),
        ("http://127.0.0.1.example/", "in clear"),
        ("http://10.0.0.1/", "in clear"),
        ("https://user:planted@api.cloudflare.com/", "user name or password"),
        ("https://127.0.0.1@planted.example/", "user name or password"),
        ("https://a.example/?planted=1", "not the URL of an API"),
        ("https://a.example/#planted", "not the URL of an API"),
        ("ftp://a.example/planted", "not the URL of an API"),
        ("api.cloudflare.com/planted", "not the URL of an API"),
        ("https:///planted", "not the URL of an API"),
        ("https://[planted", "not a URL"),
        ("https://a.example:planted/", "not a URL"),
    ],
)
def test_an_address_that_would_expose_the_token_is_refused_and_not_shown(base, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        find_api_base({"CLOUDFLARE_API_BASE_URL": base}, None)
    assert "planted" not in message(caught)
