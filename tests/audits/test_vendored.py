"""The session store in an application's code is the migration's, as long as nobody edits it."""

import pytest

from audits import vendored

PUT = "export const save = async (env: Env, id: string) => await env.SESSIONS.put(`session:${id}`, '{}');\n"
STORE = vendored.stamped(PUT, "0.1.0", "store/kv-side.ts")
AT = "src/kvferry/store/kv-side.ts"


def codes(seen):
    return [one.finding.code for one in seen.findings]


def test_what_the_store_does_is_no_finding_and_is_counted_as_the_migrations(audited):
    seen = audited({AT: STORE})
    assert codes(seen) == []
    assert [one.migration for one in seen.operations] == [True]


def test_without_a_marker_the_same_code_has_findings(audited):
    seen = audited({AT: PUT})
    assert codes(seen) == ["KV001", "KV002"]
    assert [one.migration for one in seen.operations] == [False]


@pytest.mark.parametrize(
    "edited",
    [
        STORE.replace("'{}'", "'[]'"),
        STORE + "// mine\n",
        STORE.replace(" 0.1.0 ", " 0.1.1 "),
        STORE.replace("store/kv-side.ts", "kv-side.ts"),
        "// mine\n" + STORE,
    ],
)
def test_one_edit_brings_the_findings_back(audited, edited):
    assert edited != STORE
    assert codes(audited({AT: edited})) == ["KV001", "KV002"]


def test_a_file_of_the_store_excuses_nothing_elsewhere(audited):
    seen = audited({AT: STORE, "src/mine.ts": STORE, "src/index.ts": PUT})
    assert {one.finding.place.path for one in seen.findings} == {"src/index.ts", "src/mine.ts"}


def test_line_ends_that_git_changed_are_no_edit(tmp_path):
    raw = STORE.replace("\n", "\r\n").encode()
    assert vendored.is_migrations(AT, raw)
    assert not vendored.is_migrations(AT, raw + b"\r\n")


def test_a_marker_tells_version_and_file():
    assert vendored.marker(STORE.encode()) == vendored.Marker("0.1.0", "store/kv-side.ts", True)
    assert vendored.marker(PUT.encode()) is None
