from hypothesis import given
from hypothesis import strategies as st

from tests.fake_api import Entry, Namespace

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
EXPIRATIONS = st.one_of(st.none(), st.integers(50, 150))


def namespace(*keys: str) -> Namespace:
    one = Namespace("n", "n")
    one.load((key, Entry(b"v")) for key in keys)
    return one


def walk_all(one: Namespace, limit: int, now: float = 0, prefix: str = "") -> list[list[str]]:
    pages: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        page = one.walk(prefix, after, limit, now)
        pages.append([key for key, _ in page.found])
        after = page.after
    return pages


@given(st.dictionaries(KEYS, EXPIRATIONS), st.sets(KEYS), st.integers(1, 5), KEYS)
def test_a_walk_finds_each_living_key_once_in_utf8_byte_order(
    expirations: dict[str, int | None], deleted: set[str], limit: int, prefix: str
) -> None:
    one = Namespace("n", "n")
    one.load((key, Entry(b"", None, expiration)) for key, expiration in expirations.items())
    for key in deleted:
        one.delete(key)
    alive = {k for k, e in expirations.items() if k not in deleted and (e is None or e > 100)}
    for start in ("", prefix):
        wanted = sorted((key for key in alive if key.startswith(start)), key=str.encode)
        assert [key for page in walk_all(one, limit, 100, start) for key in page] == wanted
    assert list(one.entries(100)) == sorted(alive)


def test_a_run_of_dead_keys_is_an_empty_page_with_more_behind_it() -> None:
    one = Namespace("n", "n")
    one.load([(f"a{number}", Entry(b"", None, 5)) for number in range(3)] + [("b", Entry(b""))])
    one.put("a9", b"")
    one.delete("a9")
    assert walk_all(one, 2, now=10) == [[], [], ["b"]]


def test_a_full_page_at_the_very_end_is_the_last_one() -> None:
    assert walk_all(namespace("a", "b", "c", "d"), 2) == [["a", "b"], ["c", "d"]]
    assert walk_all(namespace("p1", "p2", "q"), 2, prefix="p") == [["p1", "p2"]]
    assert walk_all(namespace(), 2) == [[]]


def test_an_entry_vanishes_in_the_second_that_it_names() -> None:
    assert Entry(b"", None, 10).alive(9.9)
    assert not Entry(b"", None, 10).alive(10.0)


def test_a_put_forgets_the_old_metadata_and_expiration() -> None:
    one = Namespace("n", "n")
    one.put("a", b"1", "{}", 500)
    one.put("a", b"2")
    assert one.entries(0) == {"a": Entry(b"2")}


def test_a_hold_ends_after_its_reads() -> None:
    one = namespace("a")
    one.hold("a", Entry(b"old"), reads=2)
    assert [one.read("a", 0) for _ in range(3)] == [Entry(b"old"), Entry(b"old"), Entry(b"v")]


def test_a_hold_ends_at_its_time() -> None:
    one = namespace("a")
    one.hold("a", None, until=50)
    assert one.read("a", 49) is None
    assert one.read("a", 50) == Entry(b"v")


def test_only_a_listed_hold_makes_the_listing_stale_and_the_truth_stays_the_truth() -> None:
    one = namespace("a", "b")
    one.hold("a", None, reads=1)
    one.hold("b", None, until=50, listed=True)
    assert walk_all(one, 10, now=49) == [["a"]]
    assert walk_all(one, 10, now=50) == [["a", "b"]]
    assert list(one.entries(49)) == ["a", "b"]
