from audits.formats import FORMATS, render


def test_the_caret_stands_under_the_methods_name(reported):
    lines = render(reported(), "text").splitlines()
    source = next(at for at, line in enumerate(lines) if "a|b<" in line and " | " in line)
    assert lines[source].endswith('await env.STORE.put(`a|b<${id}>`, "1");')
    start = lines[source + 1].index("^")
    assert lines[source][start : start + 3] == "put"
    assert lines[source + 1].rstrip().endswith(" ^^^")


def test_a_tab_before_the_call_moves_the_caret_with_it(reported):
    text = render(reported({"src/a.ts": "x;\tawait env.STORE.put('a', 'b');"}), "text")
    line, caret = next(
        (a, b) for a, b in zip(text.splitlines(), text.splitlines()[1:], strict=False) if "^" in b
    )
    assert line.index("\t") == caret.index("\t")
    assert caret.index("^") == line.index("put")


def test_a_very_long_line_is_cut_around_the_call(reported):
    text = render(
        reported({"src/a.ts": f"f('{'a' * 900}'); env.STORE.put('k', 'b'); f('{'z' * 900}');"}), "text"
    )
    line, caret = next(
        (a, b) for a, b in zip(text.splitlines(), text.splitlines()[1:], strict=False) if "^" in b
    )
    assert len(line) < 200
    assert line[caret.index("^") :].startswith("put(")


def test_callers_are_named_below(reported):
    assert "  src/save.ts:4:32: reached from here without an expiration" in render(reported(), "text")


def test_the_end_accounts_for_everything_and_says_what_to_type(reported):
    end = render(reported(), "text").splitlines()[-4:]
    assert end == [
        "audited 3 files, with 5 KV operations; 1 test file not reported on",
        "skipped 1 path: 1 dependency",
        "4 findings: 2 errors, 2 warnings (1 suppressed)",
        "next: kvferry rules session-kv-call",
    ]


def test_concise_is_a_line_for_each_finding(reported):
    lines = render(reported(), "concise").splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("src/a b.ts:3:18: KV002 error STORE.put(")


def test_statistics_count_by_rule(reported):
    assert "1  KV001  session-kv-call\n2  KV002  put-without-ttl\n1  KV003  ttl-out-of-range\n" in render(
        reported(statistics=True), "text"
    )


def test_control_characters_are_shown_and_not_obeyed(reported):
    hostile = {"src/\x1b[31m.ts": "await env.STORE.put('\x1b[2J\\u202e', 'b');"}
    for name in FORMATS:
        text = render(reported(hostile), name)
        if name not in ("json", "jsonl", "sarif", "gitlab"):  # where JSON escapes them
            assert "\x1b" not in text, name


def test_a_file_name_that_is_no_utf8_can_be_printed(reported):
    for name in FORMATS:
        render(reported({"src/\udcff.ts": "await env.STORE.put('\\ud800', 'b');"}), name).encode()
