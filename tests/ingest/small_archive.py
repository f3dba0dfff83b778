"""An archive of one folder of drawn images, to ingest again and again."""

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from embed.encoder import Pixels, ToyEncoder
from ingest import IngestReport, Journal, Scope, ingest
from schema import Collection, MemoryStore, Root, Vectors

LONG_AGO_NS = 1_600_000_000_000_000_000

OPTIONS = {"workers": 2, "batch_size": 4, "max_pixels": 1_000_000}


class CountingEncoder(ToyEncoder):
    """A toy that knows how many images it prepared and embedded."""

    def __init__(self) -> None:
        self.prepared = 0
        self.embedded = 0
        self._lock = threading.Lock()

    def prepare(self, image: Image.Image) -> Pixels:
        with self._lock:
            self.prepared += 1
        return super().prepare(image)

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        self.embedded += len(batch)
        return super().encode_images(batch)


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

    def __init__(self, place: Path) -> None:
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
