"""Folding and diversity over a whole archive: full pages that join, filters, lists by date."""

import numpy as np
import pytest

from embed.encoder import ToyEncoder, unit
from schema import Embedded, MemoryStore, UsageError, content_hash
from schema.filters import Between
from search import Arrangement, Query, Row, Shown, Text, arranged_answer
from search.diversity import POOL
from tests.samples import a_collection, a_record

DIM = 8
SHOT_MS = 1000
BURST = 7


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """Bursts of seven, an hour apart, each around a direction of its own; and single images."""
    random = np.random.default_rng(0)
    store = MemoryStore(a_collection(DIM))
    rows = []
    for burst in range(120):
        centre = unit(random.standard_normal((1, DIM)))[0]
        for n in range(BURST if burst < 90 else 1):
            vector = unit((centre + 0.01 * random.standard_normal(DIM))[None])[0]
            path = f"{burst:03}/{n}.jpg"
            facts = {"content": content_hash(path.encode()), "rating": n, "camera": "K-1"}
            moment = burst * 3_600_000 + n * SHOT_MS
            rows.append(
                Embedded(a_record(path, taken_at=moment, taken_from="exif", **facts), vector)
            )
    store.upsert(rows)
    return store


def ask(store: MemoryStore, arrangement: Arrangement, **query: object) -> list[Shown]:
    terms = (Row(a_record("003/0.jpg").id),)
    asked = Query(**{"terms": terms, **query})  # type: ignore[arg-type]
    return arranged_answer(asked, arrangement, store=store, encoder=ToyEncoder)


def paths(shown: list[Shown]) -> list[str]:
    return [each.hit.record.path for each in shown]  # type: ignore[union-attr]


def test_k_hits_are_shown_and_the_others_of_a_burst_lie_under_them(store: MemoryStore) -> None:
    shown = ask(store, Arrangement(fold=True), k=10)
    folders = [path[:3] for path in paths(shown)]
    assert len(set(folders)) == len(folders) == 10
    assert folders[0] == "003"
    assert sorted(hit.record.path for hit in shown[0].folded) == [  # type: ignore[union-attr]
        f"003/{n}.jpg" for n in range(1, BURST)
    ]


def test_a_page_is_full_where_most_hits_fold(store: MemoryStore) -> None:
    assert len(ask(store, Arrangement(fold=True), k=100)) == 100
    assert len(ask(store, Arrangement(fold=True), k=500)) == 120


@pytest.mark.parametrize(
    "arrangement",
    [Arrangement(fold=True), Arrangement(diversity=0.5), Arrangement(fold=True, diversity=0.5)],
)
def test_pages_join(store: MemoryStore, arrangement: Arrangement) -> None:
    whole = paths(ask(store, arrangement, k=120))
    assert len(set(whole)) == 120
    pages = [paths(ask(store, arrangement, k=30, offset=start)) for start in range(0, 120, 30)]
    assert [path for page in pages for path in page] == whole


def test_pages_join_across_the_pools_that_are_put_in_order(store: MemoryStore) -> None:
    arrangement = Arrangement(diversity=0.5)
    plain = paths(ask(store, Arrangement(), k=2 * POOL))
    around = paths(ask(store, arrangement, k=20, offset=POOL - 10))
    whole = paths(ask(store, arrangement, k=2 * POOL))
    assert around == whole[POOL - 10 : POOL + 10]
    assert set(whole[:POOL]) == set(plain[:POOL])


def test_diverse_hits_show_more_bursts(store: MemoryStore) -> None:
    plain = paths(ask(store, Arrangement(), k=14))
    diverse = paths(ask(store, Arrangement(diversity=0.5), k=14))
    assert diverse[0] == plain[0]
    assert len({path[:3] for path in plain}) <= 3
    assert len({path[:3] for path in diverse}) >= 6


def test_filters_hold_for_what_is_shown_and_what_is_folded(store: MemoryStore) -> None:
    for arrangement in (Arrangement(fold=True), Arrangement(fold=True, diversity=0.3)):
        shown = ask(store, arrangement, k=20, filters=(Between("rating", 3, None),))
        hits = [hit for each in shown for hit in (each.hit, *each.folded)]
        assert len(shown) == 20
        assert {hit.record.rating for hit in hits} == {3, 4, 5, 6}  # type: ignore[union-attr]


def test_a_list_by_date_folds_too(store: MemoryStore) -> None:
    query = Query((), k=3, filters=(Between("rating", 0, None),))
    shown = arranged_answer(query, Arrangement(fold=True), store=store, encoder=ToyEncoder)
    assert [each.hit.path for each in shown] == [  # type: ignore[union-attr]
        "119/0.jpg", "118/0.jpg", "117/0.jpg",
    ]  # fmt: skip


def test_a_list_by_date_has_no_relevance_to_weigh(store: MemoryStore) -> None:
    query = Query((), filters=(Between("rating", 0, None),))
    with pytest.raises(UsageError, match="listed by date"):
        arranged_answer(query, Arrangement(diversity=0.5), store=store, encoder=ToyEncoder)


def test_an_archive_without_a_hit_shows_none() -> None:
    query = Query((Text("red"),))
    for arrangement in (Arrangement(fold=True), Arrangement(diversity=0.5)):
        empty = MemoryStore(a_collection(48))
        assert arranged_answer(query, arrangement, store=empty, encoder=ToyEncoder) == []
