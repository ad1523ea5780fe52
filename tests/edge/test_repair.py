"""The first door is shut by a logout that only KV knew: it is buried, and the door opens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.clock import SystemClock
from migrate.core.burying import Burial
from migrate.core.document import Document
from migrate.desk import Ended
from migrate.errors import ConfigError
from migrate.formats import report
from migrate.ledger.ledger import Ledger
from migrate.opening import Settings
from migrate.repair.repairing import repair
from migrate.repair.wish import Mode, Wish
from migrate.runner import verify
from migrate.stores.durable import DurableTarget
from tests.edge.edge import PREFIX, Edge, object_hash
from tests.edge.sending import fresh, importing, record
from tests.edge.test_gate import SOURCE, Course, at_shadow_read, course, standings
from tests.edge.test_stats_over_bridge import HOUR
from tests.fake_api import NAMESPACE
from tests.stores.durable_side import keys

KV = "GOING_BACK"
LACKS = "nothing-that-kv-lacks"

__all__ = ["course"]


def todo(verdict: Document, name: str) -> str:
    (found,) = [one["todo"] for one in verdict["conditions"] if one["name"] == name]
    return str(found)


def mend(course: Course, mode: Mode, *, execute: bool = True, **words: Any) -> Ended:
    """One repair, while the application goes on sending heartbeats."""
    clock, sleep = course.clock, course.clock.sleep

    def busy(seconds: float) -> None:
        sleep(seconds)
        course.wait(0)
        course.beat("shadow-read", "v2")

    clock.sleep = busy  # type: ignore[method-assign]
    try:
        course.wait(0)
        course.beat("shadow-read", "v2")
        wish = Wish(
            mode,
            SOURCE,
            course.target,
            [PREFIX],
            course.settings,
            execute,
            lambda _: NAMESPACE,
            **words,
        )
        ended = repair(wish)
    finally:
        clock.sleep = sleep  # type: ignore[method-assign]
    report.validate(ended.document, "repair-report")
    return ended


def logged_out_in_kv_only(course: Course, *numbers: int) -> None:
    for number in numbers:
        course.fake.api.namespace.delete(f"{PREFIX}{number:03}")


def test_a_logout_that_only_kv_knew_shuts_the_first_door_until_it_is_buried(course: Course) -> None:
    at_shadow_read(course)
    logged_out_in_kv_only(course, 3, 17)
    assert course.verify(fence=True)["verdict"] == "differences"
    course.beat("shadow-read", "v2")
    verdict = course.gate()
    assert (verdict["verdict"], standings(verdict, "failed")) == ("shut", {LACKS: "failed"})
    first, _, then = todo(verdict, LACKS).partition(", then ")
    assert first.startswith("kvferry export --lift-fence ")
    assert then.startswith("kvferry repair --tombstone-deleted ")

    with pytest.raises(ConfigError, match="no row is replaced"):
        mend(course, Mode.TOMBSTONES)
    course.export(lift_fence=True)
    assert mend(course, Mode.TOMBSTONES, execute=False).document["tally"]["lacking"] == 2
    before = course.clock.time
    ended = mend(course, Mode.TOMBSTONES)
    assert (ended.exit, ended.document["tally"]["buried"]) == (0, 2)
    assert course.clock.time >= before + 110
    assert ended.document["gone"]["word"] is False
    assert ended.document["check"]["classes"]["tombstoned"]["keys"] == 2

    course.wait(HOUR)
    assert course.verify(fence=True)["verdict"] == "clean"
    course.beat("shadow-read", "v2")
    verdict = course.gate()
    assert [(one["name"], one["said"]) for one in verdict["conditions"] if one["standing"] != "passed"] == []
    assert verdict["verdict"] == "open"
    # KV brings none of them back: a stale copy finds a tombstone.
    for number in (3, 17):
        course.fake.api.namespace.put(f"{PREFIX}{number:03}", b"{}", None, None)
    assert course.export(lift_fence=True)["tally"]["tombstoned"] == 2


def test_while_a_dual_write_isolate_is_at_work_nothing_is_buried(course: Course) -> None:
    at_shadow_read(course)
    logged_out_in_kv_only(course, 5)
    course.verify()
    course.wait(0)
    course.beat("dual-write", "v1")
    with pytest.raises(ConfigError, match="still at work: dual-write"):
        mend(course, Mode.TOMBSTONES)
    # Its last heartbeat is not its end: half a minute later it may still write, and H counts from then.
    course.wait(40)
    course.deploy("shadow-read", "v2")
    heard = course.clock.time
    course.wait(10)
    ended = mend(course, Mode.TOMBSTONES)
    assert ended.document["gone"]["since"]["unix"] >= heard - 40 + 30
    assert (ended.exit, ended.document["tally"]["buried"]) == (0, 1)
    assert course.clock.time >= heard + 220


def test_an_isolate_of_dual_write_between_the_readings_stops_the_burial(course: Course) -> None:
    at_shadow_read(course)
    logged_out_in_kv_only(course, 5)
    course.verify()
    clock, sleep = course.clock, course.clock.sleep

    def rolled_back(seconds: float) -> None:
        sleep(seconds)
        course.wait(0)
        course.beat("dual-write", "v1")

    clock.sleep = rolled_back  # type: ignore[method-assign]
    course.beat("shadow-read", "v2")
    wish = Wish(Mode.TOMBSTONES, SOURCE, course.target, [PREFIX], course.settings, True, lambda _: NAMESPACE)
    ended = repair(wish)
    clock.sleep = sleep  # type: ignore[method-assign]
    assert ended.error is not None
    assert "still at work: dual-write" in ended.error.message
    assert ended.document["tally"]["lacking"] == 1
    assert course.verify()["classes"]["extra"]["settled"] == 1


def test_burials_that_the_ledger_never_heard_of_are_counted_by_whoever_goes_on(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_shadow_read(course)
    logged_out_in_kv_only(course, 7, 8, 9)
    course.verify()
    commit, bury = Ledger.commit_step, DurableTarget.bury
    buried: list[object] = []

    def burying(target: DurableTarget, name: str, rows: Any, until: float, **how: Any) -> Any:
        ended = bury(target, name, rows, until, **how)
        buried.extend(ended.values())
        return ended

    def dying(ledger: Ledger, *step: Any) -> Any:
        if buried:
            raise KeyboardInterrupt
        return commit(ledger, *step)

    with monkeypatch.context() as patched:
        patched.setattr(DurableTarget, "bury", burying)
        patched.setattr(Ledger, "commit_step", dying)
        with pytest.raises(KeyboardInterrupt):
            mend(course, Mode.TOMBSTONES)
    assert buried == [Burial.BURIED] * 3
    ended = mend(course, Mode.TOMBSTONES)
    assert (ended.exit, ended.document["number"], ended.document["tally"]["buried"]) == (0, 1, 3)
    assert ended.document["tally"]["tombstoned"] == 0


def test_what_the_target_lacks_is_copied_into_its_objects(course: Course) -> None:
    at_shadow_read(course)
    later = int(course.clock.time) + 10 * 86_400
    for number in range(5):
        course.fake.api.namespace.put(f"{PREFIX}new{number}", b'{"n":1}', None, later)
    assert course.verify()["classes"]["missing"]["settled"] == 5
    ended = mend(course, Mode.MISSING)
    assert (ended.exit, ended.document["tally"]["copied"]) == (0, 5)
    assert course.verify()["verdict"] == "clean"


def test_a_source_that_is_not_the_bridges_own_namespace_buries_nothing(edge: Edge, tmp_path: Path) -> None:
    bridge, tag = edge.bridge("kv"), fresh("elsewhere")
    bridge.ask("import", importing(record(tag, expiration=int(time.time()) + 3600)))
    source, target = edge.kv_address("BARE"), "do+" + bridge.url.rstrip("/")
    environ = {VARIABLE: keys("verify", "import", "delete")}
    settings = Settings(SystemClock(), tmp_path / "ledger.db", cwd=tmp_path, environ=environ)
    verify(source, target, settings=settings, prefixes=[PREFIX + tag], stage="shadow-read", settle=0)
    words = (Mode.TOMBSTONES, source, target, [PREFIX + tag], settings, True, lambda _: "BARE")
    with pytest.raises(ConfigError, match="another KV namespace than the source: GOING_BACK"):
        repair(Wish(*words, gone_since=0.0, most=True))


# ---------------------------------------------------------------- KV behind the objects


def test_kv_shows_what_the_objects_are_right_about_and_its_own_rows_stay(edge: Edge, tmp_path: Path) -> None:
    bridge, until = edge.bridge("kv"), int(time.time()) + 3600
    tag = fresh("refresh")
    newer, made, ended, copied = (f"{tag}-{name}" for name in ("newer", "made", "ended", "copied"))
    old = [record(one, b"old", expiration=until) for one in (newer, ended, copied)]
    bridge.ask("kv", {"notAfter": time.time() + 20, "puts": old, "deletes": []})
    bridge.ask("import", importing(record(copied, b"of the copy", expiration=until)))

    def app(session: str, method: str, *args: Any) -> None:
        edge.call("USER_SESSIONS", f"kvferry:shard:{object_hash(session) % 4}/4", method, session, *args)

    for one in (newer, made):
        app(one, "putSession", '{"n":1}', {"expiration": until, "metadata": {"a": 1}})
    app(ended, "putSession", "1")
    app(ended, "deleteSession")

    source, target = edge.kv_address(KV), "do+" + bridge.url.rstrip("/")
    environ = {VARIABLE: keys("verify", "import", "values", "kv")}
    settings = Settings(SystemClock(), tmp_path / "ledger.db", cwd=tmp_path, environ=environ)
    prefixes = [PREFIX + tag]
    verify(source, target, settings=settings, prefixes=prefixes, stage="object-first", settle=0)

    def refresh(*, execute: bool) -> Document:
        wish = Wish(Mode.KV, source, target, prefixes, settings, execute, lambda _: KV, settle=0)
        ended = repair(wish)
        report.validate(ended.document, "repair-report")
        assert ended.exit == 0
        return ended.document

    told = {"written": 2, "emptied": 1}
    for execute in (False, True):
        found = refresh(execute=execute)["tally"]
        assert {name: number for name, number in found.items() if number} == told
        if not execute:
            assert edge.kv_item(KV, PREFIX + newer)[0] == b"old"
    for one in (newer, made):
        value, metadata, expiration = edge.kv_item(KV, PREFIX + one)
        assert (value, metadata["a"], expiration) == (b'{"n":1}', 1, until)
        assert metadata["_kvferry"]["s"].startswith("object-first@")
    assert edge.kv_item(KV, PREFIX + ended) is None
    assert edge.kv_item(KV, PREFIX + copied)[0] == b"old"
    found = refresh(execute=True)["tally"]
    assert {name: number for name, number in found.items() if number} == {"kv_agrees": 3}
