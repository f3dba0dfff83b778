"""The files a scan found new or changed, in order, kept on disk beyond a few megabytes."""

import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from ingest.walk import FoundFile
from schema.roots import Root

IN_MEMORY_BYTES = 8 << 20
"""Some 80,000 files; a first scan of an archive of millions goes to a temporary file."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One file to be read."""

    root: Root
    file: FoundFile

    @property
    def location(self) -> str:
        """Where the file can be opened, see `schema.roots.Root.locate`."""
        return self.root.locate(self.file.path)

    @property
    def sidecar_location(self) -> str:
        """Where the sidecar can be opened, if there is one."""
        return self.root.locate(self.file.sidecar)


class Worklist:
    """Items are added first and then read in the same order, any number of times."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY_BYTES, mode="w+", encoding="utf-8")  # noqa: SIM115
        self._roots: list[Root] = []
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def add(self, item: WorkItem) -> None:
        if item.root not in self._roots:
            self._roots.append(item.root)
        self._file.write(json.dumps((self._roots.index(item.root), *astuple(item.file))) + "\n")
        self._length += 1

    def __iter__(self) -> Iterator[WorkItem]:
        self._file.seek(0)
        for line in self._file:
            root, *file = json.loads(line)
            yield WorkItem(self._roots[root], FoundFile(*file))
