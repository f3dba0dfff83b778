"""What a filter means, and how much of it a Milvus can be asked for.

A filter is a value. Its meaning is `Filter.matches`, a predicate on a record. `Filter.expression`
is its push-down: a Milvus boolean expression that no matching row fails. Where the expression says
all (`Filter.is_exact`), nothing need be looked at again; else the rows it lets through are judged
by the predicate. What is unknown matches no filter; so `Not` a filter matches what is unknown.

Only operators that every Milvus from 2.3 on has appear in expressions: comparisons of numbers and
texts, ``and``, ``or``, ``not``. A prefix is asked for as a range of texts, so that no value is
ever read as a pattern.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, cos, degrees, radians, sin, sqrt
from typing import Literal, Protocol

from schema.fields import UNKNOWN_INT
from schema.records import ImageRecord

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the GRS 80 ellipsoid (Moritz, "Geodetic Reference System 1980", 2000)."""

BOX_SLACK_DEGREES = 1e-6
"""A box is so much (0.1 m) wider than its circle, so that rounding loses none of the rim."""

MAX_NUMBER = 2**53
"""Bound on the limits of a range; far below what an INT64 holds, far above every real value."""

NumberField = Literal["taken_at", "rating", "width", "height", "iso_speed"]
TextField = Literal["camera", "lens", "place", "country", "name"]
CodeField = Literal["view", "format"]


class Filter(Protocol):
    """One condition on rows."""

    @property
    def expression(self) -> str:
        """A Milvus expression that every matching row fulfils; "" where there is none."""
        ...

    @property
    def is_exact(self) -> bool:
        """Whether only matching rows fulfil the expression."""
        ...

    def matches(self, record: ImageRecord) -> bool:
        """Whether a row fulfils the condition."""
        ...


@dataclass(frozen=True, slots=True)
class Between:
    """A known whole number from ``low`` to ``high``, both included; ``None`` is no limit.

    Raises:
        ValueError: A limit is beyond `MAX_NUMBER` either way.
    """

    field: NumberField
    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        for limit in (self.low, self.high):
            if limit is not None and abs(limit) > MAX_NUMBER:
                raise ValueError(f"{limit} is beyond {MAX_NUMBER:,}, the largest limit of a range")

    @property
    def expression(self) -> str:
        low = f"{self.field} > {UNKNOWN_INT}" if self.low is None else f"{self.field} >= {self.low}"
        return low if self.high is None else f"({low} and {self.field} <= {self.high})"

    @property
    def is_exact(self) -> bool:
        return True

    def matches(self, record: ImageRecord) -> bool:
        value: int | None = getattr(record, self.field)
        return (
            value is not None
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


@dataclass(frozen=True, slots=True)
class Contains:
    """A text that contains another, whatever the case of either."""

    field: TextField
    part: str

    @property
    def expression(self) -> str:
        return "" if self.field == "name" else f'{self.field} != ""'

    @property
    def is_exact(self) -> bool:
        return False

    def matches(self, record: ImageRecord) -> bool:
        value: str | None = getattr(record, self.field)
        return bool(value) and self.part.casefold() in str(value).casefold()


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag, whole, whatever its case, given by people or by a model."""

    tag: str

    @property
    def expression(self) -> str:
        return ""

    @property
    def is_exact(self) -> bool:
        return False

    def matches(self, record: ImageRecord) -> bool:
        wanted = self.tag.casefold()
        return any(tag.casefold() == wanted for tag in (*record.tags, *record.labels))


@dataclass(frozen=True, slots=True)
class Coded:
    """A short lower-case name out of a fixed set: the view or the format of an image."""

    field: CodeField
    code: str

    @property
    def expression(self) -> str:
        value = quote(self.code)
        return "" if value is None else f"{self.field} == {value}"

    @property
    def is_exact(self) -> bool:
        return quote(self.code) is not None

    def matches(self, record: ImageRecord) -> bool:
        return bool(getattr(record, self.field) == self.code)


@dataclass(frozen=True, slots=True)
class InFolder:
    """A path below a folder of its root, at any depth; "" is the root itself.

    Attributes:
        folder: POSIX path relative to the root, without a slash at either end; case counts.
    """

    folder: str

    @property
    def expression(self) -> str:
        # "0" is what follows "/" in the order of texts, so that the range is that of the prefix.
        first, past = quote(f"{self.folder}/"), quote(f"{self.folder}0")
        if not self.folder or first is None:
            return ""
        return f"(path >= {first} and path < {past})"

    @property
    def is_exact(self) -> bool:
        return quote(self.folder) is not None

    def matches(self, record: ImageRecord) -> bool:
        return not self.folder or record.path.startswith(f"{self.folder}/")


@dataclass(frozen=True, slots=True)
class OfFile:
    """A row of one file: its only one, or one of its frames.

    Attributes:
        root: Id of the file's root; ``path`` is relative to it, POSIX.
    """

    root: str
    path: str

    @property
    def expression(self) -> str:
        root, path = quote(self.root), quote(self.path)
        if root is None:
            return ""
        return f"root == {root}" if path is None else f"(root == {root} and path == {path})"

    @property
    def is_exact(self) -> bool:
        return quote(self.root) is not None and quote(self.path) is not None

    def matches(self, record: ImageRecord) -> bool:
        return (record.root, record.path) == (self.root, self.path)


@dataclass(frozen=True, slots=True)
class Near:
    """A position at most ``radius_km`` from another along the great circle.

    Attributes:
        lat: Degrees north, [-90, 90]; ``lon`` degrees east, [-180, 180].
    """

    lat: float
    lon: float
    radius_km: float

    @property
    def expression(self) -> str:
        """The smallest box of latitudes and longitudes around the circle.

        Half its width in longitude is asin(sin(d) / cos(lat)) for the angle d of the radius, by the
        right triangle of the pole, the centre and the point where a meridian touches the circle;
        where a pole lies within the circle, every longitude does.
        """
        angle = self.radius_km / EARTH_RADIUS_KM
        height = degrees(angle) + BOX_SLACK_DEGREES
        south, north = self.lat - height, self.lat + height
        known = f"has_gps == true and lat >= {south:.9f} and lat <= {north:.9f}"
        if south <= -90 or north >= 90:
            return f"({known})"
        half = degrees(asin(min(1.0, sin(angle) / cos(radians(self.lat))))) + BOX_SLACK_DEGREES
        west, east = self.lon - half, self.lon + half
        if west < -180:
            return f"({known} and (lon >= {west + 360:.9f} or lon <= {east:.9f}))"
        if east > 180:
            return f"({known} and (lon >= {west:.9f} or lon <= {east - 360:.9f}))"
        return f"({known} and lon >= {west:.9f} and lon <= {east:.9f})"

    @property
    def is_exact(self) -> bool:
        return False

    def matches(self, record: ImageRecord) -> bool:
        if record.lat is None or record.lon is None:
            return False
        return distance_km(self.lat, self.lon, record.lat, record.lon) <= self.radius_km


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of several conditions."""

    filters: tuple[Filter, ...]

    @property
    def expression(self) -> str:
        parts = [each.expression for each in self.filters]
        return f"({' or '.join(parts)})" if all(parts) else ""

    @property
    def is_exact(self) -> bool:
        return all(each.is_exact for each in self.filters)

    def matches(self, record: ImageRecord) -> bool:
        return any(each.matches(record) for each in self.filters)


@dataclass(frozen=True, slots=True)
class Not:
    """The rows that a condition does not match, those of unknown value among them."""

    filter: Filter

    @property
    def expression(self) -> str:
        # What is let through without matching would be lost by negating a wider expression.
        inner = self.filter.expression
        return f"not ({inner})" if inner and self.filter.is_exact else ""

    @property
    def is_exact(self) -> bool:
        return bool(self.expression)

    def matches(self, record: ImageRecord) -> bool:
        return not self.filter.matches(record)


def quote(text: str) -> str | None:
    """Return a text as a literal of a Milvus expression, or ``None`` where it has none.

    Milvus Lite and the server agree on two escapes and on printable characters as they are; a text
    with others is left to the predicate.
    """
    if not text.isprintable():
        return None
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def push_down(where: str, filters: Sequence[Filter]) -> str:
    """Return one expression for a caller's own and all that filters can push down."""
    parts = [each.expression for each in filters]
    if where.strip():
        parts.insert(0, f"({where})" if any(parts) else where)
    return " and ".join(part for part in parts if part)


def passes(record: ImageRecord, filters: Sequence[Filter]) -> bool:
    """Whether a row fulfils all of some filters."""
    return all(each.matches(record) for each in filters)


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the great-circle distance of two positions in degrees, on a sphere.

    The haversine formula (Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984) is exact
    to rounding at small distances too.
    """
    half_lat, half_lon = radians(other_lat - lat) / 2, radians(other_lon - lon) / 2
    haversine = (
        sin(half_lat) ** 2 + cos(radians(lat)) * cos(radians(other_lat)) * sin(half_lon) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(haversine)))
