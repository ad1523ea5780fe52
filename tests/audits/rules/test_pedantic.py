"""Rules for purists: silent unless asked for, by name or all together."""

import pytest

from audits.rules.rule import Settings

SOURCE = "export const f = (env, id) => [env.STORE.get(id), env.STORE.get('a')];"


def test_they_are_silent_by_default(found):
    assert found(SOURCE, "KV012", "KV013") == []


def test_they_speak_when_all_are_asked(found):
    told = found(SOURCE, "KV012", "KV013", settings=Settings(pedantic=True))
    assert told == ["1: KV012 note", "1: KV013 note"]


@pytest.mark.parametrize(("name", "code"), [("unprefixed-key", "KV012"), ("missing-cache-ttl", "KV013")])
def test_one_speaks_when_it_is_named(found, name, code):
    assert found(SOURCE, select=(name,)) == [f"1: {code} note"]
