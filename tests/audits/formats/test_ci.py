"""What CI systems read: GitHub, GitLab, JUnit, Markdown."""

import json
from xml.etree import ElementTree

from audits.formats import FORMATS, INVENTORY, render
from audits.formats.github import MOST
from audits.rules import RULES

MANY = {"src/many.ts": "\n".join(f"await env.STORE.put('k{n}', 'v');" for n in range(300))}


def test_github_gets_the_worst_ten_and_the_number_of_the_others(reported):
    lines = render(reported(MANY | {"src/a.ts": "await env.SESSIONS.get(sid);"}), "github").splitlines()
    annotations = [line for line in lines if line.startswith("::")]
    assert len(annotations) == MOST
    assert all(line.startswith("::error ") for line in annotations)
    assert lines[MOST] == "291 more findings, without annotations:"
    assert lines[-2].startswith("- src/a.ts:1:20: KV001 warning SESSIONS.get(")
    assert lines[-1] == "kvferry audit: 301 findings: 300 errors, 1 warning"


def test_github_messages_are_escaped(reported):
    text = render(
        reported({"src/100%,x.ts": "await env.STORE.put('50%\\n::error::', 'b');"}, prefix="p/"), "github"
    )
    (line,) = [line for line in text.splitlines() if line.startswith("::")]
    assert line.startswith("::error file=p/src/100%25%2Cx.ts,line=1,endLine=1,col=17,endColumn=")
    assert '"50%25 ::error::"' in line


def test_what_is_not_annotated_is_no_command_of_githubs_runner(reported):
    evil = {"src/::stop-commands::x.ts": "await env.SESSIONS.get('##[add-mask]' + sid);"}
    last = render(reported(MANY | evil), "github").splitlines()[-2]
    assert last.startswith("- src/::stop-commands::x.ts:1:20: KV001 warning ")
    assert "## [add-mask]" in last


def test_github_columns_are_given_only_within_one_line(reported):
    text = render(reported({"src/a.ts": "await env.STORE.put(\n'a', 'b');"}), "github")
    assert "line=1,endLine=2,title=" in text


def test_gitlab_issues_have_what_gitlab_asks_for(reported):
    issues = json.loads(render(reported(prefix="p/"), "gitlab"))
    assert [issue["severity"] for issue in issues] == ["major", "major", "minor", "minor"]
    assert len({issue["fingerprint"] for issue in issues}) == 4
    assert issues[0]["location"] == {"path": "p/src/a b.ts", "lines": {"begin": 3, "end": 3}}
    assert all({"description", "check_name"} <= set(issue) for issue in issues)
    assert json.loads(render(reported({"src/a b.ts": "", "src/save.ts": ""}), "gitlab")) == []


def test_junit_adds_up_and_survives_what_xml_cannot_hold(reported):
    root = ElementTree.fromstring(
        render(reported({"src/a.ts": "await env.STORE.put('\x01\ufffe', '\x01');"}), "junit")
    )
    usual = sum(not rule.pedantic for rule in RULES)
    assert int(root.get("failures", "")) == len(root.findall("testsuite/testcase/failure")) == 1
    assert int(root.get("tests", "")) == len(root.findall("testsuite/testcase")) == usual
    (case,) = [case for case in root.iter("testcase") if case.find("failure") is not None]
    assert (case.get("file"), case.get("line")) == ("src/a.ts", "1")


def test_junit_has_an_error_when_nothing_was_audited(reported):
    root = ElementTree.fromstring(render(reported({}, exit_code=3), "junit"))
    assert root.get("errors") == "1"


def test_junit_leaves_out_rules_that_did_not_run(reported):
    root = ElementTree.fromstring(render(reported(select=("put-without-ttl",)), "junit"))
    assert [suite.get("name") for suite in root] == ["put-without-ttl"]


def test_markdown_is_a_table_in_which_nothing_is_markup(reported):
    text = render(reported(), "markdown")
    (row,) = [line for line in text.splitlines() if "a\\|b" in line]
    assert row.count(" | ") == 3
    assert "\\<" in row
    assert "**4 findings: 2 errors, 2 warnings (1 suppressed)**" in text


def test_markdown_stays_short(reported):
    text = render(reported(MANY), "markdown")
    assert "and 100 more findings" in text
    assert len(text) < 60_000


def test_every_format_can_write_nothing(reported):
    for name in FORMATS:
        assert isinstance(render(reported({}, exit_code=3), name), str)
    for name in INVENTORY:
        assert isinstance(render(reported({}, exit_code=3), name, inventory=True), str)
