"""Likely hits are told from those that are only the nearest there are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embed.encoder import ToyEncoder, unit
from schema import Embedded, Match, MemoryStore, Vector, Vectors, Worded
from schema.store import packed
from search import Calibration, Query, Row, Text, search
from search.calibration import Neutral
from search.neutral import NEUTRAL
from search.relevance import (
    LINE,
    MIN_SAMPLE,
    REFERENCE_ROWS,
    line_of_images,
    line_of_words,
)
from tests.samples import a_collection, a_record, random_vectors

DIM = 64
KINDS = ("dog", "boat", "tree", "hill")
WORDS = (*KINDS, "submarine")


class Things(ToyEncoder):
    """Every thing is an axis; other texts are directions drawn by chance."""

    dim = DIM

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        drawn = random_vectors(len(NEUTRAL), DIM, seed=7)
        rows = [
            np.eye(DIM)[WORDS.index(t)] if t in WORDS else drawn[NEUTRAL.index(t)] for t in texts
        ]
        return unit(np.stack(rows))


ENCODER = Things()


def things(counts: dict[str, int], seed: int = 0) -> MemoryStore:
    """So many images of each thing; each has a part of its own, and all have one in common."""
    store, random = MemoryStore(a_collection(DIM)), np.random.default_rng(seed)
    common = np.eye(DIM)[DIM - 1]
    for kind, count in counts.items():
        for n in range(count):
            shown = ENCODER.encode_texts([kind])[0] if kind in WORDS else np.zeros(DIM)
            vector = shown + common + 0.1 * random.standard_normal(DIM)
            record = a_record(f"{kind}/{n}.jpg", text=f"{kind}s {n}")
            store.upsert([Embedded(record, unit(vector[None])[0])])
    return store


@pytest.fixture
def store() -> MemoryStore:
    return things({"dog": 30, "boat": 200, "tree": 5, "hill": 200})


def likely(query: Query, store: MemoryStore) -> dict[str, set[bool | None]]:
    """What is said of the images of each kind among the hits."""
    said: dict[str, set[bool | None]] = {}
    for match in search(query, store=store, encoder=lambda: ENCODER):
        said.setdefault(match.record.folder, set()).add(match.likely)
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_what_shows_the_thing_is_likely_however_frequent_and_the_rest_is_weak(
    kind: str, store: MemoryStore
) -> None:
    said = likely(Query((Text(kind),), k=500), store)
    assert said.pop(kind) == {True}
    assert set.union(*said.values()) == {False}


def test_where_all_images_show_it_all_are_likely() -> None:
    assert likely(Query((Text("dog"),), k=100), things({"dog": 60})) == {"dog": {True}}


def test_what_is_not_there_has_no_likely_hit(store: MemoryStore) -> None:
    said = likely(Query((Text("submarine"),), k=100), store)
    assert set.union(*said.values()) == {False}


def test_an_image_that_scores_high_for_any_words_is_not_likely_by_that() -> None:
    hub, thing = np.eye(DIM, dtype=np.float32)[:2]
    neutral = unit(random_vectors(60, DIM) + 3 * hub)
    wanted, sample = unit((2 * hub + thing)[None])[0], random_vectors(300, DIM, seed=1)
    line = line_of_words(wanted, sample, Neutral.of(neutral, sample), rows=300)
    assert hub @ wanted > thing @ wanted
    of_hub, of_thing = line.evidence(np.stack([hub, thing]))
    assert of_hub < 0 < line.height < of_thing


def test_a_row_that_has_every_word_is_likely_by_that() -> None:
    store = things({"dog": 30, "boat": 30})
    (best, *_) = search(Query((Text("boats 7"),)), store=store, encoder=lambda: Fallback())
    assert best.record.path == "boat/7.jpg"
    assert best.likely


class Fallback(Things):
    """Answers words that it does not know with the submarine, which nothing shows."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return super().encode_texts(
            [t if t in WORDS or t in NEUTRAL else "submarine" for t in texts]
        )


def test_an_image_is_held_against_the_other_images(store: MemoryStore) -> None:
    said = likely(Query((Row(a_record("tree/1.jpg").id),), k=500), store)
    assert said.pop("tree") == {True}
    assert set.union(*said.values()) == {False}


def test_an_image_query_asks_no_words_of_the_model(store: MemoryStore) -> None:
    def refuse() -> ToyEncoder:
        raise AssertionError("the model was loaded")

    query = Query((Row(a_record("dog/1.jpg").id),), k=5)
    found = search(query, store=store, encoder=refuse)
    assert [match.likely for match in found] == [True] * 5


def test_in_a_small_archive_no_line_is_drawn_for_images() -> None:
    store = things({"dog": MIN_SAMPLE - 2})
    assert likely(Query((Row(a_record("dog/1.jpg").id),)), store) == {"dog": {None}}
    same = np.ones((30, 4), dtype=np.float32) / 2
    assert line_of_images(same[0], same, rows=30) is None


def test_the_line_of_something_rare_rises_with_the_number_of_rows() -> None:
    neutral, sample = random_vectors(60, DIM, seed=1), random_vectors(1000, DIM, seed=2)
    wanted = random_vectors(1, DIM, seed=3)[0]
    heights = [
        line_of_words(wanted, sample, Neutral.of(neutral, sample), rows=rows).height
        for rows in (10, REFERENCE_ROWS, 10**5, 10**7)
    ]
    assert heights[0] == heights[1] == LINE
    assert heights[1] < heights[2] < heights[3] < LINE + 3
    image = [line_of_images(wanted, sample, rows=rows) for rows in (500, 10**6)]
    assert image[0] is not None
    assert image[1] is not None
    assert image[0].height == LINE < image[1].height


def test_the_line_of_something_frequent_does_not_rise() -> None:
    neutral = random_vectors(60, DIM, seed=1)
    wanted = random_vectors(1, DIM, seed=3)
    sample = unit(random_vectors(1000, DIM, seed=2) + np.repeat([[0], [2]], [900, 100], 0) * wanted)
    line = line_of_words(wanted[0], sample, Neutral.of(neutral, sample), rows=10**7)
    assert line.height == LINE


def test_what_is_excluded_does_not_lower_the_likelihood_of_the_rest(store: MemoryStore) -> None:
    said = likely(Query((Text("dog"),), k=20, excluded=(Text("hill"),)), store)
    assert said == {"dog": {True}}


def test_rows_that_say_how_neutral_they_are_are_judged_alike_without_their_vectors(
    store: MemoryStore,
) -> None:
    mean = ENCODER.encode_texts(NEUTRAL).mean(axis=0)
    told = WithoutVectors(replace(store.collection, neutral=packed(mean)))
    told.upsert(list(store._rows.values()))
    for query in (
        Query((Text("dog"),), k=500, words=False),
        Query((Text("hill"),), k=30, likely=True, words=False),
        Query((Text("boats 7"),), k=500),
    ):
        plain, judged = (
            search(query, store=each, encoder=lambda: Fallback()) for each in (store, told)
        )
        assert [(hit.record, hit.likely) for hit in judged] == [
            (hit.record, hit.likely) for hit in plain
        ]
        assert True in {hit.likely for hit in plain}


def test_where_another_text_tower_asks_the_rows_are_held_against_its_own_mean(
    store: MemoryStore,
) -> None:
    aside = np.eye(DIM)[DIM - 2] * 3
    told = MemoryStore(replace(store.collection, neutral=packed(aside.astype(np.float32))))
    told.upsert(list(store._rows.values()))

    class Other(Things):
        spec = "other"

    query = Query((Text("dog"),), k=500, words=False)

    def verdicts(of: MemoryStore, encoder: ToyEncoder) -> list[tuple[str, bool | None]]:
        found = search(query, store=of, encoder=lambda: encoder)
        return [(hit.record.path, hit.likely) for hit in found]

    assert verdicts(told, Other()) == verdicts(store, Other()) != verdicts(told, ENCODER)


@pytest.mark.parametrize("term", [Text("dog"), Row(a_record("199.jpg").id)])
def test_where_something_is_excluded_scores_are_not_what_is_judged(term: Text | Row) -> None:
    mean = ENCODER.encode_texts(NEUTRAL).mean(axis=0)
    told = MemoryStore(replace(a_collection(DIM), neutral=packed(mean)))
    # Images that show a dog a little and more and more, so that some are just above the line.
    dog, common = ENCODER.encode_texts(["dog"])[0], np.eye(DIM)[DIM - 1]
    random = np.random.default_rng(0)
    for n in range(200):
        vector = n / 200 * dog + common + 0.1 * random.standard_normal(DIM)
        told.upsert([Embedded(a_record(f"{n}.jpg"), unit(vector[None])[0])])
    query = Query((term,), k=200, words=False)
    alone = search(query, store=told, encoder=lambda: ENCODER)
    verdicts = {hit.record.id: hit.likely for hit in alone}
    query = replace(query, excluded=(Text("boat"), Text("hill")))
    found = search(query, store=told, encoder=lambda: ENCODER)
    assert {hit.likely for hit in found} == {True, False}
    assert [hit.likely for hit in found] == [verdicts[hit.record.id] for hit in found]


class WithoutVectors(MemoryStore):
    """Gives the vectors of no rows but those that words alone have found."""

    def search(self, *args: Any, with_vectors: bool = False, **named: Any) -> list[list[Match]]:
        assert not with_vectors
        return super().search(*args, **named)

    def match_words(self, *args: Any, **named: Any) -> list[Worded]:
        found = super().match_words(*args, **named)
        self.worded = {row.record.id for row in found}
        return found

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        assert self.worded >= set(ids)
        return super().vectors(ids)


def test_an_empty_archive_has_no_line() -> None:
    empty = MemoryStore(a_collection(DIM))
    assert search(Query((Text("dog"),)), store=empty, encoder=lambda: ENCODER) == []


def test_a_calibration_is_shared_from_query_to_query(store: MemoryStore) -> None:
    asked: list[int] = []

    class Counting(Things):
        def encode_texts(self, texts: Sequence[str]) -> Vectors:
            asked.append(len(texts))
            return super().encode_texts(texts)

    counting, calibration = Counting(), Calibration()
    for kind in ("dog", "boat", "tree"):
        search(Query((Text(kind),)), store=store, encoder=lambda: counting, calibration=calibration)
    assert sorted(asked) == [1, 1, 1, len(NEUTRAL)]
