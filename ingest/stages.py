"""What happens to one file before it is embedded: read, hash, recognise, decode, prepare.

These run in worker threads. Pillow releases the interpreter's lock while it decodes and resizes,
so threads use all cores without the price of handing pixels from process to process.
"""

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from errno import ENOENT, ENOTDIR
from typing import TypeVar

from embed.encoder import Encoder, Pixels
from embed.images import decode_image
from ingest.journal import Entry, Journal
from ingest.metadata import FileFacts, make_record
from ingest.worklist import WorkItem
from schema.errors import ImageUnreadable, SkipReason
from schema.records import ImageRecord, content_hash, row_id

MAX_FILE_BYTES = 1 << 30
"""A file is read whole, one per worker: this bounds what a run holds at worst."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A file whose image is to be embedded."""

    file: FileFacts
    record: ImageRecord
    pixels: Pixels


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


class Preparer:
    """Takes files as far as they can go without the encoder's model. Safe in many threads."""

    def __init__(self, encoder: Encoder, journal: Journal, max_pixels: int) -> None:
        self._encoder = encoder
        self._journal = journal
        self._max_pixels = max_pixels

    def __call__(self, item: WorkItem, *, recognise: bool = True) -> Outcome:
        """Read a file and prepare its image, unless its bytes have a row already.

        Args:
            recognise: Whether to look for such a row; if not, the image is always prepared.
        """
        before = self._journal.find(item.root.id, item.file.path)
        try:
            data, file = read_file(item)
        except ImageUnreadable as refusal:
            return Refused(item, None, before, refusal.reason, refusal.detail)
        if recognise:
            if before and before.state == "indexed" and before.content == file.content:
                return Recognised(item, file, before)
            source = self._journal.find_content(file.content)
            if source:
                return Recognised(item, file, source)
        try:
            decoded = decode_image(
                data, target_size=self._encoder.image_size, max_pixels=self._max_pixels
            )
        except ImageUnreadable as refusal:
            return Refused(item, file, before, refusal.reason, refusal.detail)
        pixels = self._encoder.prepare(decoded.image)
        return Prepared(file, make_record(file, decoded), pixels)


def read_file(item: WorkItem) -> tuple[bytes, FileFacts]:
    """Return a file's bytes, and what it was when they were read.

    Size and mtime are those from before the reading: a file that changes meanwhile differs from
    them at the next scan, and is read again.

    Raises:
        ImageUnreadable: The file is gone, not to be read, not a regular file, or too large.
    """
    read_ns = time.time_ns()
    try:
        # Should a FIFO have taken the file's place, opening it must not wait for a writer.
        handle = os.open(item.location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                raise ImageUnreadable(
                    SkipReason.NOT_AN_IMAGE, "no longer a regular file; put the image back"
                )
            if facts.st_size > MAX_FILE_BYTES:
                raise ImageUnreadable(
                    SkipReason.TOO_LARGE,
                    f"the file has {facts.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,}; "
                    "save the image smaller",
                )
            data = stream.read(facts.st_size)
    except OSError as error:
        if error.errno in (ENOENT, ENOTDIR):
            detail = "the file vanished between the scan and its reading; ingest again"
            raise ImageUnreadable(SkipReason.VANISHED, detail) from error
        detail = f"the file cannot be read ({error.strerror}); check its permissions and disk"
        raise ImageUnreadable(SkipReason.UNREADABLE, detail) from error
    file = FileFacts(
        root=item.root.id,
        path=item.file.path,
        size_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        inode=facts.st_ino,
        content=content_hash(data),
        read_ns=read_ns,
    )
    return data, file


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
