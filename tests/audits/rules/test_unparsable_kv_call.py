def test_a_note_says_why_and_can_be_excused(audited):
    source = "export const f = (env, all) => env.STORE.put(...all);"
    (one,) = audited(source, select=("unparsable-kv-call",)).findings
    assert one.finding.message == "this call on a namespace was not judged: its arguments are spread"
    excused = f"// kvferry: ignore[unparsable-kv-call] replays a journal\n{source}"
    assert audited(excused, select=("unparsable-kv-call",)).findings == ()


def test_it_leaves_tests_alone(audited):
    files = {"test/a.ts": "export const f = (env, all) => env.STORE.put(...all);"}
    assert audited(files, select=("unparsable-kv-call",)).findings == ()
    assert len(audited(files, select=("unparsable-kv-call",), tests=True).findings) == 1
