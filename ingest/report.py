"""What a run did: the report, the tally it grows from, and how a run ends early with it."""

import os
from dataclasses import dataclass, field
from typing import Protocol

from schema.errors import NoUsableImage, SkipReason, UsageError


@dataclass(frozen=True, slots=True)
class Skip:
    r"""One file or folder without a row, and why.

    Attributes:
        path: Absolute path; bytes that are not UTF-8 are shown as ``\xNN``.
        detail: One sentence for people.
    """

    path: str
    reason: SkipReason
    detail: str

    @classmethod
    def of(cls, path: str, reason: SkipReason, detail: str) -> "Skip":
        """Return the skip of a path as the operating system names it."""
        return cls(shown_path(path), reason, detail)


def shown_path(path: str) -> str:
    r"""Return a path as it can be printed and stored: bytes that are not UTF-8 become ``\xNN``."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one run did. Every file is in exactly one of four counts: ``scanned`` is the sum of
    ``indexed``, ``unchanged``, ``moved`` and ``skipped``, unless the run was interrupted.

    Attributes:
        scanned: Files that may be images, and whatever could not be looked at.
        indexed: Images and videos embedded, new or changed.
        frames: Rows of frames of videos that were written.
        unchanged: Files whose rows stay, those with only a new date among them.
        moved: Files whose vectors came from another file of the same bytes.
        removed: Files whose rows were dropped: they are gone, or hold no readable image any more.
        skipped: Files without a row; ``skips`` names each.
        cut_values: Metadata values that were cut to fit their field.
        malformed_values: Metadata values that are there and cannot be used; what they would have
            said is unknown.
        images_per_second: ``indexed`` over the whole run's ``seconds``.
    """

    scanned: int
    indexed: int
    unchanged: int
    moved: int
    removed: int
    frames: int
    skipped: int
    skips: tuple[Skip, ...]
    cut_values: int
    malformed_values: int
    seconds: float
    images_per_second: float

    def as_dict(self) -> dict[str, object]:
        """Return the report as the command line prints it, without the model and the collection."""
        return {
            "scanned": self.scanned,
            "indexed": self.indexed,
            "unchanged": self.unchanged,
            "moved": self.moved,
            "removed": self.removed,
            "frames": self.frames,
            "skipped": self.skipped,
            "skips": [
                {"path": skip.path, "reason": skip.reason.value, "detail": skip.detail}
                for skip in self.skips
            ],
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
        }


@dataclass(slots=True)
class Tally:
    """The counts of a run while it goes on. One thread at a time adds to it."""

    scanned: int = 0
    indexed: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
    frames: int = 0
    cut_values: int = 0
    malformed_values: int = 0
    skips: list[Skip] = field(default_factory=list)

    def report(self, seconds: float) -> IngestReport:
        """Return what has been counted so far."""
        return IngestReport(
            scanned=self.scanned,
            indexed=self.indexed,
            unchanged=self.unchanged,
            moved=self.moved,
            removed=self.removed,
            frames=self.frames,
            skipped=len(self.skips),
            skips=tuple(sorted(self.skips, key=lambda skip: skip.path)),
            cut_values=self.cut_values,
            malformed_values=self.malformed_values,
            seconds=seconds,
            images_per_second=self.indexed / seconds if seconds > 0 else 0.0,
        )


class IngestInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run. What had been written stays, and the next run goes on from there.

    Attributes:
        report: What had been done; nothing was removed.
    """

    def __init__(self, report: IngestReport) -> None:
        super().__init__("interrupted")
        self.report = report


class NothingUsable(NoUsableImage):
    """A run found no image that is or could be indexed.

    Attributes:
        report: What was found, and why it is of no use.
    """

    def __init__(self, message: str, report: IngestReport) -> None:
        super().__init__(message)
        self.report = report


class PruneRefused(UsageError):
    """A scan misses so much of a root that its rows were not removed; all else was done.

    Attributes:
        report: What was done.
    """

    def __init__(self, message: str, report: IngestReport) -> None:
        super().__init__(message)
        self.report = report


class Progress(Protocol):
    """Is told how a run goes on, always from the thread that called `ingest.ingest`."""

    def found(self, files: int) -> None:
        """So many files have been found so far; the scan goes on."""
        ...

    def start(self, total: int) -> None:
        """The scan is over, and so many files have to be read."""
        ...

    def advance(self, files: int) -> None:
        """So many more of them are done."""
        ...


class NoProgress:
    """Shows nothing."""

    def found(self, files: int) -> None:
        pass

    def start(self, total: int) -> None:
        pass

    def advance(self, files: int) -> None:
        pass
