"""Batches cut into imports: what each may take is never too little."""

from typing import Any

import orjson
import pytest

from migrate.stores.durable.pieces import longest, pieces
from migrate.stores.durable.wire import LATEST


def document(number: int = 0, **changes: Any) -> dict[str, Any]:
    given = {"key": f"p:{number:04}", "value": "dg==", "metadata": None, "expiration": LATEST}
    return given | changes


@pytest.mark.parametrize(
    "sent",
    [
        document(),
        document(key="\x00" * 512, metadata="\x1f" * 8192, releases="held/" + "\x00" * 512),
        document(key="\U0010ffff" * 128, metadata='"\\' * 4096, value="A" * 100_000),
        document(version=2**53 - 1, notAfter=253402300799.12345, releases="held/p", expiration=None),
    ],
)
def test_no_record_takes_more_bytes_than_it_is_taken_for(sent: dict[str, Any]) -> None:
    assert len(orjson.dumps(sent)) < longest(sent)


def test_pieces_keep_to_records_bytes_and_order_and_the_last_has_room_for_the_notes() -> None:
    records = [document(number, value="A" * 1000) for number in range(50)]
    replacements = [document(number, value="A" * 1000, version=1, notAfter=1.0) for number in range(50, 60)]
    for book, most, body in ((0, 7, 1 << 20), (0, 1000, 30_000), (12_000, 1000, 30_000)):
        cut = list(pieces(records, replacements, book, most, body))
        assert [
            one for piece in cut for one in (*piece.records, *piece.replacements)
        ] == records + replacements
        assert all(len(orjson.dumps([one.records, one.replacements])) < one.size <= body for one in cut)
        assert all(one.count <= most for one in cut)
        assert cut[-1].size + book <= body
    assert [piece.count for piece in pieces([], [], 0, 1000, 30_000)] == [0]
