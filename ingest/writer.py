"""The last stage: rows into the store, then into the journal, in a thread of its own."""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.entries import Entry
from ingest.journal import Journal
from ingest.report import Skip, Tally
from schema.records import Embedded
from schema.store import Store

WAITING_BATCHES = 2
"""Batches that wait while one is written: two smooth a slow moment of the store."""

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


class Writer:
    """Writes batches in the order they come; the caller waits only when the queue is full.

    After a failure nothing more is written, and the failure is raised in the caller's thread, by
    the next `put` or by `finish`.
    """

    def __init__(self, store: Store, journal: Journal, tally: Tally) -> None:
        self._store = store
        self._journal = journal
        self._tally = tally
        self._queue: queue.Queue[Sequence[Result] | None] = queue.Queue(WAITING_BATCHES)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="eidetic-writer")
        self._thread.start()

    def put(self, results: Sequence[Result]) -> None:
        """Hand over one batch."""
        self._raise_failure()
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
        while (results := self._queue.get()) is not None:
            # After a failure the queue is still emptied, so that no `put` waits for ever.
            if self._failure is not None:
                continue
            try:
                self._write(results)
            except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                self._failure = error

    def _write(self, results: Sequence[Result]) -> None:
        rows = [result.row for result in results if result.row is not None]
        refused = [result.entry for result in results if result.drops and result.entry]
        drops = [row for result in results for row in result.drops]
        if rows:
            self._tally.cut_values += self._store.upsert(rows)
        if drops:
            for entry in refused:
                self._journal.doubt(entry.root, [entry.path])
            self._store.delete(drops)
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
