"""The training material: Parquet files of images, captions and labels, as arrays.

Images are squashed once to a square and kept as uint8; captions and labels stay text. Which image
may be trained on is decided here and nowhere else:

- `flickr8k-dev.parquet` is only ever measured on;
- keys listed in `held_back.txt` (the test kit's images) are dropped;
- of the labelled images, those whose key hashes into the first `HELD_BACK_PERCENT` of a hundred
  buckets are kept for measuring zero-shot classification.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

HELD_BACK_PERCENT = 8
KEY_PREFIX = "f8k_"


@dataclass(frozen=True, slots=True)
class Example:
    """One image of the corpus: its key, its encoded bytes, and what is said of it."""

    key: str
    image: bytes
    captions: tuple[str, ...]
    label: str
    source: str
    licence: str


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Images as one array and what belongs to each.

    Attributes:
        images: Shape (n, size, size, 3), uint8, memory-mapped.
        captions: Per image; template captions for labelled images.
        labels: Per image, "" where there are only captions.
    """

    images: NDArray[np.uint8]
    keys: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)


def held_back(key: str) -> bool:
    """Tell whether a labelled image is kept for measuring; depends on its key alone."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) % 100 < HELD_BACK_PERCENT


def excluded_keys() -> frozenset[str]:
    """Return the keys that must not be trained on although a training file holds them."""
    lines = Path(__file__).with_name("held_back.txt").read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def read_parquet(path: Path) -> Iterator[Example]:
    """Yield the rows of one file in the layout of the training material."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            yield Example(
                key=row["key"],
                image=row["image"],
                captions=tuple(row["captions"]),
                label=row["label"] or "",
                source=row["source"],
                licence=row["licence"],
            )


def read_tar(path: Path) -> Iterator[Example]:
    """Yield the samples of a WebDataset tar: KEY.jpg with KEY.json beside it."""
    with tarfile.open(path) as tar:
        members = {member.name: member for member in tar.getmembers()}
        for name in sorted(members):
            if not name.endswith(".jpg"):
                continue
            key = name.removesuffix(".jpg")
            image, facts = tar.extractfile(name), tar.extractfile(f"{key}.json")
            if image is None or facts is None:
                continue
            about = json.load(facts)
            yield Example(
                key=key,
                image=image.read(),
                captions=tuple(about["captions"]),
                label=about.get("label") or "",
                source=about["source"],
                licence=about["licence"],
            )


def squash(encoded: bytes, size: int) -> NDArray[np.uint8]:
    """Decode and resize to (size, size, 3) uint8, whatever the aspect ratio."""
    with Image.open(io.BytesIO(encoded)) as image:
        image.draft("RGB", (2 * size, 2 * size))
        rgb = image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        return np.asarray(rgb, dtype=np.uint8)


def build_corpus(examples: Iterator[Example], folder: Path, size: int) -> None:
    """Write images.npy and facts.json below ``folder``; the latter last, as proof of the whole."""
    folder.mkdir(parents=True, exist_ok=True)
    images: list[NDArray[np.uint8]] = []
    facts: list[tuple[str, tuple[str, ...], str, str]] = []
    for example in examples:
        images.append(squash(example.image, size))
        facts.append((example.key, example.captions, example.label, example.source))
    np.save(folder / "images.npy", np.stack(images))
    (folder / "facts.json").write_text(json.dumps(facts))


def load_corpus(folder: Path) -> Corpus:
    """Read back what `build_corpus` wrote."""
    facts = json.loads((folder / "facts.json").read_text())
    keys, captions, labels, sources = zip(*facts, strict=True)
    return Corpus(
        images=np.load(folder / "images.npy", mmap_mode="r"),
        keys=keys,
        captions=tuple(tuple(c) for c in captions),
        labels=labels,
        sources=sources,
    )


def prepare_corpora(material: Path, work: Path, size: int) -> tuple[Corpus, Corpus, Corpus]:
    """Return training, dev and held-back labelled images; build the arrays where missing."""
    drop = excluded_keys()

    def training() -> Iterator[Example]:
        for example in read_parquet(material / "flickr8k-train.parquet"):
            if example.key not in drop:
                yield example
        for example in read_parquet(material / "labelled.parquet"):
            if not held_back(example.key):
                yield example
        yield from read_tar(material / "coco.tar")

    def kept() -> Iterator[Example]:
        for example in read_parquet(material / "labelled.parquet"):
            if held_back(example.key):
                yield example

    sources = {
        "train": training,
        "dev": lambda: read_parquet(material / "flickr8k-dev.parquet"),
        "kept": kept,
    }
    for name, examples in sources.items():
        if not (work / f"{name}-{size}" / "facts.json").exists():
            build_corpus(examples(), work / f"{name}-{size}", size)
    train, dev, kept_back = (load_corpus(work / f"{name}-{size}") for name in sources)
    return train, dev, kept_back


def read_jsonl_gz(path: Path) -> list[dict[str, object]]:
    """Read a compressed file of one JSON object per line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
