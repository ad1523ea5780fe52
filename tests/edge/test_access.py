"""Cloudflare Access before a bridge: the Worker checks each token itself, and wants its own key as well."""

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from migrate.access_token import AccessToken
from migrate.bridge_keys import VARIABLE, find_bridge_keys
from migrate.clock import SystemClock
from migrate.credentials import Secret
from migrate.errors import StoreRefused
from migrate.stores.durable import Bridge
from tests.edge.edge import AUDIENCE, HERE, MISGUARDED, TEAM, VALIDATORS, valid_key
from tests.edge.sending import problem
from tests.runtime.install import node

NOW = 1_900_000_000
ISSUER = f"https://{TEAM}.cloudflareaccess.com"
CLAIMS = {"aud": [AUDIENCE], "iss": ISSUER, "iat": NOW - 60, "exp": NOW + 600, "type": "app", "sub": ""}
HEADER = {"alg": "RS256", "kid": "first", "typ": "JWT"}
KEYS = {"first": 2048, "second": 2048, "foreign": 2048, "short": 1024}


def token(name, how="sign", key="first", header=None, **claims):
    """A token to be signed; a claim that is None is left out."""
    given = {word: value for word, value in {**CLAIMS, **claims}.items() if value is not None}
    return {"name": name, "header": {**HEADER, **(header or {})}, "claims": given, "key": key, "how": how}


GOOD = [
    token("as Access issues it"),
    token("with one audience that is no list", aud=AUDIENCE),
    token("with several audiences", aud=["other", AUDIENCE]),
    token("with a time from which on it is valid", nbf=NOW - 60),
    token("expired within what clocks may differ", exp=NOW - 59),
    token("valid from within what clocks may differ", nbf=NOW + 60, iat=NOW + 60),
]
BAD = [
    token("expired", exp=NOW - 61),
    token("without an end", exp=None),
    token("with an end that is text", exp=str(NOW + 600)),
    token("not valid yet", nbf=NOW + 61),
    token("issued in the future", iat=NOW + 61),
    token("of another team", iss="https://other.cloudflareaccess.com"),
    token("of the team's other spelling", iss=ISSUER + "/"),
    token("of nobody", iss=None),
    token("for another application", aud=["0" * 64]),
    token("for part of the audience", aud=AUDIENCE[:-1]),
    token("for nobody", aud=[]),
    token("for everybody", aud=None),
    token("signed by another under our key's name", key="foreign"),
    token("of an unknown key", key="foreign", header={"kid": "foreign"}),
    token("of a key that is too short", key="short", header={"kid": "short"}),
    token("without the name of a key", header={"kid": None}),
    token("with a list for the name of a key", header={"kid": ["first"]}),
    token("unsigned", "none", header={"alg": "none"}),
    token("unsigned, said in capitals", "none", header={"alg": "NONE"}),
    token("unsigned under a signature's name", "none"),
    token("with the public key for a secret", "hmac", header={"alg": "HS256"}),
    token("with the public key for a secret under RS256's name", "hmac"),
    token("signed in another way", "sha512", header={"alg": "RS512"}),
    token("signed in another way under RS256's name", "sha512"),
    token("that must be understood in another way", header={"crit": ["exp"]}),
    token("with a key of its own", key="foreign", header={"jwk": {"kty": "RSA"}, "jku": "http://127.0.0.1/"}),
]
LATER = token("of the next key", key="second", header={"kid": "second"}, exp=NOW + 9000)


@pytest.fixture(scope="module")
def signed():
    """{"jwks": …, "tokens": …} of all of the above, under keys of this run."""
    asked = json.dumps({"keys": KEYS, "tokens": [*GOOD, *BAD, LATER]})
    command = [str(node()), str(HERE / "access_tokens.mjs")]
    made = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(made.stdout)


class Team:
    """What a team's address answers, and how often it was asked for which issuer."""

    def __init__(self, jwks):
        self.jwks, self.asked, self.answers = jwks, [], True
        self.published = ["first", "short"]
        team = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                team.asked.append(self.path)
                body = json.dumps({"keys": [team.jwks[kid] for kid in team.published], "public_certs": []})
                self.send_response(200 if team.answers else 503)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def team(signed):
    team = Team(signed["jwks"])
    yield team
    team.server.shutdown()
    team.server.server_close()


class Guarded:
    """A bridge behind Access, at a time that the test sets."""

    def __init__(self, edge, name, team):
        self.bridge = edge.bridge(name)
        self.bridge.set_certs(team.url)
        self.at(NOW)

    def at(self, now):
        self.now = now or NOW
        self.bridge.set_clock(now)

    def ask(self, assertion, authorization="verify"):
        headers = {} if assertion is None else {"Cf-Access-Jwt-Assertion": assertion}
        if authorization:
            headers["Authorization"] = f"Bearer {valid_key(authorization, self.now)}"
        return self.bridge.raw("kvferry/v1/health", "GET", headers=headers)


@pytest.fixture
def guarded(edge, team):
    opened = []

    def open_(name):
        opened.append(Guarded(edge, f"guarded-{name}", team))
        return opened[-1]

    yield open_
    for one in opened:
        one.at(None)


def test_a_bridge_that_is_told_half_of_access_answers_503_to_everything(edge):
    for name in MISGUARDED:
        for scope in (None, "verify"):
            answer = problem(edge.bridge(name).raw("kvferry/v1/health", "GET", scope), "unconfigured")
            assert answer.status_code == 503, name


def test_access_lets_nobody_in_who_has_no_key_of_the_bridge(guarded, signed):
    one = guarded("warm")
    good = signed["tokens"]["as Access issues it"]
    assert one.ask(good).status_code == 200
    for assertion in (good, None, "x.y.z"):
        assert problem(one.ask(assertion, None), "unauthorized").status_code == 401
    assert one.ask(good, "import").status_code == 200


def test_only_a_token_of_the_team_for_this_application_is_taken(guarded, signed):
    one = guarded("warm")
    tokens = signed["tokens"]
    for case in GOOD:
        assert one.ask(tokens[case["name"]]).status_code == 200, case["name"]
    refused = {}
    for case in BAD:
        refused[case["name"]] = one.ask(tokens[case["name"]])
    good = tokens["as Access issues it"]
    head, body, mac = good.split(".")
    for name, misshapen in {
        "nothing": None,
        "an empty one": "",
        "dots": "..",
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{mac}",
        "two in one": f"{good},{good}",
        "cut": good[:-1],
        "padded": good + "=",
        "another payload": f"{head}.{tokens['with several audiences'].split('.')[1]}.{mac}",
        "no JSON": f"{head[:-2]}.{body}.{mac}",
        "a list for a header": f"W10.{body}.{mac}",
        "too long": good + "A" * 20_000,
    }.items():
        refused[name] = one.ask(misshapen)
    for place in (0, len(mac) // 2):
        other = "A" if mac[place] != "A" else "B"
        refused[f"near miss at {place}"] = one.ask(f"{head}.{body}.{mac[:place]}{other}{mac[place + 1 :]}")
    first = refused["nothing"]
    for name, answer in refused.items():
        assert (answer.status_code, answer.content) == (403, first.content), name
    problem(first, "access")
    # A cookie, as browsers send it, is no assertion.
    headers = {"Cookie": f"CF_Authorization={good}", "Authorization": f"Bearer {valid_key('verify', NOW)}"}
    assert one.bridge.raw("kvferry/v1/health", "GET", headers=headers).status_code == 403


def test_the_teams_whole_domain_is_the_same_team(guarded, signed, team):
    assert guarded("in-full").ask(signed["tokens"]["as Access issues it"]).status_code == 200
    assert team.asked == [f"/?issuer={ISSUER}"]


def test_keys_are_fetched_once_and_for_an_unknown_one_at_most_once_a_minute(guarded, signed, team):
    one, tokens = guarded("rotating"), signed["tokens"]
    good, later = tokens["as Access issues it"], tokens["of the next key"]
    for name in ("expired", "of another team", "unsigned", "for another application"):
        assert one.ask(tokens[name]).status_code == 403
    assert one.ask(good, None).status_code == 401
    assert team.asked == [], "what is refused anyway causes no fetch"
    assert [one.ask(good).status_code for _ in range(5)] == [200] * 5
    assert len(team.asked) == 1
    team.published.append("second")
    one.at(NOW + 59)
    assert one.ask(later).status_code == 403
    assert len(team.asked) == 1
    one.at(NOW + 60)
    assert one.ask(later).status_code == 200
    assert len(team.asked) == 2
    assert [one.ask(tokens["of an unknown key"]).status_code for _ in range(5)] == [403] * 5
    assert len(team.asked) == 2
    # A key that was withdrawn is noticed within the hour; one that cannot be fetched serves for a day.
    team.published.remove("second")
    team.answers = False
    one.at(NOW + 3660)
    assert one.ask(later).status_code == 200
    team.answers = True
    one.at(NOW + 3720)
    assert one.ask(later).status_code == 403
    assert len(team.asked) == 4


def test_many_first_requests_at_once_are_all_answered(guarded, signed, team):
    one, good = guarded("cold"), signed["tokens"]["as Access issues it"]
    with ThreadPoolExecutor(16) as pool:
        assert [a.status_code for a in pool.map(lambda _: one.ask(good), range(32))] == [200] * 32
    fetched = len(team.asked)
    assert 1 <= fetched <= 16
    assert one.ask(good).status_code == 200
    assert len(team.asked) == fetched


def test_a_team_that_does_not_answer_is_a_failure_that_may_pass(guarded, signed, team):
    one, good = guarded("down"), signed["tokens"]["as Access issues it"]
    team.answers = False
    answer = problem(one.ask(good), "access-keys")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert one.ask(good).status_code == 503
    assert len(team.asked) == 1, "it is not asked again at once"
    assert one.ask(None).status_code == 403
    team.answers = True
    one.at(NOW + 5)
    assert one.ask(good).status_code == 200


class Access(httpx.BaseTransport):
    """Stands before a bridge as Access does: it turns a service token into an assertion."""

    def __init__(self, assertion):
        self.assertion, self.inner = assertion, httpx.HTTPTransport()

    def close(self):
        self.inner.close()

    def handle_request(self, request):
        known = request.headers.get("CF-Access-Client-Id"), request.headers.get("CF-Access-Client-Secret")
        if known != ("an-id.access", "a-secret"):
            location = {"Location": ISSUER + "/cdn-cgi/access/login/x"}
            return httpx.Response(302, headers=location, request=request)
        request.headers["Cf-Access-Jwt-Assertion"] = self.assertion
        return self.inner.handle_request(request)


@contextmanager
def connection(one, assertion, access):
    keys = find_bridge_keys({VARIABLE: valid_key("verify", NOW)}, HERE, NOW)
    url = one.bridge.url.rstrip("/")
    bridge = Bridge(url, keys, clock=SystemClock(), access=access, transport=Access(assertion))
    try:
        yield bridge
    finally:
        bridge.close()


def test_the_client_sends_its_service_token_and_says_what_is_wrong_without(guarded, signed):
    one = guarded("warm")
    good = signed["tokens"]["as Access issues it"]
    token = AccessToken(Secret("an-id.access"), Secret("a-secret"))
    with connection(one, good, token) as bridge:
        assert bridge.health().placement == "shards:1"
    wrong = AccessToken(Secret("an-id.access"), Secret("planted-secret"))
    for access in (None, wrong):
        with (
            connection(one, good, access) as bridge,
            pytest.raises(StoreRefused, match="no bridge that answers") as caught,
        ):
            bridge.health()
        assert "CLOUDFLARE_ACCESS_CLIENT_ID" in caught.value.hint
        assert "planted" not in str(caught.value) + caught.value.hint
    with (
        connection(one, signed["tokens"]["for another application"], token) as bridge,
        pytest.raises(StoreRefused, match="no valid token of Cloudflare Access") as caught,
    ):
        bridge.health()
    assert "KVFERRY_ACCESS_TEAM" in caught.value.hint


def test_nothing_of_a_token_is_said_or_logged(edge, guarded, signed):
    one = guarded("warm")
    said = "".join(one.ask(one_token).text for one_token in signed["tokens"].values())
    assert VALIDATORS["problem"].is_valid(one.ask(None).json())
    for part in {part for one_token in signed["tokens"].values() for part in one_token.split(".") if part}:
        assert part not in said
        assert part not in edge.log()
