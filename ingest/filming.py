"""A video becomes rows: its frames stream through the encoder, and the first is written last.

    rows of the frames -> rows of former frames are dropped -> row of the first frame -> journal

So the row of the first frame, at 0 ms, says that all others are there: whoever rebuilds a journal
from the rows takes for indexed what is so. A run that was killed half-way leaves the file for the
next one, which decodes it again and takes the vectors of the rows that are there.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import chain, islice

from embed.encoder import Encoder
from embed.video import no_frames
from ingest.decoding import Frame, Segment, VideoJob
from ingest.file_rows import rows_of_file
from ingest.metadata import make_frame_record, make_record
from ingest.stages import Filmed, Recognised, map_ahead
from schema.records import Embedded, ImageRecord, Vector
from schema.store import Store

NEAR = 0.95
"""Least cosine at which a frame shows what the last one kept shows; docs/video.md has figures."""

ROWS_PER_STEP = 200

Put = Callable[[Sequence[Embedded]], None]
"""Hands rows to the writer, in the order of the calls."""


class Film:
    """The rows of one video in the making.

    Attributes:
        ids: Of the rows made so far, the first frame's among them.
        before: Rows that the file had when it was begun, by id.
    """

    def __init__(self, store: Store, root: str, path: str) -> None:
        self.before = {record.id: record for record in rows_of_file(store, root, path)}
        self.ids: set[str] = set()
        self._given_up: set[str] = set()
        self._first: Embedded | None = None

    @property
    def stale(self) -> tuple[str, ...]:
        """Ids of rows that are no longer the file's."""
        return tuple((self._given_up | set(self.before)) - self.ids)

    def begin_anew(self) -> None:
        """Give up the rows made so far."""
        self._given_up |= self.ids
        self.ids.clear()
        self._first = None

    def add(self, row: Embedded) -> bool:
        """Take in one row, and say whether it is to be written at once."""
        self.ids.add(row.record.id)
        if not row.record.is_first:
            return True
        self._first = row
        return False

    def first(self) -> Embedded:
        """Return the row that is written last.

        Raises:
            ImageUnreadable: There is none.
        """
        if self._first is None:
            raise no_frames()
        return self._first


def decode_frames(
    filmed: Filmed, look: Callable[[VideoJob], Segment], pool: Executor, ahead: int
) -> Iterator[Frame]:
    """Yield the frames of a video in order of time, its segments being decoded ahead.

    Args:
        ahead: Segments that are begun or wait: all of the video that is ever in memory.

    Raises:
        ImageUnreadable: No decoder survives one of its segments.
    """
    jobs = (replace(filmed.job, segment=n) for n in range(1, filmed.first.plan.segments))
    others = map_ahead(look, jobs, pool, ahead)
    try:
        for segment in chain([filmed.first], others):
            yield from segment.frames
    finally:
        others.close()


def embed_frames(
    film: Film,
    filmed: Filmed,
    frames: Iterator[Frame],
    *,
    store: Store,
    encoder: Encoder,
    batch_size: int,
    put: Put,
) -> None:
    """Embed frames by the batch, and hand on the rows of those that show something else than the
    last one did; all but the first.
    """
    last: Vector | None = None
    while batch := list(islice(frames, batch_size)):
        records = [
            _record(filmed.record, frame, is_first=last is None and frame is batch[0])
            for frame in batch
        ]
        vectors = _vectors(film, batch, records, store, encoder)
        rows = []
        for record, vector in zip(records, vectors, strict=True):
            if last is not None and float(last @ vector) >= NEAR:
                continue
            last = vector
            row = Embedded(record, vector)
            if film.add(row):
                rows.append(row)
        put(rows)


def take_over(film: Film, known: Recognised, *, store: Store, put: Put) -> bool:
    """Give a video the vectors of one of the same bytes, or of its own rows, with what is said of
    it by now; return whether they were all there. If not, nothing has begun.
    """
    source = [
        record
        for record in rows_of_file(store, known.source.root, known.source.path)
        if record.view == "frame"
    ]
    content = known.file.content
    if not any(r.is_first for r in source) or any(r.content != content for r in source):
        return False
    record = make_record(
        known.file, known.facts, width=0, height=0, format=source[0].format, phash=None
    )
    ids = iter(sorted(r.id for r in source))
    while step := list(islice(ids, ROWS_PER_STEP)):
        # First the vectors, then the records: what still has the content had it when its vector
        # was read.
        vectors = store.vectors(step)
        records = store.get(step)
        rows = []
        for row in step:
            told = records.get(row)
            if told is None or row not in vectors or told.content != content:
                film.begin_anew()
                return False
            frame = make_frame_record(
                replace(record, labels=told.labels),
                told.offset_ms,
                width=told.width,
                height=told.height,
                phash=told.phash,
            )
            embedded = Embedded(frame, vectors[row])
            if film.add(embedded):
                rows.append(embedded)
        put(rows)
    return True


def _record(film: ImageRecord, frame: Frame, *, is_first: bool) -> ImageRecord:
    # A stream may begin a moment after its file; what is shown at the beginning is its first frame.
    return make_frame_record(
        film,
        0 if is_first else frame.offset_ms,
        width=frame.width,
        height=frame.height,
        phash=frame.phash,
    )


def _vectors(
    film: Film,
    frames: Sequence[Frame],
    records: Sequence[ImageRecord],
    store: Store,
    encoder: Encoder,
) -> list[Vector]:
    """Embed frames, except those whose rows are there from a run that was cut short."""
    there = [
        record.id
        for record in records
        if record.id in film.before and film.before[record.id].content == record.content
    ]
    vectors = store.vectors(there) if there else {}
    new = [n for n, record in enumerate(records) if record.id not in vectors]
    if new:
        found = encoder.encode_images([frames[n].pixels for n in new])
        vectors |= {records[n].id: vector for n, vector in zip(new, found, strict=True)}
    return [vectors[record.id] for record in records]
