"""What the journal says of one file."""

from dataclasses import dataclass
from typing import Literal, Self

from schema.records import ImageRecord, first_frame_id

RACY_NS = 2_000_000_000
"""A file changed again within one tick of its file system's clock keeps its size and mtime. The
coarsest clock in use, FAT's, ticks every two seconds."""

State = Literal["indexed", "skipped"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file at the time it was last read.

    Attributes:
        inode: 0 where unknown.
        content: Hash of the bytes, see `schema.records.content_hash`; "" if they were not read.
        row_id: Its row where ``state`` is "indexed", of a video that of its first frame; else "".
        reason: Why it has no row (a `SkipReason`), else ""; ``detail`` says it to people.
        read_ns: When its bytes were read, nanoseconds since the epoch; 0 where unknown.
        scan: Number of the last scan that saw the file; 0 for none.
        sidecar_ns: Modification time of its sidecar when that was read, 0 where there was none.
    """

    root: str
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    state: State
    content: str
    row_id: str
    reason: str
    detail: str
    read_ns: int
    scan: int
    sidecar_ns: int = 0

    @property
    def is_racy(self) -> bool:
        """Whether the file may have changed after it was read without a trace in its mtime."""
        return self.read_ns != 0 and abs(self.read_ns - self.mtime_ns) < RACY_NS

    @property
    def is_video(self) -> bool:
        """Whether it has a row for each of its frames."""
        return self.row_id == first_frame_id(self.root, self.path)

    @classmethod
    def of(cls, record: ImageRecord) -> Self:
        """Return the entry that a row tells of; nothing is known of when its file was read.

        Args:
            record: The one that stands for its file, see `ImageRecord.is_first`.
        """
        return cls(
            root=record.root,
            path=record.path,
            size_bytes=record.size_bytes,
            mtime_ns=record.mtime_ns,
            inode=0,
            state="indexed",
            content=record.content,
            row_id=record.id,
            reason="",
            detail="",
            read_ns=0,
            scan=0,
        )
