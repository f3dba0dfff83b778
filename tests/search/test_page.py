"""The likely hits can be had alone, and in other orders than by score."""

import pytest

from embed.encoder import ToyEncoder, unit
from schema import Embedded, MemoryStore, UsageError
from search import Query, Row, Sort, Text, build_query, search
from search.query import SORTS
from tests.samples import a_collection, a_record, random_vectors

ENCODER = ToyEncoder()
DAYS: dict[str, int | None] = {
    "b/1.jpg": 2, "a/9.jpg": 3, "c/0.jpg": None, "a/1.jpg": 1, "b/0.jpg": 3,
}  # fmt: skip


@pytest.fixture
def store() -> MemoryStore:
    """Five red images of some days, the reddest first in `DAYS`, and 100 without any red."""
    store = MemoryStore(a_collection(ENCODER.dim))
    (red,) = ENCODER.encode_texts(["red"])
    noise = random_vectors(200, ENCODER.dim)
    for n, (path, day) in enumerate(DAYS.items()):
        vector = unit((red + 0.1 * n * noise[n])[None])[0]
        store.upsert([Embedded(a_record(path, taken_at=day), vector)])
    for n in range(100):
        not_red = unit((noise[100 + n] - (noise[100 + n] @ red) * red)[None])[0]
        store.upsert([Embedded(a_record(f"any/{n}.jpg", taken_at=n), not_red)])
    return store


def found(store: MemoryStore, **options: object) -> list[str]:
    query = Query((Text("red"),), **options)  # type: ignore[arg-type]
    return [m.record.path for m in search(query, store=store, encoder=lambda: ENCODER)]


def test_likely_alone_leaves_out_the_nearest_of_the_rest(store: MemoryStore) -> None:
    assert found(store, k=100, likely=True) == list(DAYS)
    assert found(store, k=100)[:5] == list(DAYS)
    assert len(found(store, k=100)) == 100


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("score", list(DAYS)),
        ("newest", ["a/9.jpg", "b/0.jpg", "b/1.jpg", "a/1.jpg", "c/0.jpg"]),
        ("oldest", ["a/1.jpg", "b/1.jpg", "a/9.jpg", "b/0.jpg", "c/0.jpg"]),
        ("folder", sorted(DAYS)),
    ],
)
def test_the_likely_ones_come_in_the_order_asked_for(
    store: MemoryStore, sort: Sort, order: list[str]
) -> None:
    assert found(store, k=100, likely=True, sort=sort) == order
    pages = [found(store, k=2, offset=n, likely=True, sort=sort) for n in (0, 2, 4, 6)]
    assert [path for page in pages for path in page] == order


def test_another_order_is_one_of_the_likely_ones(store: MemoryStore) -> None:
    assert found(store, k=2, sort="oldest") == ["a/1.jpg", "b/1.jpg"]


def test_where_no_line_can_be_drawn_the_page_is_sorted() -> None:
    store = MemoryStore(a_collection(ENCODER.dim))
    vectors = random_vectors(6, ENCODER.dim)
    days = (3, 1, None, 2, 5, 4)
    for n, day in enumerate(days):
        store.upsert([Embedded(a_record(f"{n}.jpg", taken_at=day), vectors[n])])
    query = Query((Row(a_record("0.jpg").id),), k=6, likely=True, sort="newest")
    matches = search(query, store=store, encoder=lambda: ENCODER)
    assert [match.record.taken_at for match in matches] == [5, 4, 3, 2, 1, None]


def test_every_order_is_named_and_no_other_is_taken() -> None:
    assert SORTS == ("score", "newest", "oldest", "folder")
    with pytest.raises(UsageError, match="'size' is no order of hits; there are score, newest"):
        build_query("red", sort="size")  # type: ignore[arg-type]
