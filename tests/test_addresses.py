from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.addresses import (
    DumpAddress,
    DurableAddress,
    KvAddress,
    LocalKvAddress,
    SqliteAddress,
    WranglerAddress,
    parse,
)
from migrate.errors import ConfigError

LOCAL = "http://127.0.0.1:8787"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("kv:", KvAddress(None, None)),
        ("kv://acc/ns", KvAddress("acc", "ns")),
        ("kv:///ns", KvAddress(None, "ns")),
        ("kv://acc/", KvAddress("acc", None)),
        ("kv://acc/worker-SESSIONS%20live", KvAddress("acc", "worker-SESSIONS live")),
        ("kv+http://127.0.0.1:8787/ns", LocalKvAddress(LOCAL, "ns")),
        ("kv+http://127.0.0.1:8787", LocalKvAddress(LOCAL, None)),
        ("kv+https://dev.example/ns", LocalKvAddress("https://dev.example", "ns")),
        ("kv+http://[::1]:8787/ns", LocalKvAddress("http://[::1]:8787", "ns")),
        ("wrangler:.", WranglerAddress(Path(), None)),
        ("wrangler:my app/.wrangler/state#ns", WranglerAddress(Path("my app/.wrangler/state"), "ns")),
        ("dump:a.json", DumpAddress(Path("a.json"))),
        ("dump:/b/a.ndjson.gz", DumpAddress(Path("/b/a.ndjson.gz"))),
        ("dump:v.json?keys=k.json.gz", DumpAddress(Path("v.json"), Path("k.json.gz"))),
        ("sqlite:sessions.db", SqliteAddress(Path("sessions.db"))),
        ("sqlite:/a b/ünï:c.db", SqliteAddress(Path("/a b/ünï:c.db"))),
        ("sqlite:who%3F%23%25.db", SqliteAddress(Path("who?#%.db"))),
        ("do+https://bridge.example.workers.dev", DurableAddress("bridge.example.workers.dev")),
        ("do+https://bridge.example:8443", DurableAddress("bridge.example:8443")),
        ("do+http://127.0.0.1:8787", DurableAddress("127.0.0.1:8787", local=True)),
        ("do+http://[::1]:8787", DurableAddress("[::1]:8787", local=True)),
    ],
)
def test_every_form_is_read_and_typed_the_same(text, address):
    assert parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("KV://acc/ns", "kv://acc/ns"),
        ("kv:///", None),
        ("kv+http://LocalHost:80/ns", "kv+http://localhost/ns"),
        ("kv+http://localhost:8787/", "kv+http://localhost:8787"),
        ("do+https://Bridge.Example:443", "do+https://bridge.example"),
        ("do+https://bridge.example/", "do+https://bridge.example"),
        ("sqlite:./a//b.db", "sqlite:a/b.db"),
        ("sqlite:100%.db", "sqlite:100%25.db"),
        ("sqlite:a&b.db", "sqlite:a%26b.db"),
        ("sqlite:%7Ea.db", "sqlite:%7Ea.db"),
        ("sqlite:./~a.db", "sqlite:%7Ea.db"),
        ("dump:a%0Ab.json", "dump:a%0Ab.json"),
        ("sqlite:a\udcffb.db", "sqlite:a%FFb.db"),
    ],
)
def test_one_store_has_one_spelling(text, canonical):
    if canonical is None:
        with pytest.raises(ConfigError):
            parse(text)
    else:
        assert str(parse(text)) == canonical
        assert parse(canonical) == parse(text)


NAME = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda name: name.strip() and name not in (".", ".."))
FOLDER = st.lists(NAME, max_size=2).flatmap(lambda parts: st.sampled_from([Path(*parts), Path("/", *parts)]))
FILE = st.builds(lambda folder, name: folder / name, FOLDER, NAME).filter(lambda path: str(path)[0] != ":")
DUMP = st.builds(
    lambda folder, name, suffix: folder / (name + suffix),
    FOLDER,
    NAME,
    st.sampled_from([".json", ".ndjson", ".json.gz", ".ndjson.gz"]),
)
PLAIN_DUMP = st.builds(
    lambda folder, name: folder / (name + ".json"), FOLDER, NAME.filter(lambda n: "." not in n)
)
HOST = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?(:[1-9][0-9]{3})?", fullmatch=True)
ADDRESS = st.one_of(
    st.builds(KvAddress, st.none() | NAME, st.none() | NAME),
    st.builds(LocalKvAddress, HOST.map("http://{}".format) | HOST.map("https://{}".format), st.none() | NAME),
    st.builds(WranglerAddress, FOLDER | FILE, st.none() | NAME),
    st.builds(DumpAddress, DUMP),
    st.builds(DumpAddress, PLAIN_DUMP, PLAIN_DUMP),
    st.builds(SqliteAddress, FILE),
    st.builds(DurableAddress, HOST),
)


@settings(deadline=None)
@given(address=ADDRESS)
def test_every_address_survives_being_typed(address):
    text = str(address)
    assert parse(text) == address
    assert text.isprintable() or not any(c in text for c in "\n\r\t\x1b\u2028")


@settings(deadline=None)
@given(
    text=st.text(max_size=30)
    | st.sampled_from(["kv:", "sqlite:", "dump:", "wrangler:"]).flatmap(
        lambda scheme: st.text(alphabet="/a.#?%&=:~@\ud800\udcff json", max_size=12).map(scheme.__add__)
    )
)
def test_any_text_is_an_address_with_one_spelling_or_a_refusal_in_one_line(text):
    refusal = address = None
    try:
        address = parse(text)
    except ConfigError as error:
        refusal = error
    if address is not None:
        assert parse(str(address)) == address
    else:
        assert refusal is not None
        assert refusal.hint
        assert "\n" not in refusal.message + refusal.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "begins with the kind", "addresses begin with kv:"),
        ("sessions.db", "begins with the kind", "did you mean sqlite:sessions.db"),
        ("./my sessions?.sqlite", "begins with the kind", "did you mean sqlite:my sessions%3F.sqlite"),
        ("/tmp/keys.json", "begins with the kind", "did you mean dump:/tmp/keys.json"),
        ("out.ndjson.gz", "begins with the kind", "did you mean dump:out.ndjson.gz"),
        (".wrangler/state", "begins with the kind", "did you mean wrangler:.wrangler/state"),
        (".", "begins with the kind", "did you mean wrangler:."),
        ("file:///tmp/a.db", "begins with the kind", "did you mean sqlite:/tmp/a.db"),
        ("sqlite3:a.db", "begins with the kind", "did you mean sqlite:a.db"),
        ("12:30 sessions.db", "begins with the kind", "did you mean sqlite:12:30 sessions.db"),
        ("postgres://host/db", "begins with the kind", "addresses begin with"),
        ("http://127.0.0.1:8787/ns", "http: is not", "kv+http://"),
        ("https://host/", "https: is not", "do+https://"),
        ("kv:ns", "kv:// or is kv: alone", "kv://ACCOUNT/NAMESPACE"),
        ("kv://ns", "lacks its namespace", "kv:///NAMESPACE"),
        ("kv:///", "lacks its namespace", "kv:///NAMESPACE"),
        ("kv://acc/ns/more", "one word each", "kv://ACCOUNT/NAMESPACE"),
        ("kv://acc/a%2Fb", "one word each", "kv://ACCOUNT/NAMESPACE"),
        ("kv://acc/ns?x=1", "one word each", "kv://ACCOUNT/NAMESPACE"),
        ("kv://../ns", "no account", "kv://ACCOUNT/NAMESPACE"),
        ("kv://acc/%20", "no namespace", "kv://ACCOUNT/NAMESPACE"),
        ("kv+http:127.0.0.1/ns", "begins with a host", "kv+http://127.0.0.1:8787/NAMESPACE"),
        ("kv+http:///ns", "no host name", "kv+http://127.0.0.1:8787/NAMESPACE"),
        ("kv+http://h:99999/ns", "no host name", "kv+http://127.0.0.1:8787/NAMESPACE"),
        ("kv+http://a b/ns", "no host name", "kv+http://127.0.0.1:8787/NAMESPACE"),
        ("kv+http://h/ns/more", "one word each", "kv+http://127.0.0.1:8787/NAMESPACE"),
        ("kv+http://h/ns?a=b", "behind a \\? or #", "kv+http://127.0.0.1:8787/NAMESPACE"),
        ("do+https://", "no host name", "do+https://HOST"),
        ("do+https://host/path", "ends with its host", "do+https://HOST"),
        ("do+http://host", "in clear", "do+https://HOST"),
        ("do+http://127.0.0.1.example:8787", "in clear", "do+https://HOST"),
        ("do+http://localhost:8787/path", "ends with its host", "127.0.0.1:PORT"),
        ("wrangler:", "lacks its path", "wrangler:."),
        ("wrangler:.#", "lacks its namespace", "wrangler:DIR#NAMESPACE"),
        ("sqlite:", "lacks its path", "sqlite:sessions.db"),
        ("sqlite::memory:", "in memory", "sqlite:FILE"),
        ("sqlite:./:memory:", "in memory", "sqlite:FILE"),
        ("sqlite:%3Amemory:", "in memory", "sqlite:FILE"),
        ("sqlite:///tmp/a.db", "one slash or none", "sqlite:/tmp/a.db or sqlite:tmp/a.db"),
        ("sqlite:%2F/tmp/a.db", "one slash or none", "sqlite:/tmp/a.db or sqlite:tmp/a.db"),
        ("sqlite:~/a.db", "expand ~", "sqlite:\\$HOME/"),
        ("sqlite:a.db?mode=ro", "no place in a sqlite address", "sqlite:a.db%3Fmode=ro"),
        ("sqlite:a#1.db", "no place in a sqlite address", "sqlite:a%231.db"),
        ("sqlite:/tmp/", "names a folder", "sqlite:FILE"),
        ("sqlite:..", "names a folder", "sqlite:FILE"),
        ("sqlite:a%00.db", "NUL", "sqlite:FILE"),
        ("sqlite:a\ud800.db", "not text", "addresses begin"),
        ("dump:", "lacks its path", "dump:FILE.json"),
        ("dump:sessions.db", "named for its format", "dump:FILE.json"),
        ("dump:a.jsonl", "named for its format", ".ndjson"),
        ("dump:.json", "named for its format", "dump:FILE.json"),
        ("dump:a.json?key=b.json", "no other option", "keys=KEYS.json"),
        ("dump:a.json?keys=b.json&x=1", "no other option", "keys=KEYS.json"),
        ("dump:a.json?keys=", "lacks its path", "keys=KEYS.json"),
        ("dump:a.json?keys=b.txt", "named for its format", "keys=KEYS.json"),
        ("dump:a.ndjson?keys=b.json", "key list beside it", "keys=KEYS.json"),
        ("dump:a.json?keys=b.ndjson.gz", "key list beside it", "keys=KEYS.json"),
    ],
)
def test_what_is_no_address_is_refused_with_a_hint(text, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(text)
    assert hint.replace("\\", "") in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "kv://planted-token@acc/ns",
        "kv+http://user:planted-token@127.0.0.1/ns",
        "do+https://planted-token@host",
        "do+https://host/?token=planted-token",
        "do+https://host#planted-token",
        "kv+https://host/ns?key=planted-token",
        "https://user:planted-token@api.cloudflare.com/client/v4",
        "postgres://user:planted-token@host/db",
        "planted-token",
        "cf:planted-token",
        "kv:planted-token",
        "kv://planted-token",
    ],
)
def test_a_credential_in_an_address_is_refused_and_never_repeated(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert "planted" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("name", "ndjson", "gzipped"),
    [
        ("a.json", False, False),
        ("a.json.gz", False, True),
        ("a.ndjson", True, False),
        ("a.ndjson.gz", True, True),
        ("a.ndjson.json", False, False),
        ("a.gz.ndjson", True, False),
    ],
)
def test_a_dump_is_named_for_its_format(name, ndjson, gzipped):
    address = parse(f"dump:{name}")
    assert isinstance(address, DumpAddress)
    assert (address.ndjson, address.gzipped) == (ndjson, gzipped)


def test_a_printed_address_is_one_line():
    text = str(SqliteAddress(Path("a\nb\x1b[31m.db")))
    assert text == "sqlite:a%0Ab%1B[31m.db"
