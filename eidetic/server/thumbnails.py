"""Small copies of images, made once and kept on disk; of too many the oldest are dropped."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

SIZES = (160, 320, 640)
"""Pixels of the longer side: a grid's image on a plain, a fine and a large fine screen."""

PREVIEW_SIZE = 2048
"""For a viewer, of formats that browsers do not show."""

VERSION = 1
"""Changes with what is made of the same bytes."""

SHARE_KEPT = 0.9
"""Of the limit, when the oldest are dropped; so that this is rare."""

_STRIPES = 64


class Thumbnails:
    """A folder of files by content, size and kind. Safe in many threads.

    Several processes may share it: files are put in place whole, and one that is gone is made
    anew.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        """Make nothing yet.

        Args:
            folder: It need not exist.
            most_bytes: What all the files may take.
        """
        self._folder = folder / f"v{VERSION}"
        self._most_bytes = most_bytes
        self._bytes: int | None = None
        self._counting = threading.Lock()
        # One of two requests for one file makes it, the other waits.
        self._making = [threading.Lock() for _ in range(_STRIPES)]

    def find(self, key: str) -> bytes | None:
        """Return a file's bytes, or ``None`` where it has not been made or cannot be read."""
        try:
            return self._path(key).read_bytes()
        except OSError:
            return None

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return a file's bytes, making it first where it is not there.

        Args:
            key: ``CONTENT-SIZE.KIND``, see `key_of`.
            make: Returns the bytes.
        """
        with self._making[hash(key) % _STRIPES]:
            found = self.find(key)
            if found is not None:
                return found
            data = make()
            # A full or read-only disk costs time at the next request, not this answer.
            with contextlib.suppress(OSError):
                self._put(key, data)
            return data

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        with self._counting:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._files())
            else:
                self._bytes += len(data)
            if self._bytes > self._most_bytes:
                self._bytes = self._drop_oldest()

    def _drop_oldest(self) -> int:
        """Drop files until few enough are left; return the bytes of those."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self._most_bytes * SHARE_KEPT:
                break
            path.unlink(missing_ok=True)
            total -= size
        return total

    def _files(self) -> list[tuple[int, int, Path]]:
        """Return when each file was made, its bytes, and its path."""
        found = []
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                found.append((facts.st_mtime_ns, facts.st_size, path))
        return found


def key_of(content: str, size: int, kind: str) -> str:
    """Return the name of a small copy of some bytes, see `schema.records.content_hash`."""
    return f"{content}-{size}.{kind}"
