"""What of a file its grammar is given."""

from audits.js.syntax.grammar import script


def test_only_scripts_are_left_of_a_component_and_offsets_stay():
    source = b"<p>a</p>\n<script setup lang='ts'>b();</script >\n<Script>c();</SCRIPT>\n<script>d();"
    left = script(source, ".vue")
    assert len(left) == len(source)
    assert left.split() == [b"b();", b"c();"]
    assert left.index(b"c();") == source.index(b"c();")


def test_scripts_that_never_end_are_read_once():
    source = b"<script>a();</script>" + b"<script>" * 120_000 + b"<script" * 10
    assert script(source, ".svelte").split() == [b"a();"]
    assert script(b"<script" * 140_000, ".vue").split() == []
