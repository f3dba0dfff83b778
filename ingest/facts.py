"""What an image's metadata say, and how several sources of them become one.

Precedence follows the Metadata Working Group's "Guidelines for Handling Metadata" (2.0, 2010),
with one difference that docs/metadata.md explains: what people edit is taken from where they edit
it, and what the camera measured from where the camera wrote it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from schema.records import TakenFrom


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one image; ``None`` or empty where unknown. Units as in `ImageRecord`.

    Attributes:
        rating: 0 where a source says that there is none; in a record that is unknown.
        place: As it was written, not found from the position; so is ``country``.
        malformed: Values that are there and cannot be used.
    """

    taken_at: int | None = None
    utc_offset_min: int | None = None
    taken_from: TakenFrom | None = None
    camera: str | None = None
    lens: str | None = None
    iso_speed: int | None = None
    focal_mm: float | None = None
    aperture: float | None = None
    shutter_s: float | None = None
    lat: float | None = None
    lon: float | None = None
    place: str | None = None
    country: str | None = None
    rating: int | None = None
    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    malformed: int = 0


_CAPTURED = (
    ("taken_at", "utc_offset_min", "taken_from"),
    ("camera",),
    ("lens",),
    ("iso_speed",),
    ("focal_mm",),
    ("aperture",),
    ("shutter_s",),
    ("lat", "lon"),
)
"""Facts of the capture. Those in one tuple are known together: the first decides."""

_EDITED = (
    ("place",),
    ("country",),
    ("rating",),
    ("title",),
    ("description",),
)
"""Facts that people add."""


def merge_facts(*, sidecar: Facts, xmp: Facts, iptc: Facts, exif: Facts) -> Facts:
    """Return what the four sources say together; tags are the union of all."""
    edited = (sidecar, xmp, iptc, exif)
    merged: dict[str, Any] = {}
    for groups, sources in ((_CAPTURED, (exif, xmp, iptc, sidecar)), (_EDITED, edited)):
        for names in groups:
            merged |= _first_known(names, sources)
    return Facts(
        **merged,
        tags=distinct(tag for source in edited for tag in source.tags),
        malformed=sum(source.malformed for source in edited),
    )


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts without doubles, in their order."""
    return tuple(dict.fromkeys(texts))


def _first_known(names: tuple[str, ...], sources: Sequence[Facts]) -> dict[str, Any]:
    for source in sources:
        if getattr(source, names[0]) is not None:
            return {name: getattr(source, name) for name in names}
    return {}
