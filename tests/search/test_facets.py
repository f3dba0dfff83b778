"""Counts of what rows have."""

from dataclasses import replace

from schema import Embedded, MemoryStore
from schema.filters import Contains
from search import Count, count_facets, read_filters
from tests.samples import a_collection, a_record, random_vectors

DAY_MS = 86_400_000
JUNE_2019_MS = 1_560_000_000_000


def a_store(*facts: dict[str, object]) -> MemoryStore:
    store = MemoryStore(a_collection())
    vectors = random_vectors(len(facts))
    store.upsert(
        [Embedded(a_record(f"{n}.jpg", **each), vectors[n]) for n, each in enumerate(facts)]
    )
    return store


def test_years_and_months_are_in_their_order_and_values_by_number() -> None:
    store = a_store(
        {"taken_at": JUNE_2019_MS, "camera": "D80", "tags": ("sea", "sun")},
        {"taken_at": JUNE_2019_MS - 40 * DAY_MS, "camera": "EOS", "tags": ("sea",)},
        {"taken_at": JUNE_2019_MS - 400 * DAY_MS, "camera": "EOS", "rating": 4},
        {},
    )
    found = count_facets(store)
    assert (found.rows, found.is_complete) == (4, True)
    assert found.counts["year"] == (Count("2018", 1), Count("2019", 2))
    assert [c.value for c in found.counts["month"]] == ["2018-05", "2019-04", "2019-06"]
    assert found.counts["camera"] == (Count("EOS", 2), Count("D80", 1))
    assert found.counts["tag"] == (Count("sea", 2), Count("sun", 1))
    assert found.counts["rating"] == (Count("4", 1),)


def test_dates_before_1970_and_beyond_the_calendar_are_no_obstacle() -> None:
    store = a_store({"taken_at": -1}, {"taken_at": 10**18}, {"taken_at": -(10**18)})
    found = count_facets(store)
    assert found.counts["month"] == (Count("1969-12", 1),)
    assert found.rows == 3


def test_only_rows_that_fulfil_the_filters_are_counted() -> None:
    store = a_store({"camera": "D80"}, {"camera": "EOS"})
    found = count_facets(store, filters=[Contains("camera", "eos")])
    assert (found.rows, found.counts["camera"]) == (1, (Count("EOS", 1),))


def test_counts_of_a_part_say_so() -> None:
    store = a_store({}, {}, {})
    assert count_facets(store, max_rows=2).rows == 2
    assert not count_facets(store, max_rows=2).is_complete
    assert count_facets(store, max_rows=3).is_complete


def test_a_folder_is_named_as_its_filter_takes_it() -> None:
    record = replace(a_record("holidays/2019/a.jpg"))
    store = MemoryStore(a_collection())
    store.upsert([Embedded(record, random_vectors(1)[0])])
    (folder,) = count_facets(store).counts["in"]
    assert folder.value == "holidays/2019/"
    (condition,) = read_filters(f"in:{folder.value}")
    assert condition.matches(record)


def test_filters_are_read_whatever_else_a_query_looks_for() -> None:
    assert read_filters("dogs -people camera:EOS") == (Contains("camera", "EOS"),)
