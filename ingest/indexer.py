"""The second half of a run: the files of a work list become rows."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from ingest.decoding import Frame
from ingest.decoding_pool import DecodingPool
from ingest.entries import Entry, State
from ingest.facts import Facts
from ingest.file_rows import row_ids
from ingest.filming import Film, decode_frames, embed_frames, take_over
from ingest.metadata import FileFacts, make_record
from ingest.report import Progress, Skip, Tally
from ingest.runner import Prepare, Runner, Task, default_workers
from ingest.stages import Filmed, Kept, Outcome, Prepared, Recognised, Refused, Unrecognised
from ingest.worklist import Worklist
from ingest.writer import Kind, Result, Writer
from schema.errors import ImageUnreadable, SkipReason
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
        # Segments of videos behind their first are decoded here, whoever has decoded that.
        workers = task.workers or default_workers()
        pool = ThreadPoolExecutor(workers, thread_name_prefix="eidetic-decode")
        at_the_end.callback(pool.shutdown, cancel_futures=True)
        decoding = DecodingPool()
        at_the_end.callback(decoding.close)
        decode = partial(decode_frames, look=decoding.look, pool=pool, ahead=workers + 1)
        indexer = _Indexer(task, decode, writer, store, progress, number)
        if len(work):
            indexer.run(at_the_end.enter_context(runner.preparing(task)), work)
        indexer.finish()


class _Indexer:
    """Collects outcomes into batches, one kind by one, and sees them to the writer."""

    def __init__(
        self,
        task: Task,
        decode: Callable[[Filmed], Iterator[Frame]],
        writer: Writer,
        store: Store,
        progress: Progress,
        number: int,
    ) -> None:
        self._decode = decode
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
            case Filmed():
                self._film(outcome)
            case Kept():
                self._aside.append(Result("unchanged", self._indexed(outcome.file)))
            case Recognised() if outcome.source.is_video:
                self._follow(outcome)
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
                    drops=self._frames_before(done.before),
                )
                for done in batch
                if done.content in vectors
            ]
        )

    def _film(self, filmed: Filmed) -> None:
        """Embed the frames of a video."""
        film = Film(self._store, filmed.file.root, filmed.file.path)
        try:
            embed_frames(
                film,
                filmed,
                self._decode(filmed),
                store=self._store,
                encoder=self._encoder,
                batch_size=self._batch_size,
                put=self._put_parts,
            )
            film.first()
        except ImageUnreadable as refusal:
            film.begin_anew()
            refused = Refused(
                filmed.item, filmed.file, filmed.before, refusal.reason, refusal.detail
            )
            self._hand_over([self._refuse(refused, film.stale)])
            return
        self._end(film, "indexed", filmed.file, filmed.first.facts)

    def _follow(self, known: Recognised) -> None:
        """Give a video that was moved or touched what its rows are to say."""
        film = Film(self._store, known.file.root, known.file.path)
        if take_over(film, known, store=self._store, put=self._put_parts):
            kind: Kind = "unchanged" if known.is_own else "moved"
            self._end(film, kind, known.file, known.facts)
        else:
            self._again.add(known.item)

    def _end(self, film: Film, kind: Kind, file: FileFacts, facts: Facts) -> None:
        """Drop what a video no longer has, and then write the row that stands for it."""
        self._writer.put([Result("part", None, drops=film.stale)])
        entry = replace(self._indexed(file), row_id=film.first().record.id)
        self._hand_over([Result(kind, entry, film.first(), malformed=facts.malformed)])

    def _put_parts(self, rows: Sequence[Embedded]) -> None:
        self._writer.put([Result("part", None, row) for row in rows])

    def _frames_before(self, before: Entry | None) -> tuple[str, ...]:
        """Return the rows of a video that an image has replaced."""
        return tuple(row_ids(self._store, [before])) if before and before.is_video else ()

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
                Result(
                    kind,
                    self._indexed(known.file),
                    row,
                    malformed=known.facts.malformed,
                    drops=self._frames_before(known.before),
                )
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

    def _refuse(self, refused: Refused, written: tuple[str, ...] = ()) -> Result:
        """Return the end of a file that cannot be used.

        Args:
            written: Rows that it had, or was given before that was known.
        """
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
        drops = written or tuple(row_ids(self._store, [indexed]) if indexed else ())
        return Result("skipped", entry, skip=skip, drops=drops)


def _may_be_as_before(refused: Refused, indexed: Entry) -> bool:
    """Whether a refused file may hold the image still that its row was made of."""
    match refused.reason:
        case SkipReason.UNREADABLE:
            return True
        case SkipReason.MISSING_PLUGIN:
            content = refused.file.content if refused.file else ""
            # A video is not even read where none can be decoded.
            return content == indexed.content or (indexed.is_video and not content)
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
