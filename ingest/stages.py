"""What happens to one file before it is embedded: read, hash, recognise, decode, prepare.

These run in threads that read, hash and ask what is known, of this machine or of others; what
touches an image's bytes runs in processes of its own, see `ingest.decoding_pool`.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from embed.encoder import Encoder
from embed.resizing import Pixels, Resizing
from ingest.decoding import Decoded, Job, Segment, VideoJob
from ingest.decoding_pool import DecodingPool
from ingest.entries import Entry
from ingest.facts import Facts
from ingest.metadata import FileFacts, make_record
from ingest.reading import FileContents
from ingest.worklist import WorkItem
from schema.errors import ImageUnreadable, SkipReason
from schema.records import ImageRecord, Vector, row_id


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A file whose image is to be embedded, or has been on another machine.

    Attributes:
        decoded: Its pixels are there until they are embedded.
        vector: Shape (dim,), float32; None where it is not embedded yet.
        before: What was known of the file.
    """

    item: WorkItem
    file: FileFacts
    decoded: Decoded
    vector: Vector | None = None
    before: Entry | None = None

    @property
    def content(self) -> str:
        """Hash of the file's bytes."""
        return self.file.content

    @property
    def pixels(self) -> Pixels | None:
        """The model's input."""
        return self.decoded.pixels

    @property
    def malformed(self) -> int:
        """Metadata values that could not be used."""
        return self.decoded.facts.malformed

    def describe(self) -> ImageRecord:
        """Return the image's record."""
        return make_record(
            self.file,
            self.decoded.facts,
            width=self.decoded.width,
            height=self.decoded.height,
            format=self.decoded.format,
            phash=self.decoded.phash,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Filmed:
    """A video whose frames are to be embedded.

    Attributes:
        record: Of the file as a whole, to make those of its frames from.
        job: Of its first segment, to make those of the others from.
        first: What became of the first segment.
        before: What was known of the file.
    """

    item: WorkItem
    file: FileFacts
    record: ImageRecord
    job: VideoJob
    first: Segment
    before: Entry | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A file whose own row says already all that there is to say of it."""

    item: WorkItem
    file: FileFacts


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file whose bytes have a row already: its own, or that of the file it was moved from.

    Attributes:
        source: What the journal says of the file that has the row.
        facts: What the file and its sidecar say by now.
        before: What was known of the file itself.
    """

    item: WorkItem
    file: FileFacts
    source: Entry
    facts: Facts
    before: Entry | None = None

    @property
    def is_own(self) -> bool:
        """Whether the row is the file's own."""
        return _is_own(self.source, self.file)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that cannot be used, and why.

    Attributes:
        file: None where it could not be opened.
        before: What the journal says of it.
    """

    item: WorkItem
    file: FileFacts | None
    before: Entry | None
    reason: SkipReason
    detail: str


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A file that was taken for known, and is not: it has to be read again and embedded."""

    item: WorkItem


Outcome = Prepared | Filmed | Kept | Recognised | Refused | Unrecognised

Reader = Callable[[WorkItem], FileContents]
"""Gives the bytes of an item, see `ingest.sources.Source.read`."""


class Known(Protocol):
    """What is known of files: the journal, or what was sent of it to another machine."""

    def find(self, root: str, path: str) -> Entry | None:
        """Return what is known of a file."""
        ...

    def find_content(self, content: str) -> Entry | None:
        """Return an indexed file of the same bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Preparation:
    """What images are prepared for. Can be sent to another machine.

    Attributes:
        resizing: The encoder's; so is ``image_size``.
        max_pixels: Limit of `embed.images.decode_image`.
    """

    resizing: Resizing
    image_size: int
    max_pixels: int

    @classmethod
    def of(cls, encoder: Encoder, max_pixels: int) -> "Preparation":
        """Return what an encoder asks for."""
        return cls(encoder.resizing, encoder.image_size, max_pixels)


class Preparer:
    """Takes files as far as they can go without the encoder's model. Safe in many threads."""

    def __init__(
        self, preparation: Preparation, known: Known, decoding: DecodingPool, read: Reader
    ) -> None:
        self._preparation = preparation
        self._known = known
        self._decoding = decoding
        self._read = read

    def __call__(self, item: WorkItem, *, recognise: bool = True) -> Outcome:
        """Read a file and prepare its image, unless its bytes have a row already.

        Args:
            recognise: Whether to look for such a row; if not, the image is always prepared.
        """
        before = self._known.find(item.root.id, item.file.path)
        if item.file.developed:
            detail = f"{item.file.developed}, which its camera developed of it, stands for both"
            return Refused(item, None, before, SkipReason.DEVELOPED, detail)
        try:
            found = self._read(item)
        except ImageUnreadable as refusal:
            return Refused(item, None, before, refusal.reason, refusal.detail)
        file = found.file
        try:
            if found.refusal is not None:
                raise found.refusal
            source = self._row_of(file, before) if recognise else None
            if source is not None and _says_it_all(source, file):
                return Kept(item, file)
            if found.video:
                return self._film(item, found, source, before)
            if source is None:
                decoded = self._decode(item, found, self._preparation.resizing)
                return Prepared(item, file, decoded, before=before)
            facts = self._decode(item, found, None).facts
            return Recognised(item, file, source, facts, before)
        except ImageUnreadable as refusal:
            return Refused(item, file, before, refusal.reason, refusal.detail)

    def _row_of(self, file: FileFacts, before: Entry | None) -> Entry | None:
        """Return an entry whose row holds the same bytes, the file's own if it can be."""
        if before and before.state == "indexed" and before.content == file.content:
            return before
        return self._known.find_content(file.content)

    def _film(
        self, item: WorkItem, found: FileContents, source: Entry | None, before: Entry | None
    ) -> Filmed | Recognised:
        resizing = self._preparation.resizing if source is None else None
        job = VideoJob(
            item.location, found.video, found.sidecar, resizing, self._preparation.max_pixels
        )
        first = self._decoding.look(job)
        if source is not None:
            return Recognised(item, found.file, source, first.facts, before)
        record = make_record(
            found.file, first.facts, width=0, height=0, format=found.video, phash=None
        )
        return Filmed(item, found.file, record, replace(job, plan=first.plan), first, before)

    def _decode(self, item: WorkItem, found: FileContents, resizing: Resizing | None) -> Decoded:
        job = Job(
            found.sidecar, resizing, self._preparation.image_size, self._preparation.max_pixels
        )
        return self._decoding.decode(job, found.data, name=item.location)


def _is_own(source: Entry, file: FileFacts) -> bool:
    """Whether an entry is a file's own, and its row has the id of its place."""
    place = (source.root, source.path)
    has_id = source.is_video or source.row_id == row_id(*place)
    return has_id and place == (file.root, file.path)


def _says_it_all(source: Entry, file: FileFacts) -> bool:
    """Whether a row is the file's own, and was made of it and its sidecar as they are."""
    said = (source.size_bytes, source.mtime_ns, source.sidecar_ns)
    return _is_own(source, file) and said == (
        file.size_bytes,
        file.mtime_ns,
        file.sidecar_ns,
    )


In = TypeVar("In")
Out = TypeVar("Out")


def map_ahead(
    function: Callable[[In], Out], items: Iterable[In], pool: Executor, look_ahead: int
) -> Generator[Out, None, None]:
    """Yield the results in the order of the items, with at most ``look_ahead`` begun or waiting.

    In order, so that two runs make the same batches. When the iteration stops early, what has
    not begun is cancelled.
    """
    waiting: deque[Future[Out]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= look_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
