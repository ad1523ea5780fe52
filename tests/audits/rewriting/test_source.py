"""A file with its syntax tree: where its nodes stand."""

from audits.rewriting.source import Source


def test_a_byte_order_mark_is_no_column():
    text = "const a = 1;\nconst b = 2;"
    places = []
    for mark in ("", "\N{BOM}"):
        source = Source("a.ts", (mark + text).encode())
        places.append(
            [
                (place.line, place.column, place.end_column)
                for place in map(source.place, source.root.children)
            ]
        )
    assert places[0] == places[1] == [(1, 1, 13), (2, 1, 13)]
