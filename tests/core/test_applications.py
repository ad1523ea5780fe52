from __future__ import annotations

from migrate.core.applications import Named, Place, What, named


def test_an_entry_names_one_place_and_a_reason_fences_it_off() -> None:
    entries = [
        {"script": "shop"},
        {"versions": "shop", "fenced": True, "reason": "behind Access"},
        {"pages": "landing"},
        {"previews": "landing", "fenced": True, "reason": "deleted"},
    ]
    found = named(entries)
    assert [(one.place.what.value, one.place.name, one.fenced) for one in found] == [
        ("script", "shop", False),
        ("versions", "shop", True),
        ("pages", "landing", False),
        ("previews", "landing", True),
    ]
    assert found[1] == Named(Place(What.VERSIONS, "shop"), "behind Access")


def test_of_two_entries_for_one_place_the_later_one_counts() -> None:
    twice = [{"script": "a"}, {"script": "a", "fenced": True, "reason": "gone"}]
    assert [one.reason for one in named(twice)] == ["gone"]
    assert [one.reason for one in named(twice[::-1])] == [""]
    assert named(()) == ()
