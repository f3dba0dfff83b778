"""What crosses from room to room: one image's facts, its vector, and what a search gives back."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

View = Literal["photo", "frame", "crop"]

TakenFrom = Literal["exif", "xmp", "iptc", "video", "name", "file"]
"""Who says when an image was taken: metadata in the file or beside it ("video" for a video's own),
the file's name, or only the file's modification time."""

Vector = NDArray[np.float32]
"""One embedding: shape (dim,), float32, unit L2 norm."""

Vectors = NDArray[np.float32]
"""A batch of embeddings: shape (n, dim), float32, each row of unit L2 norm."""

MIN_SCORE, MAX_SCORE = -1.0, 1.0
"""Bounds of a score, which is a cosine similarity."""


def row_id(root: str, path: str, view: View = "photo", offset_ms: int = 0) -> str:
    """Return the primary key of a row: 40 hex digits of blake2b-160.

    The key depends only on where the image lives, so that ingesting it again replaces its row.
    """
    key = "\0".join((root, path, view, str(offset_ms)))
    return blake2b(key.encode(), digest_size=20).hexdigest()


def first_frame_id(root: str, path: str) -> str:
    """Return the key of the row that a video has for certain, see `ImageRecord.is_first`."""
    return row_id(root, path, "frame", 0)


def content_hash(data: bytes) -> str:
    """Return 32 hex digits of blake2b-128 over a file's bytes."""
    return new_content_hash(data).hexdigest()


def new_content_hash(data: bytes = b"") -> blake2b:
    """Return the hash of `content_hash`, to be fed with a file's bytes piece by piece."""
    return blake2b(data, digest_size=16)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """Everything known about one row except its vector. ``None`` means unknown.

    Attributes:
        id: Primary key, see `row_id`.
        root: Id of the root the image was found under.
        path: POSIX path relative to the root.
        content: Hash of the file's bytes, see `content_hash`.
        view: What the row stands for; ``offset_ms`` is the time of a video frame, else 0.
        mtime_ns: Modification time of the file, nanoseconds since the epoch.
        width: Pixels after orientation, as a viewer shows the image; so is ``height``.
        format: Lower-case name of the format found in the bytes ("jpeg", "png").
        taken_at: Milliseconds since the epoch of the local wall clock at capture.
        taken_from: Who says so; a file's date often is that of a copy.
        utc_offset_min: Minutes east of UTC of that wall clock.
        shutter_s: Exposure time in seconds; ``focal_mm`` millimetres; ``aperture`` f-number.
        lat: Degrees north, [-90, 90]; ``lon`` degrees east, [-180, 180]. Both or neither.
        place: Name of the city or place; so is ``country``. As written in the metadata, else by the
            position.
        rating: Stars, 1 to 5, or -1 for rejected; none is unknown.
        tags: Keywords that people gave, from the metadata.
        labels: Tags that a model gave, see `search.tagging`; kept while the content is the same.
        text: Words to search by: file and folder names, title, description, keywords, place.
        phash: Perceptual hash, a signed 64-bit integer.
    """

    id: str
    root: str
    path: str
    content: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    view: View = "photo"
    offset_ms: int = 0
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
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    text: str = ""
    phash: int | None = None

    @property
    def folder(self) -> str:
        """The path's parent, "" for an image directly in its root."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The file name, with its extension."""
        return self.path.rpartition("/")[2]

    @property
    def is_first(self) -> bool:
        """Whether it stands for its file: a photo, or a video's first frame, written last of all.

        Where it is, the other frames of the same content are.
        """
        return self.view == "photo" or (self.view == "frame" and self.offset_ms == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A record and its vector: one row ready to be written.

    Attributes:
        vector: Shape (dim,), float32, unit L2 norm.
    """

    record: ImageRecord
    vector: Vector


@dataclass(frozen=True, slots=True)
class Worded:
    """One row that has words of a query in its text.

    Attributes:
        bm25: How well by BM25, above 0, higher is better. Comparable within one answer only.
    """

    record: ImageRecord
    bm25: float


@dataclass(frozen=True, slots=True)
class Match:
    """One neighbour of a query vector.

    Attributes:
        score: Cosine similarity in [-1, 1], higher is better.
        vector: The row's own, where it was asked for with the match: shape (dim,), float32, unit
            norm.
        neutral: The vector's product with `schema.store.Collection.neutral_mean`, where the
            store holds it.
    """

    record: ImageRecord
    score: float
    vector: Vector | None = field(default=None, compare=False, repr=False)
    neutral: float | None = field(default=None, compare=False, repr=False)
