"""The second half of a run: the files of a work list become rows."""

from contextlib import ExitStack
from dataclasses import replace

from ingest.entries import Entry, State
from ingest.metadata import FileFacts, make_record
from ingest.report import Progress, Skip, Tally
from ingest.runner import Prepare, Runner, Task
from ingest.stages import Kept, Outcome, Prepared, Recognised, Refused, Unrecognised
from ingest.worklist import Worklist
from ingest.writer import Kind, Result, Writer
from schema.errors import SkipReason
from schema.records import Embedded, Vector, row_id
from schema.store import Store

ASIDE = 256
"""Files that need no encoder are collected up to this number for one call of the store."""


def index(
    work: Worklist,
    number: int,
    *,
    runner: Runner,
    task: Task,
    store: Store,
    tally: Tally,
    progress: Progress,
) -> None:
    """Read every file of the work list, and write its row unless it cannot be used.

    Args:
        number: Of the scan that made the list.

    Raises:
        StoreError: The store failed; so with every error of the encoder and the journal. What had
            been embedded before is written, if it can be.
    """
    writer = Writer(store, task.journal, tally)
    with ExitStack() as at_the_end:
        # Also after a second Ctrl-C while the runner ends: it would keep the process alive.
        at_the_end.callback(writer.stop)
        indexer = _Indexer(task, writer, store, progress, number)
        if len(work):
            indexer.run(at_the_end.enter_context(runner.preparing(task)), work)
        indexer.finish()


class _Indexer:
    """Collects outcomes into batches, one kind by one, and sees them to the writer."""

    def __init__(
        self,
        task: Task,
        writer: Writer,
        store: Store,
        progress: Progress,
        number: int,
    ) -> None:
        self._writer = writer
        self._store = store
        self._journal = task.journal
        self._encoder = task.encoder
        self._batch_size = task.batch_size
        self._progress = progress
        self._number = number
        self._again: Worklist
        self._batch: list[Prepared] = []
        self._recognised: list[Recognised] = []
        self._aside: list[Result] = []

    def run(self, prepare: Prepare, work: Worklist) -> None:
        """See all files of a work list to the writer, reading those again that have to be."""
        items, recognise = work, True
        with ExitStack() as lists:
            while len(items):
                self._again = lists.enter_context(Worklist())
                for outcome in prepare(items, recognise=recognise):
                    self.take(outcome)
                self.settle()
                items, recognise = self._again, False

    def take(self, outcome: Outcome) -> None:
        """Put an outcome to others of its kind, and see to them when they are enough."""
        match outcome:
            case Prepared():
                self._batch.append(outcome)
                if len(self._batch) >= self._batch_size:
                    self._encode()
            case Kept():
                self._aside.append(Result("unchanged", self._indexed(outcome.file)))
            case Recognised():
                self._recognised.append(outcome)
                if len(self._recognised) >= ASIDE:
                    self._resolve()
            case Refused():
                self._aside.append(self._refuse(outcome))
            case Unrecognised():
                self._again.add(outcome.item)
        if len(self._aside) >= ASIDE:
            self._flush_aside()

    def settle(self) -> None:
        """Hand over what is left: then it is known which files have to be read again."""
        self._resolve()
        self._encode()
        self._flush_aside()

    def finish(self) -> None:
        """Wait until all is written."""
        self._writer.finish()
        self._journal.drop_vectors()

    def _encode(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        vectors = self._vectors(batch)
        for done in batch:
            if done.content not in vectors:
                # It was not embedded elsewhere because its vector was known here, until now.
                self._again.add(done.item)
        self._hand_over(
            [
                Result(
                    "indexed",
                    self._indexed(done.file),
                    Embedded(done.describe(), vectors[done.content]),
                    malformed=done.malformed,
                )
                for done in batch
                if done.content in vectors
            ]
        )

    def _vectors(self, batch: list[Prepared]) -> dict[str, Vector]:
        """Embed a batch, each content once, except what was embedded before: by a run that was
        interrupted, in this one after the file had been read, or on another machine.
        """
        contents = [done.content for done in batch]
        vectors = self._journal.kept_vectors(contents) | self._stored(contents)
        fresh = [done for done in batch if done.content not in vectors]
        embedded = {done.content: done.vector for done in fresh if done.vector is not None}
        pixels = {done.content: done.pixels for done in fresh if done.pixels is not None}
        if pixels:
            found = self._encoder.encode_images(list(pixels.values()))
            embedded |= dict(zip(pixels, found, strict=True))
        if embedded:
            self._journal.keep_vectors(embedded)
            vectors |= embedded
        return vectors

    def _stored(self, contents: list[str]) -> dict[str, Vector]:
        ids = self._journal.rows_of(contents)
        if not ids:
            return {}
        vectors = self._store.vectors(list(ids))
        records = self._store.get(list(ids))
        return {
            content: vectors[row]
            for row, content in ids.items()
            if row in vectors and row in records and records[row].content == content
        }

    def _resolve(self) -> None:
        """Give recognised files the vectors of the rows they were recognised by.

        A row that is not there, or holds other bytes by now, is no help: the file is embedded.
        """
        waiting, self._recognised = self._recognised, []
        if not waiting:
            return
        ids = list({known.source.row_id for known in waiting})
        # First the vectors, then the records: a record that still has the expected content has
        # not been replaced before its vector was read.
        vectors = self._store.vectors(ids)
        records = self._store.get(ids)
        results = []
        for known in waiting:
            record, vector = records.get(known.source.row_id), vectors.get(known.source.row_id)
            if record is None or vector is None or record.content != known.file.content:
                self._again.add(known.item)
                continue
            described = make_record(
                known.file,
                known.facts,
                width=record.width,
                height=record.height,
                format=record.format,
                phash=record.phash,
                labels=record.labels,
            )
            row = Embedded(described, vector)
            kind: Kind = "unchanged" if known.is_own else "moved"
            results.append(
                Result(kind, self._indexed(known.file), row, malformed=known.facts.malformed)
            )
        self._hand_over(results)

    def _flush_aside(self) -> None:
        results, self._aside = self._aside, []
        self._hand_over(results)

    def _hand_over(self, results: list[Result]) -> None:
        if results:
            self._writer.put(results)
            self._progress.advance(len(results))

    def _indexed(self, file: FileFacts) -> Entry:
        return _entry(file, self._number, "indexed")

    def _refuse(self, refused: Refused) -> Result:
        before, found = refused.before, refused.item.file
        skip = Skip.of(refused.item.location, refused.reason, refused.detail)
        if refused.reason is SkipReason.VANISHED:
            # Not seen by this scan: if it had a row, that goes with the others that are gone.
            return Result("skipped", None, skip=skip)
        indexed = before if before is not None and before.state == "indexed" else None
        if indexed is not None and _may_be_as_before(refused, indexed):
            # The row stays, and the next scan tries again.
            return Result("skipped", replace(indexed, scan=self._number), skip=skip)
        file = refused.file or FileFacts(
            root=refused.item.root.id,
            path=found.path,
            size_bytes=found.size_bytes,
            mtime_ns=found.mtime_ns,
            inode=found.inode,
            content="",
            read_ns=0,
            sidecar_ns=found.sidecar_ns,
        )
        entry = _entry(file, self._number, "skipped", refused.reason.value, refused.detail)
        return Result("skipped", entry, skip=skip, drop=indexed.row_id if indexed else "")


def _may_be_as_before(refused: Refused, indexed: Entry) -> bool:
    """Whether a refused file may hold the image still that its row was made of."""
    match refused.reason:
        case SkipReason.UNREADABLE:
            return True
        case SkipReason.MISSING_PLUGIN:
            return refused.file is not None and refused.file.content == indexed.content
    return False


def _entry(file: FileFacts, number: int, state: State, reason: str = "", detail: str = "") -> Entry:
    return Entry(
        root=file.root,
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        inode=file.inode,
        state=state,
        content=file.content,
        row_id=row_id(file.root, file.path) if state == "indexed" else "",
        reason=reason,
        detail=detail,
        read_ns=file.read_ns,
        scan=number,
        sidecar_ns=file.sidecar_ns,
    )
