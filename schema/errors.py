"""The exceptions of Eidetic, one tree with one root.

EideticError                      exit 1   something nobody planned for
├── UsageError                    exit 2   a value the caller gave cannot be used
├── ArchiveError                  exit 3
│   ├── ArchiveBusy                        another process is writing into it
│   ├── ArchiveMissing                     no such archive, or nothing in it yet
│   └── ArchiveMismatch                    made with another model or schema version
├── StoreError                    exit 4   Milvus answered with an error
│   └── StoreUnreachable                   Milvus did not answer
├── ModelUnavailable              exit 5   unknown model, or its weights cannot be had
└── NoUsableImage                 exit 6   nothing to index, or the query image cannot be read
    └── ImageUnreadable                    one file that is not a readable image, and why

Every message says what went wrong, with which file or value, what the limit is, and what to do
next. Libraries raise; only the command line and the HTTP layer turn these into exit codes and
status codes.
"""

from enum import StrEnum
from typing import ClassVar


class EideticError(Exception):
    """Root of everything Eidetic raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(EideticError):
    """A value given by the caller cannot be used."""

    exit_code = 2


class ArchiveError(EideticError):
    """The archive cannot serve this call."""

    exit_code = 3


class ArchiveBusy(ArchiveError):
    """Another process is writing into the archive."""


class ArchiveMissing(ArchiveError):
    """There is no such archive, or nothing has been ingested into it."""


class ArchiveMismatch(ArchiveError):
    """The archive was made with another model, pre-processing or schema version."""


class StoreError(EideticError):
    """Milvus answered with an error."""

    exit_code = 4


class StoreUnreachable(StoreError):
    """Milvus did not answer within the bound on retries."""


class ModelUnavailable(EideticError):
    """The model spec is unknown, or its weights are neither on disk nor reachable."""

    exit_code = 5


class NoUsableImage(EideticError):
    """No image could be used where at least one was needed."""

    exit_code = 6


class SkipReason(StrEnum):
    """Why a file has no row. The values are stable: they appear in reports and the journal."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not-an-image"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too-large"
    UNREADABLE = "unreadable"
    NAME_NOT_UTF8 = "name-not-utf8"
    PATH_TOO_LONG = "path-too-long"
    VANISHED = "vanished"
    UNSUPPORTED = "unsupported-format"
    DEVELOPED = "developed"
    OUTSIDE = "outside"
    MISSING_PLUGIN = "missing-plugin"
    DECODER_CRASHED = "decoder-crashed"
    DECODER_TIMED_OUT = "decoder-timed-out"


class ImageUnreadable(NoUsableImage):
    """One file is not a readable image.

    Attributes:
        reason: The stable code that reports and the journal carry.
        detail: One sentence for people: the fact, the limit, the next step.
    """

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
