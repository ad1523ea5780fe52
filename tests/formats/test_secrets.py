from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import Cursor, RunId
from migrate.core.record import Key
from migrate.formats import report
from migrate.formats.export import ExportFacts, build_export
from migrate.formats.outputs import Outputs
from migrate.formats.progress import Progress
from migrate.formats.verify import VerifyFacts, build_verify
from migrate.ledger.ledger import Ledger
from migrate.ledger.status import status_document
from migrate.ledger.verifies import VerifyState
from tests.formats.conftest import DIFFERENCES, KEY, PLANTED, PREFIX, key
from tests.formats.test_progress import SetClock

RUN = RunId("0123456789abcdef")


def test_no_report_in_any_format_shows_a_session_id(
    exported: ExportFacts, differing: VerifyFacts, fingerprints: Fingerprints, tmp_path: Path
) -> None:
    shown = 0
    for document in (build_export(exported, fingerprints), build_verify(differing, fingerprints)):
        name = report.name_of(document)
        for fmt in report.formats(name):
            stdout = io.StringIO()
            Outputs.parse(name, fmt, [f"{fmt}={tmp_path / fmt}"]).emit(document, stdout)
            for text in (stdout.getvalue(), (tmp_path / fmt).read_text()):
                assert PLANTED not in text
                assert f"{PREFIX}#" in text
                shown += 1
    assert shown == 12
    assert PLANTED not in "".join(path.name for path in tmp_path.rglob("*"))


def test_a_prefix_that_is_a_whole_session_id_shows_no_more_than_was_typed(
    exported: ExportFacts, fingerprints: Fingerprints
) -> None:
    facts = replace(exported, prefixes=[KEY])
    samples = build_export(facts, fingerprints)["failed"]["samples"]
    assert PLANTED not in json.dumps(samples)


def test_status_and_file_names_of_a_full_ledger_show_no_session_id(tmp_path: Path) -> None:
    clock = SetClock()
    path = tmp_path / ".kvferry" / "ledger.db"
    with Ledger.open(path, clock=clock) as ledger:
        ledger.remember_run(RUN, "verify", "dump:a", "sqlite:b", [PREFIX])
        verify = ledger.open_verify(RUN)
        cursor = Cursor(f"after {KEY}")
        ledger.commit_page(verify, PREFIX, cursor, Key(KEY), Counter(equal=1), DIFFERENCES)
        ledger.close_verify(verify, VerifyState.INTERRUPTED, None)
        document = status_document(ledger)
        secret = ledger._rows("SELECT value FROM meta WHERE name = 'fingerprint-secret'")[0][0]
        for fmt in report.formats("status"):
            text = report.render(document, fmt)
            assert PLANTED not in text
            assert ledger.token not in text
            assert secret.hex() not in text
        assert PLANTED.encode() in path.with_name("ledger.db-wal").read_bytes() + path.read_bytes()
    assert PLANTED not in "".join(str(file) for file in tmp_path.rglob("*"))


def test_progress_has_no_way_to_be_given_a_key() -> None:
    stream, clock = io.StringIO(), SetClock()
    with Progress(stream, clock) as progress:
        progress.start("verify", total=3)
        for _ in range(3):
            clock.sleep(11)
            progress.advance()
    assert len(stream.getvalue().splitlines()) == 4
    assert PLANTED not in stream.getvalue()


def test_the_planted_session_id_would_be_found(fingerprints: Fingerprints) -> None:
    # the other side of the promises above: what they search for is in what they were given
    assert PLANTED in KEY
    assert all(PLANTED in one.key for one in DIFFERENCES)
    assert fingerprints.of(key(1)) not in key(1)
