"""A filter means one thing, whoever evaluates it: the predicate, the embedded store, a server."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import Connection, Embedded, ImageRecord, MemoryStore, MilvusStore, Store, Vectors
from schema.filters import (
    EARTH_RADIUS_KM,
    MAX_NUMBER,
    AnyOf,
    Between,
    Coded,
    Contains,
    Filter,
    InFolder,
    Near,
    Not,
    OfFile,
    Tagged,
    distance_km,
    passes,
    push_down,
    quote,
)
from tests.conftest import MakeStore
from tests.samples import a_collection, a_record, random_vectors

Rows = tuple[list[ImageRecord], Vectors]

PARIS = (48.8567, 2.3522)

HOSTILE = [
    'quo"te', "apo'strophe", "back\\slash", 'both\\"', "new\nline", "tab\there", "per%cent",
    "under_score", "été", "照片", "🐕", '" or id != "', "{brace}", "nul\0byte", "\\", "%", "_", "",
]  # fmt: skip

PATHS = [text for text in HOSTILE if text and "\0" not in text]


@pytest.mark.parametrize("path", PATHS)
def test_the_rows_of_a_file_are_its_frames_and_no_other_files(path: str) -> None:
    frames = [a_record(path, view="frame", offset_ms=ms) for ms in (0, 2000)]
    condition = OfFile(frames[0].root, path)
    assert all(condition.matches(frame) for frame in frames)
    assert not condition.matches(a_record(f"{path}x"))
    assert not OfFile("another", path).matches(frames[0])


@pytest.mark.parametrize(
    ("condition", "facts", "matches"),
    [
        (Between("rating", 4), {"rating": 4}, True),
        (Between("rating", 4), {"rating": 3}, False),
        (Between("rating", None, 3), {"rating": -1}, True),
        (Between("rating", None, 3), {}, False),
        (Between("rating"), {}, False),
        (Between("width", 600, 640), {}, True),
        (Between("iso_speed", None, 800), {}, False),
        (Contains("camera", "nikon"), {"camera": "NIKON D70"}, True),
        (Contains("camera", "D7"), {"camera": "nikon d70"}, True),
        (Contains("camera", "canon"), {"camera": "NIKON D70"}, False),
        (Contains("camera", ""), {}, False),
        (Contains("place", "STRASSE"), {"place": "Lange Straße"}, True),
        (Contains("name", "unk"), {}, True),
        (Contains("name", "holidays"), {}, False),
        (Tagged("beach"), {"tags": ("Beach", "sea")}, True),
        (Tagged("beach"), {"tags": ("beaches",)}, False),
        (Tagged("beach"), {"tags": ("sea",), "labels": ("Beach",)}, True),
        (Tagged("beach"), {}, False),
        (Coded("view", "photo"), {}, True),
        (Coded("format", "heic"), {}, False),
        (Near(*PARIS, 10), {"lat": 48.8583, "lon": 2.2945}, True),
        (Near(*PARIS, 4), {"lat": 48.8583, "lon": 2.2945}, False),
        (Near(0, 0, 30_000), {}, False),
        (Near(0, 179.9, 50), {"lat": 0.0, "lon": -179.9}, True),
        (Near(89.9, 0, 30), {"lat": 89.9, "lon": 180.0}, True),
        (AnyOf((Between("rating", 5), Tagged("sea"))), {"tags": ("sea",)}, True),
        (AnyOf((Between("rating", 5), Tagged("sea"))), {}, False),
        (Not(Between("rating", 4)), {"rating": 3}, True),
        (Not(Between("rating", 4)), {}, True),
        (Not(Contains("camera", "nikon")), {"camera": "Nikon"}, False),
    ],
)
def test_a_filter_means(condition: Filter, facts: dict[str, object], matches: bool) -> None:
    assert condition.matches(a_record("holidays/unknown.jpg", **facts)) is matches


@pytest.mark.parametrize(
    ("folder", "path", "matches"),
    [
        ("holidays", "holidays/beach.jpg", True),
        ("holidays", "holidays/2019/beach.jpg", True),
        ("holidays", "holidays2/beach.jpg", False),
        ("holidays", "Holidays/beach.jpg", False),
        ("holidays", "old/holidays/beach.jpg", False),
        ("holidays/2019", "holidays/beach.jpg", False),
        ("", "beach.jpg", True),
        ("a_b", "aXb/beach.jpg", False),
        ("a%", "abc/beach.jpg", False),
    ],
)
def test_a_folder_holds_what_lies_below_it(folder: str, path: str, matches: bool) -> None:
    assert InFolder(folder).matches(a_record(path)) is matches


@pytest.mark.parametrize("field", ["taken_at", "rating", "width", "height", "iso_speed"])
def test_a_limit_that_no_store_could_hold_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="largest limit"):
        Between(field, MAX_NUMBER + 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["new\nline", "tab\t", "nul\0", "\u202e", "\ud800"])
def test_a_text_without_a_literal_is_left_to_the_predicate(text: str) -> None:
    assert quote(text) is None
    assert InFolder(text).expression == ""
    assert not InFolder(text).is_exact


def test_a_negation_of_what_is_not_pushed_down_whole_is_not_pushed_down() -> None:
    assert Not(Contains("camera", "nikon")).expression == ""
    assert Not(Near(*PARIS, 10)).expression == ""
    assert Not(Between("rating", 4)).expression == "not (rating >= 4)"


def test_an_own_expression_and_filters_must_both_hold() -> None:
    both = push_down("rating > 1 or rating < 0", [Between("width", 10), Tagged("sea")])
    assert both == "(rating > 1 or rating < 0) and width >= 10"
    assert push_down("rating > 1", [Tagged("sea")]) == "rating > 1"
    assert push_down(" ", []) == ""


def test_a_quarter_of_a_great_circle_is_a_quarter_of_the_circumference() -> None:
    quarter = math.pi / 2 * EARTH_RADIUS_KM
    assert distance_km(0, 0, 0, 90) == pytest.approx(quarter)
    assert distance_km(0, 0, 90, 17) == pytest.approx(quarter)
    assert distance_km(-45, 10, 45, -170) == pytest.approx(2 * quarter)


latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


@given(latitudes, longitudes, st.floats(0.001, 20_100), st.floats(0, 1), st.floats(0, 2 * math.pi))
@settings(max_examples=300)
def test_the_box_of_a_circle_holds_the_circle(
    lat: float, lon: float, radius_km: float, share: float, bearing: float
) -> None:
    angle = share * radius_km / EARTH_RADIUS_KM
    start = math.radians(lat)
    sine = math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(bearing)
    other_lat = math.degrees(math.asin(max(-1.0, min(1.0, sine))))
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(start),
        math.cos(angle) - math.sin(start) * math.sin(math.radians(other_lat)),
    )
    other_lon = (lon + math.degrees(turn) + 180) % 360 - 180
    record = a_record(lat=other_lat, lon=other_lon)
    near = Near(lat, lon, radius_km)
    if near.matches(record):
        assert holds(near.expression, record)


def holds(expression: str, record: ImageRecord) -> bool:
    """Expressions over numbers alone read the same in Python."""
    names = {"true": True, "has_gps": True, "lat": record.lat, "lon": record.lon}
    return bool(eval(expression, {}, names))


class Draw:
    """Rows with all that is awkward, and filters over them, drawn with a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def maybe(self, value: object, share: float = 0.7) -> object:
        return value if self.random.random() < share else None

    def record(self, n: int) -> ImageRecord:
        pick, uniform = self.random.choice, self.random.uniform
        folder = pick(["2019", "2019/beach", "2020", "a_b", "aXb", "Été", *PATHS])
        located = self.random.random() < 0.6
        return a_record(
            f"{folder}/{n}.jpg",
            view=pick(["photo", "photo", "frame"]),
            format=pick(["jpeg", "jpeg", "heic", "png"]),
            width=self.random.randrange(100, 5000),
            height=self.random.randrange(100, 5000),
            taken_at=self.maybe(self.random.randrange(-(10**12), 2 * 10**12)),
            camera=self.maybe(pick(["NIKON D70", "Canon EOS 5D", *HOSTILE]) or None),
            lens=self.maybe(pick(["50 mm f/1.8", "Sigma 24-70"])),
            iso_speed=self.maybe(pick([100, 200, 1600])),
            lat=uniform(-90, 90) if located else None,
            lon=uniform(-180, 180) if located else None,
            place=self.maybe(pick(["Paris", "Zürich", "São Paulo"])),
            rating=self.maybe(self.random.randrange(-1, 6)),
            tags=tuple(self.random.sample(["Beach", "sea", *filter(None, HOSTILE)], 3)),
        )

    def leaf(self) -> Filter:
        pick, random = self.random.choice, self.random
        return pick(
            [
                lambda: Between("rating", pick([None, 1, 5]), pick([None, 3, 5])),
                lambda: Between("taken_at", random.randrange(-(10**12), 2 * 10**12)),
                lambda: Between("taken_at", None, random.randrange(-(10**12), 2 * 10**12)),
                lambda: Between("width", low := random.randrange(100, 5000), low + pick([5, 900])),
                lambda: Between("height", None, random.randrange(100, 5000)),
                lambda: Between("iso_speed", pick([None, 200]), pick([None, 200, -(2**53)])),
                lambda: Contains("camera", pick(["nikon", "eos", *filter(None, HOSTILE)])),
                lambda: Contains("place", pick(["paris", "ZÜRICH", "são"])),
                lambda: Contains("name", str(random.randrange(100))),
                lambda: Tagged(pick(["beach", "SEA", *HOSTILE])),
                lambda: Coded("view", pick(["photo", "frame", *HOSTILE])),
                lambda: Coded("format", pick(["jpeg", "heic", *HOSTILE])),
                lambda: InFolder(pick(["2019", "2019/beach", "201", "a_b", "été", *HOSTILE])),
                lambda: OfFile(pick(["r", *HOSTILE]), f"2019/beach/{random.randrange(9)}.jpg"),
                lambda: Near(
                    random.uniform(-90, 90), random.uniform(-180, 180), 10 ** random.uniform(1, 4)
                ),
            ]
        )()

    def filter(self) -> Filter:
        kind = self.random.random()
        if kind < 0.15:
            return Not(self.leaf())
        if kind < 0.3:
            return AnyOf((self.leaf(), self.leaf()))
        if kind < 0.35:
            return Not(AnyOf((self.leaf(), self.leaf())))
        return self.leaf()


def reader_of(store: MilvusStore) -> MilvusStore:
    """The same archive for whoever has not written: a server answers without waiting for writes."""
    uri = store.connection.uri
    store.close()
    return MilvusStore.open(Connection(uri), "archive")


def test_predicate_and_expression_agree_whatever_the_values(make_store: MakeStore) -> None:
    draw, written = Draw(1), make_store()
    records = [draw.record(n) for n in range(150)]
    vectors = random_vectors(150)
    written.upsert([Embedded(r, v) for r, v in zip(records, vectors, strict=True)])
    kinds = set()
    # A server takes more than a second for each, most of it waiting for its own clock.
    draws = 200 if written.connection.embedded else 40
    with reader_of(written) as store:
        for _ in range(draws):
            condition = draw.filter()
            matching = {record.id for record in records if condition.matches(record)}
            let_through = {record.id for record in store.iterate(condition.expression)}
            assert matching <= let_through, condition
            if condition.is_exact:
                assert matching == let_through, condition
            assert {record.id for record in store.iterate("", [condition])} == matching, condition
            kinds.add((condition.is_exact, bool(matching)))
    assert kinds == {(True, True), (True, False), (False, True), (False, False)}


def near_share(store: Store, query: Vectors, rows: Rows, filters: list[Filter]) -> float | None:
    """Recall at ten of a filtered search; ``None`` where nothing matches, and nothing is found."""
    records, vectors = rows
    allowed = [n for n, record in enumerate(records) if passes(record, filters)]
    (matches,) = store.search(query, 10, filters=filters)
    assert all(passes(match.record, filters) for match in matches)
    assert len(matches) == min(10, len(allowed))
    if not allowed:
        return None
    scores = -np.sort(-(vectors[allowed] @ query[0]))[:10]
    return sum(match.score >= scores[-1] - 1e-5 for match in matches) / len(scores)


@pytest.mark.slow
def test_a_filtered_search_finds_what_exact_search_finds_at_any_selectivity(
    make_store: MakeStore,
) -> None:
    size, dim = 3000, 16
    draw, written = Draw(2), make_store(dim=dim)
    records, vectors = [draw.record(n) for n in range(size)], random_vectors(size, dim)
    written.upsert([Embedded(r, v) for r, v in zip(records, vectors, strict=True)])
    queries = random_vectors(200, dim, seed=3)
    shares: list[float] = []
    with reader_of(written) as store:
        for n, query in enumerate(queries):
            # Every fifth by chance; the others let through from 0.1 % to 90 % of the rows.
            low = draw.random.randrange(100, 600)
            span = int(4900 * 10 ** draw.random.uniform(-3, -0.046))
            condition = draw.filter() if n % 5 == 0 else Between("width", low, low + span)
            filters = [condition, Tagged("Sea")] if n % 5 == 1 else [condition]
            share = near_share(store, query[None], (records, vectors), filters)
            if share is not None:
                shares.append(share)
    assert len(shares) > 150
    assert np.mean(shares) >= 0.99


def test_pages_of_a_filtered_search_join_without_a_gap(make_store: MakeStore) -> None:
    draw, store = Draw(4), make_store()
    records = [draw.record(n) for n in range(1500)]
    vectors = random_vectors(1500)
    store.upsert([Embedded(r, v) for r, v in zip(records, vectors, strict=True)])
    filters: list[Filter] = [Contains("camera", "nikon")]
    (whole,) = store.search(vectors[:1], 40, filters=filters)
    pages = [store.search(vectors[:1], 10, filters=filters, offset=n)[0] for n in (0, 10, 20, 30)]
    assert [m.record.id for page in pages for m in page] == [m.record.id for m in whole]


def test_rare_matches_far_from_the_query_are_found_among_many_rows(make_store: MakeStore) -> None:
    store, size = make_store(), 3000
    vectors = random_vectors(size)
    order = np.argsort(-(vectors @ vectors[0]))
    rare = {int(n) for n in order[-3:]}
    records = [a_record(f"{n}.jpg", tags=("rare",) if n in rare else ()) for n in range(size)]
    store.upsert([Embedded(r, v) for r, v in zip(records, vectors, strict=True)])
    (matches,) = store.search(vectors[:1], 10, filters=[Tagged("rare")])
    assert [match.record.id for match in matches] == [records[n].id for n in order[-3:]]


def test_the_memory_store_and_the_milvus_store_filter_alike(make_store: MakeStore) -> None:
    draw = Draw(5)
    rows = [Embedded(draw.record(n), v) for n, v in enumerate(random_vectors(200))]
    stores: list[Store] = [MemoryStore(a_collection()), make_store()]
    for store in stores:
        store.upsert(rows)
    for n in range(40):
        filters, query = [draw.filter()], random_vectors(1, seed=n)
        one, other = (store.search(query, 10, filters=filters)[0] for store in stores)
        assert [m.record.id for m in one] == [m.record.id for m in other], filters
