"""What changes below some folders: told by the system, and handed on once it has settled."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from ingest.entries import RACY_NS
from ingest.names import is_candidate, is_passed_over

log = logging.getLogger(__name__)

QUIET_S = 1.0
"""A file is whole once its size and date have stayed the same for so long, and its date is older
than a tick of any file system's clock, so that the journal will believe it."""

GONE_AFTER_S = 3.0
"""Rows of deleted files go a little later than others come, so that a moved file is found in its
new place, and takes its vector along, before its old row goes."""

HELD_AT_MOST_S = 15.0
"""For so long deletions wait for files that are still being written."""

BATCH_WAIT_S = 2.0
"""For so long what has settled waits for the rest of its burst."""

POLL_MS = 2000


class Events:
    """The changes below some folders, from the system where it tells, else by looking again."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._queue: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._folders = folders

    def __enter__(self) -> Self:
        self.watch(self._folders)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._end()

    def watch(self, folders: Sequence[str]) -> None:
        """Begin anew with those of the folders that are there, and return once they are watched."""
        self._end()
        self._stop = threading.Event()
        ready = threading.Event()
        there = [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112
        if not there:
            return
        self._thread = threading.Thread(
            target=self._follow, args=(there, self._stop, ready), name="eidetic-watch", daemon=True
        )
        self._thread.start()
        ready.wait()

    def take(self) -> Iterator[tuple[str, bool]]:
        """Yield the paths that changed, and whether each was added just now."""
        while True:
            try:
                yield self._queue.get_nowait()
            except queue.Empty:
                return

    def _follow(
        self, folders: Sequence[str], stop: threading.Event, ready: threading.Event
    ) -> None:
        try:
            try:
                self._listen(folders, stop, ready, polling=False)
            except OSError as error:
                log.warning(
                    "%s; looking for changes every %d s instead, which is slower (on Linux, raise "
                    "fs.inotify.max_user_watches)",
                    error,
                    POLL_MS // 1000,
                )
                self._listen(folders, stop, ready, polling=True)
        except Exception:
            log.exception("changes can no longer be followed; start again")
            raise
        finally:
            ready.set()

    def _listen(
        self,
        folders: Sequence[str],
        stop: threading.Event,
        ready: threading.Event,
        *,
        polling: bool,
    ) -> None:
        import watchfiles

        changes = watchfiles.watch(
            *folders,
            watch_filter=None,
            debounce=400,
            step=100,
            # The first answer, of whatever kind, says that the folders are watched.
            rust_timeout=100,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=False,
            # None leaves the choice to the library, which polls where it knows it must.
            force_polling=polling or None,
            poll_delay_ms=POLL_MS,
            ignore_permission_denied=True,
        )
        for found in changes:
            ready.set()
            for change, path in found:
                self._queue.put((path, change is watchfiles.Change.added))

    def _end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None


class _Pending:
    """One path that has changed: its state when last looked at, and since when that holds."""

    def __init__(self, now_s: float) -> None:
        self.first_s = self.since_s = now_s
        self.state: tuple[int, int] | None = (-1, -1)


class Unsettled:
    """Paths that changed a moment ago, until they have stopped changing."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._pending: dict[str, _Pending] = {}

    def touch(self, path: str) -> None:
        """Note that something happened to a path."""
        pending = self._pending.setdefault(path, _Pending(self._now_s()))
        pending.since_s = self._now_s()

    def take(self) -> list[str]:
        """Return what has settled, and forget it; nothing while the rest of a burst is awaited.

        Of a folder, its files are awaited one by one.
        """
        now_s = self._now_s()
        ready = [path for path in list(self._pending) if self._is_settled(path, now_s)]
        coming = [
            p for path, p in self._pending.items() if p.state is not None and path not in ready
        ]
        gone = [path for path in ready if self._pending[path].state is None]
        if coming:
            held = [p for p in gone if now_s - self._pending[p].first_s < HELD_AT_MOST_S]
            ready = [path for path in ready if path not in set(held)]
            oldest_s = min((self._pending[path].since_s for path in ready), default=now_s)
            if now_s - oldest_s < QUIET_S + BATCH_WAIT_S:
                return []
        for path in ready:
            del self._pending[path]
        return ready

    def _is_settled(self, path: str, now_s: float) -> bool:
        pending = self._pending[path]
        state = _state(path)
        if state != pending.state:
            pending.state, pending.since_s = state, now_s
            return False
        quiet_s = now_s - pending.since_s
        if state is None:
            return quiet_s >= GONE_AFTER_S
        if quiet_s < QUIET_S:
            return False
        if os.path.isdir(path):  # noqa: PTH112
            del self._pending[path]
            for file in _files_below(path):
                self.touch(file)
            return False
        return not 0 <= time.time_ns() - state[1] < RACY_NS


def _state(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _files_below(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_passed_over(name)]
        yield from (f"{place}/{name}" for name in names if is_candidate(name))
