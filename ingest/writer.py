"""The last stage: rows into the store, then into the journal, in threads of its own.

One thread takes the batches in their order and writes the journal; several writes to the store may
be under way at a time, where the store gains by it. The journal hears of a batch when the store has
acknowledged it, in the order of the batches.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Literal

from ingest.entries import Entry
from ingest.journal import Journal
from ingest.report import Skip, Tally
from schema.flights import Flights
from schema.records import Embedded
from schema.store import Store

WAITING_BATCHES = 2
"""Batches that wait while others are written: two smooth a slow moment of the store."""

Kind = Literal["indexed", "unchanged", "moved", "skipped", "part"]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The end of one file's way, or of a part of it ("part"): frames of a video that goes on.

    Attributes:
        row: What to write, None if the row stays as it is or there is none.
        entry: What the journal is to say; None to leave it as it is.
        drops: Ids of rows that are no longer true.
        malformed: Metadata values of the file that could not be used.
    """

    kind: Kind
    entry: Entry | None
    row: Embedded | None = None
    skip: Skip | None = None
    drops: tuple[str, ...] = ()
    malformed: int = 0

    @property
    def stands_for_frames(self) -> bool:
        """Whether it holds the first frame of a video, which is written after all others."""
        record = self.row.record if self.row is not None else None
        return record is not None and record.view == "frame" and record.is_first


class Writer:
    """Writes batches as they come; the caller waits only where `WAITING_BATCHES` do.

    Batches about one row are written in their order. After a failure nothing more is begun, and the
    failure is raised in the caller's thread, by the next `put` or by `finish`.
    """

    def __init__(self, store: Store, journal: Journal, tally: Tally) -> None:
        self._store = store
        self._journal = journal
        self._tally = tally
        self._room = threading.Semaphore(WAITING_BATCHES)
        # Batches, writes that have ended, and None for the end.
        self._queue: SimpleQueue[Sequence[Result] | Future[int] | None] = SimpleQueue()
        self._failure: BaseException | None = None
        self._under_way: deque[tuple[Sequence[Result], Future[int]]] = deque()
        self._thread = threading.Thread(target=self._run, name="eidetic-writer")
        self._thread.start()

    def put(self, results: Sequence[Result]) -> None:
        """Hand over one batch."""
        self._raise_failure()
        self._room.acquire()
        self._queue.put(results)

    def finish(self) -> None:
        """Wait until all is written, and end the thread."""
        self.stop()
        self._raise_failure()

    def stop(self) -> None:
        """As `finish`, but without raising; calling it twice is no error."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        with Flights(self._store.writes_at_once, "eidetic-write") as flights:
            while (item := self._queue.get()) is not None:
                if isinstance(item, Future):
                    self._settle_written()
                    continue
                # After a failure the queue is still emptied, so that no `put` waits for ever.
                if self._failure is None:
                    self._begin(item, flights)
                self._room.release()
            self._settle_all()

    def _begin(self, results: Sequence[Result], flights: Flights) -> None:
        if len(self._under_way) >= self._store.writes_at_once:
            self._settle(*self._under_way.popleft())
        if any(result.drops or result.stands_for_frames for result in results):
            # What the journal is told before a row goes must not be overtaken by what it is yet
            # to be told of earlier batches; and a video's first frame says that the others are
            # there.
            self._settle_all()
            if self._failure is not None:
                return
        ids = [result.row.record.id for result in results if result.row is not None]
        written = flights.start(ids, partial(self._write, results))
        self._under_way.append((results, written))
        written.add_done_callback(self._queue.put)

    def _write(self, results: Sequence[Result]) -> int:
        """Change the store; return how many values were cut to fit."""
        rows = [result.row for result in results if result.row is not None]
        refused = [result.entry for result in results if result.drops and result.entry]
        drops = [row for result in results for row in result.drops]
        cut = self._store.upsert(rows) if rows else 0
        if drops:
            for entry in refused:
                self._journal.doubt(entry.root, [entry.path])
            self._store.delete(drops)
        return cut

    def _settle_written(self) -> None:
        while self._under_way and self._under_way[0][1].done():
            self._settle(*self._under_way.popleft())

    def _settle_all(self) -> None:
        while self._under_way:
            self._settle(*self._under_way.popleft())

    def _settle(self, results: Sequence[Result], written: "Future[int]") -> None:
        try:
            self._record(results, written.result())
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            self._failure = self._failure or error

    def _record(self, results: Sequence[Result], cut_values: int) -> None:
        """Tell the journal and the tally of a batch that is written."""
        self._tally.cut_values += cut_values
        self._journal.record([result.entry for result in results if result.entry is not None])
        self._tally.frames += sum(
            result.row is not None and result.row.record.view == "frame" for result in results
        )
        self._tally.removed += sum(bool(r.drops) and r.kind == "skipped" for r in results)
        self._tally.malformed_values += sum(result.malformed for result in results)
        for result in results:
            match result.kind:
                case "indexed":
                    self._tally.indexed += 1
                case "unchanged":
                    self._tally.unchanged += 1
                case "moved":
                    self._tally.moved += 1
        self._tally.skips += [result.skip for result in results if result.skip is not None]
