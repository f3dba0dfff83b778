"""An archive of one folder of drawn images, to ingest again and again."""

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from embed import Pixels
from embed.encoder import ToyEncoder
from ingest import IngestReport, Journal, Scope, ingest
from ingest.decoding import Decoded, Job, Segment, VideoJob
from ingest.decoding_pool import DecodingPool
from schema import Collection, MemoryStore, Root, Vectors

LONG_AGO_NS = 1_600_000_000_000_000_000

OPTIONS = {"workers": 2, "batch_size": 4, "max_pixels": 1_000_000}


class CountingEncoder(ToyEncoder):
    """A toy that knows how many images it embedded."""

    def __init__(self) -> None:
        self.embedded = 0

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        self.embedded += len(batch)
        return super().encode_images(batch)


class LastingPool:
    """Decodes in the workers of another pool, which outlast a run, and counts what they decode."""

    def __init__(self, pool: DecodingPool) -> None:
        self.decoded = 0
        self._pool = pool
        self._lock = threading.Lock()

    def decode(self, job: Job, data: bytes, *, name: str = "") -> Decoded:
        with self._lock:
            self.decoded += job.resizing is not None
        return self._pool.decode(job, data, name=name)

    def look(self, job: VideoJob) -> Segment:
        with self._lock:
            self.decoded += job.resizing is not None
        return self._pool.look(job)

    def close(self) -> None:
        """Leave the workers to the next run: starting them takes most of a second."""


def draw(path: Path, seed: int | None = None, mtime_ns: int = LONG_AGO_NS) -> Path:
    """Write a small image; equal seeds give equal bytes, by default each path has its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(list(path.name.encode()) if seed is None else seed)
    blocks = random.integers(0, 255, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(blocks.repeat(16, 0).repeat(16, 1)).save(path)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def write(path: Path, data: bytes, mtime_ns: int = LONG_AGO_NS) -> Path:
    """Write any bytes as a file of an old date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


class SmallArchive:
    """A folder, a store and a journal that belong together."""

    def __init__(self, place: Path, decoding: LastingPool) -> None:
        self.decoding = decoding
        self.folder = place / "images"
        self.folder.mkdir()
        self.root = Root.at(str(self.folder))
        self.journal_path = place / "archive" / "journal.sqlite"
        self.store = MemoryStore(Collection("a__toy", "uid", "toy", 48, "toy-1", "hnsw", 1))
        self.encoder = CountingEncoder()

    def journal(self) -> Journal:
        return Journal.open(self.journal_path, self.store.collection.uid)

    def ingest(self, *scopes: Scope, **options: object) -> IngestReport:
        """Ingest the whole folder, or the scopes given."""
        with self.journal() as journal:
            return ingest(  # type: ignore[arg-type]
                scopes or (Scope(self.root),),
                **{  # type: ignore[arg-type]
                    "store": self.store,
                    "encoder": self.encoder,
                    "journal": journal,
                    **OPTIONS,
                    **options,
                },
            )

    def paths(self) -> list[str]:
        """Paths of all rows."""
        return sorted(record.path for record in self.store.iterate())

    def draw_all(self, paths: Iterable[str]) -> None:
        for path in paths:
            draw(self.folder / path)


def counts(report: IngestReport) -> dict[str, int]:
    """The counts of a report that are not zero."""
    names = ("indexed", "unchanged", "moved", "removed", "skipped")
    return {name: getattr(report, name) for name in names if getattr(report, name)}
