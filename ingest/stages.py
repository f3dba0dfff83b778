"""What happens to one file before it is embedded: read, hash, recognise, decode, prepare.

These run in worker threads. Pillow releases the interpreter's lock while it decodes and resizes,
so threads use all cores without the price of handing pixels from process to process.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TypeVar

from embed.encoder import Encoder, Pixels
from embed.images import decode_image
from ingest.entries import Entry
from ingest.journal import Journal
from ingest.metadata import FileFacts, make_record
from ingest.reading import FileContents
from ingest.worklist import WorkItem
from schema.errors import ImageUnreadable, SkipReason
from schema.records import ImageRecord, row_id


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A file whose image is to be embedded."""

    file: FileFacts
    record: ImageRecord
    pixels: Pixels

    @property
    def content(self) -> str:
        """Hash of the file's bytes."""
        return self.file.content


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file whose bytes have a row already: its own, or that of the file it was moved from.

    Attributes:
        source: What the journal says of the file that has the row.
    """

    item: WorkItem
    file: FileFacts
    source: Entry

    @property
    def is_own(self) -> bool:
        """Whether the row is the file's own."""
        return self.source.row_id == row_id(self.file.root, self.file.path)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that cannot be used, and why.

    Attributes:
        file: None where not even its bytes could be read.
        before: What the journal says of it.
    """

    item: WorkItem
    file: FileFacts | None
    before: Entry | None
    reason: SkipReason
    detail: str


Outcome = Prepared | Recognised | Refused

Reader = Callable[[WorkItem], FileContents]
"""Gives the bytes of an item, see `ingest.sources.Source.read`."""


class Preparer:
    """Takes files as far as they can go without the encoder's model. Safe in many threads."""

    def __init__(self, encoder: Encoder, journal: Journal, max_pixels: int, read: Reader) -> None:
        self._encoder = encoder
        self._journal = journal
        self._max_pixels = max_pixels
        self._read = read

    def __call__(self, item: WorkItem, *, recognise: bool = True) -> Outcome:
        """Read a file and prepare its image, unless its bytes have a row already.

        Args:
            recognise: Whether to look for such a row; if not, the image is always prepared.
        """
        before = self._journal.find(item.root.id, item.file.path)
        if item.file.developed:
            detail = f"{item.file.developed}, which its camera developed of it, stands for both"
            return Refused(item, None, before, SkipReason.DEVELOPED, detail)
        try:
            found = self._read(item)
        except ImageUnreadable as refusal:
            return Refused(item, None, before, refusal.reason, refusal.detail)
        file = found.file
        if recognise:
            if before and before.state == "indexed" and before.content == file.content:
                return Recognised(item, file, before)
            source = self._journal.find_content(file.content)
            if source:
                return Recognised(item, file, source)
        try:
            decoded = decode_image(
                found.data, target_size=self._encoder.image_size, max_pixels=self._max_pixels
            )
        except ImageUnreadable as refusal:
            return Refused(item, file, before, refusal.reason, refusal.detail)
        pixels = self._encoder.prepare(decoded.image)
        record = make_record(file, decoded, found.sidecar, found.captions)
        return Prepared(file, record, pixels)


In = TypeVar("In")
Out = TypeVar("Out")


def map_ahead(
    function: Callable[[In], Out], items: Iterable[In], pool: Executor, look_ahead: int
) -> Iterator[Out]:
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
