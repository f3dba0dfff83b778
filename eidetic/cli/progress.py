"""The progress bar of an ingest on stderr: files found, then a rate and an end time."""

from types import TracebackType
from typing import Self

from tqdm import tqdm


class Bar:
    """An `ingest.Progress` that shows a bar, or nothing where it would not be seen."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: tqdm | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._close()

    def found(self, files: int) -> None:
        """Show how many files the scan has found."""
        if self._bar is None:
            self._bar = self._open("scanning", None)
        self._bar.update(files - self._bar.n)

    def start(self, total: int) -> None:
        """Show how many of the files have to be read."""
        self._close()
        if total:
            self._bar = self._open("indexing", total)

    def advance(self, files: int) -> None:
        """Show that so many more are done."""
        if self._bar is not None:
            self._bar.update(files)

    def _open(self, doing: str, total: int | None) -> tqdm:
        return tqdm(
            desc=doing, total=total, unit=" images", disable=not self._shown, dynamic_ncols=True
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
