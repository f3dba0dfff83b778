"""What each tool answers: the command line's JSON, and small images to look at."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from eidetic.archive import Archive
from eidetic.originals import find_video, read_original
from eidetic.results import Hit, Hits, moment
from eidetic.show import ROW_ID
from embed.thumbnail import as_webp, make_thumbnail, shrink_frame
from schema import ArchiveMissing, ImageRecord, NoUsableImage, Root, UsageError, load_roots
from search import DEFAULT_TEMPLATE

MAX_K = 50
"""Hits of one answer: a model reads all of it. More are behind ``offset``."""

MAX_IMAGES = 20
"""Small images of one answer: a model looks at all of them."""

MAX_CLASSIFIED, MAX_LABELS = 32, 200
"""Images and labels of one call: what is encoded while a caller waits."""

HIT_SIDE, SHOWN_SIDE = 256, 512
"""Longer side in pixels of a hit's image, and of the one image that `Toolbox.show` is about."""


@dataclass(frozen=True, slots=True)
class SmallImage:
    """A row's image as a WebP file, and what is said of it."""

    caption: str
    webp: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answers.

    Attributes:
        value: A JSON object, with the keys of the command line's contract.
        images: In the order of the rows in it.
        notes: Why an image that was asked for is not among them.
    """

    value: dict[str, Any]
    images: tuple[SmallImage, ...] = ()
    notes: tuple[str, ...] = ()


class Toolbox:
    """The tools over one archive. Safe to call from many threads."""

    def __init__(self, archive: Archive, *, local_files: bool) -> None:
        """Open nothing yet.

        Args:
            local_files: Whether a caller may name image files of this machine: true only where
                the caller is the user who started this process.
        """
        self.archive = archive
        self.local_files = local_files
        self._lock = threading.Lock()

    def search(self, query: str, *, k: int, offset: int, images: int) -> Answer:
        """Answer a query in the language of `search.grammar`.

        Raises:
            EideticError: As `Archive.search` does.
        """
        archive = self._opened()
        hits = archive.search(query, k=k, offset=offset, local_files=self.local_files)
        return self._with_images(hits, images)

    def similar(self, image: str, *, k: int, offset: int, images: int) -> Answer:
        """Find what is most like a row or, where that is allowed, an image file.

        Raises:
            EideticError: As `Archive.similar` does.
        """
        archive = self._opened()
        if ROW_ID.fullmatch(image):
            # Always the row, never a file that happens to have such a name.
            hits = archive.search(f"+{image}", k=k, offset=offset, local_files=False)
        else:
            self._allow_file(image)
            hits = archive.similar(image, k=k, offset=offset)
        return self._with_images(hits, images)

    def classify(self, images: Sequence[str], labels: Sequence[str], *, template: str) -> Answer:
        """Score labels for rows, then for image files where these are allowed.

        Raises:
            EideticError: As `Archive.classify` and `Archive.classify_rows` do.
        """
        ids = [image for image in images if ROW_ID.fullmatch(image)]
        files = [image for image in images if not ROW_ID.fullmatch(image)]
        for file in files:
            self._allow_file(file)
        # Files can be judged before there is an archive, by the model of the settings.
        with nullcontext() if ids else suppress(ArchiveMissing):
            self._opened()
        found: list[dict[str, Any]] = []
        unusable: list[dict[str, str]] = []
        template = template or DEFAULT_TEMPLATE
        if ids:
            rows = self.archive.classify_rows(ids, labels, template=template)
            for id_, classified in zip(ids, rows, strict=True):
                found.append({"id": id_} | classified.as_dict())
        if files or not ids:
            judged = self.archive.classify(files, labels, template=template)
            found += judged.as_list()
            unusable = [{"path": file.path, "detail": file.detail} for file in judged.unusable]
        return Answer({"images": found, "unusable": unusable})

    def show(self, image: str) -> Answer:
        """Tell everything known of one image, and show it if it has a row.

        Raises:
            EideticError: As `Archive.show` does.
        """
        if not ROW_ID.fullmatch(image):
            self._allow_file(image)
        facts = self._opened().show(image)
        records = [facts.record] if facts.record is not None else []
        shown, notes = self._shrink(((facts.path, record) for record in records), SHOWN_SIDE)
        return Answer(facts.as_dict(), shown, notes)

    def _opened(self) -> Archive:
        """Return the archive with its store open: two first calls must not both open it."""
        with self._lock:
            _ = self.archive.collection
        return self.archive

    def _allow_file(self, image: str) -> None:
        if not self.local_files:
            raise UsageError(
                f"{image[:80]!r}: images are named here by the id of their row, 40 hexadecimal "
                "digits as `search` answers them; files of this machine are not read for callers "
                "over a network"
            )

    def _with_images(self, hits: Hits, count: int) -> Answer:
        first = [(_caption(hit), hit.record) for hit in hits[:count]]
        return Answer(hits.as_dict(), *self._shrink(first, HIT_SIDE))

    def _shrink(
        self, captioned: Iterable[tuple[str, ImageRecord]], side: int
    ) -> tuple[tuple[SmallImage, ...], tuple[str, ...]]:
        """Return small images of rows, and why there are none of the others."""
        roots = {root.id: root for root in load_roots(self.archive.settings.roots_file)}
        images: list[SmallImage] = []
        notes: list[str] = []
        for caption, record in captioned:
            try:
                images.append(SmallImage(caption, _small(record, roots, side)))
            except NoUsableImage as error:
                notes.append(f"{caption}: not shown: {error}")
        return tuple(images), tuple(notes)


def _small(record: ImageRecord, roots: Mapping[str, Root], side: int) -> bytes:
    """Return a row's image or frame as a small WebP file."""
    if record.view != "frame":
        return make_thumbnail(read_original(record, roots), side=side)
    video = find_video(record, roots)
    return as_webp(shrink_frame(video, record.format, record.offset_ms, side=side))


def _caption(hit: Hit) -> str:
    at = moment(hit.record)
    return f"rank {hit.rank}: {hit.path}" + (f" at {at}" if at else "")
