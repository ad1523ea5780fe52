from __future__ import annotations

import re
from dataclasses import replace

from migrate.core.fingerprint import Fingerprints
from migrate.core.gate.verdict import Condition, Door, Standing
from migrate.formats.markdown import verdict_markdown, verify_markdown
from migrate.formats.verdict import VerdictFacts, build_verdict
from migrate.formats.verify import VerifyFacts, build_verify
from tests.formats.conftest import KEY

EVIL = "a|b`<img src=x>`\n## heading [x](y) &amp;"


def test_a_verdict_shows_every_condition_and_what_is_next() -> None:
    conditions = [
        Condition("one", Standing.PASSED, "it holds", at=100.0),
        Condition("two", Standing.FAILED, EVIL, todo="kvferry export"),
        Condition("three", Standing.UNPROVEN, "nobody looked", waived="a rehearsal"),
    ]
    facts = VerdictFacts(
        Door.CLEANUP, "kv:", "sqlite:s.db", [EVIL], conditions, {}, {}, 160.0, 400.0, "finish", [EVIL]
    )
    text = verdict_markdown(build_verdict(facts))
    assert text.startswith("## kvferry gate cleanup\n\n**shut**\n")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[2] == "| ok | one | it holds | 1 min |  |"
    assert rows[3].startswith("| FAILED | two | a\\|b")
    assert rows[4] == "| waived | three | nobody looked (waived: a rehearsal) |  |  |"
    assert text.endswith("next: kvferry export\n")
    assert_no_markup(text)


def test_a_verify_shows_its_classes_and_names_no_session(
    differing: VerifyFacts, fingerprints: Fingerprints
) -> None:
    document = build_verify(replace(differing, note=EVIL, prefixes=[EVIL]), fingerprints)
    text = verify_markdown(document)
    assert text.startswith("## kvferry verify\n\n**differences**\n")
    classes, differences = text.split("| difference |")
    shown = re.findall(r"^\| ([a-z\\_]+) \|", classes, re.MULTILINE)
    kept = [name for name, found in document["classes"].items() if found["keys"]]
    assert [name.replace("\\", "") for name in shown if name != "class"] == kept
    for reason in document["unproven_because"]:
        assert f"- not proven: {reason}"[:30] in text
    for one in document["differences"]:
        assert f"| {one['class']} | `{one['fingerprint']}` |" in differences
    assert KEY not in text
    assert_no_markup(text)


def assert_no_markup(text: str) -> None:
    """Nothing of EVIL became markup: no heading but ours, no tag, no link, no further cell."""
    assert len(re.findall(r"^#", text, re.MULTILINE)) == 1
    assert not re.search(r"(?<!\\)[<>`\[\]&]", re.sub(r"`[^`|]+`", "", text))
