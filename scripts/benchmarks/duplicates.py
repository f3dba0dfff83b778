"""How long grouping an archive's duplicates takes, what memory, and whether it finds them.

    python -m scripts.benchmarks.duplicates [--rows 100000] [--dim 512]

Synthetic rows in Milvus Lite: random hashes and vectors, and among them versions planted of every
fiftieth image, one to four each, whose hash differs in 0 to 8 bits and whose cosine is 0.92 to 1;
and as many decoys: near in the hash alone, or in the vector alone. Precision and recall are of
pairs of a group's first image and another. The rows are written by another process, so that memory
is that of a process that only opens the archive and groups.

    python -m scripts.benchmarks.duplicates --kit DIR

Real photographs instead: distances between each and versions made of it, with the built-in model.
"""

import argparse
import io
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from embed.builtin import BuiltinEncoder
from embed.encoder import unit
from embed.images import decode_image, default_max_pixels
from embed.phash import perceptual_hash
from schema import Connection, Embedded, ImageRecord, MilvusStore, Vectors, row_id
from search.duplicates import DUPLICATE_THRESHOLD, HASH_BITS, find_duplicates

PLANTED_EVERY = 50
BATCH = 5000


def make_rows(count: int, dim: int) -> Iterator[Embedded]:
    """Images "N", versions of them "N vM", decoys "N dM"."""
    random = np.random.default_rng(0)

    def row(name: str, vector: np.ndarray, phash: int, width: int) -> Embedded:
        content = row_id("content", name)[:32]
        return Embedded(
            ImageRecord(
                row_id("r", name), "r", name, content, 100_000, 1, width, 480, "jpeg",
                phash=phash,
            ),
            vector,
        )  # fmt: skip

    def flipped(phash: int, bits: int) -> int:
        for bit in random.choice(64, bits, replace=False):
            phash ^= 1 << int(bit)
        return phash - 2**64 if phash >= 2**63 else phash

    def near(vector: np.ndarray, cosine: float) -> np.ndarray:
        other = random.standard_normal(dim).astype(np.float32)
        other = unit((other - other @ vector * vector)[None])[0]
        return unit((cosine * vector + np.sqrt(1 - cosine**2) * other)[None])[0]

    n = made = 0
    while made < count:
        vector = unit(random.standard_normal((1, dim)))[0]
        phash = int(random.integers(0, 2**64, dtype=np.uint64))
        rows = [row(f"{n}", vector, flipped(phash, 0), 640)]
        if n % PLANTED_EVERY == 0:
            for version in range(random.integers(1, 5)):
                like = near(vector, random.uniform(0.92, 1))
                bits = int(random.integers(0, 9))
                rows.append(row(f"{n} v{version}", like, flipped(phash, bits), 320))
            stranger = near(vector, random.uniform(0, 0.8))
            rows.append(row(f"{n} d0", stranger, flipped(phash, int(random.integers(0, 9))), 320))
            twin = near(vector, random.uniform(0.92, 1))
            rows.append(row(f"{n} d1", twin, flipped(phash, int(random.integers(14, 40))), 320))
        yield from rows
        made += len(rows)
        n += 1


def write(uri: str, count: int, dim: int) -> None:
    with MilvusStore.create(Connection(uri), "a", model="m", dim=dim, fingerprint="f") as store:
        rows = make_rows(count, dim)
        while batch := list(islice(rows, BATCH)):
            store.upsert(batch)


def planted(count: int, dim: int) -> set[tuple[str, str]]:
    names = [row.record.path for row in make_rows(count, dim)]
    return {(name.partition(" ")[0], name) for name in names if " v" in name}


def synthetic(count: int, dim: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        uri = f"{folder}/milvus.db"
        writer = multiprocessing.get_context("spawn").Process(target=write, args=(uri, count, dim))
        writer.start()
        writer.join()
        with MilvusStore.open(Connection(uri), "a") as store:
            print(f"{store.count():,} rows of {dim} dimensions; opened: {peak_mb():,.0f} MB")
            start = time.perf_counter()
            rows = sum(1 for _ in store.iterate())
            print(f"reading {rows:,} rows alone: {time.perf_counter() - start:.1f} s")
            start, before = time.perf_counter(), peak_mb()
            groups = list(find_duplicates(store))
            seconds = time.perf_counter() - start
            print(f"grouping, reading included: {seconds:.1f} s, {peak_mb() - before:+,.0f} MB")
    found = {(group[0].record.path, other.record.path) for group in groups for other in group[1:]}
    wanted = planted(count, dim)
    right = len(found & wanted)
    print(
        f"{len(groups):,} groups; of {len(wanted):,} planted pairs {right:,} found "
        f"(recall {right / len(wanted):.4f}), {len(found) - right:,} others "
        f"(precision {right / len(found):.4f})"
    )


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def saved(image: Image.Image, quality: int = 85) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return data.getvalue()


def resized(image: Image.Image, share: float) -> Image.Image:
    size = (round(image.width * share), round(image.height * share))
    return image.resize(size, Image.Resampling.LANCZOS)


def cropped(image: Image.Image, share: float) -> Image.Image:
    w, h = image.width * share, image.height * share
    return image.crop((int(w), int(h), image.width - int(w), image.height - int(h)))


VERSIONS: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG, quality 30": lambda image: saved(image, 30),
    "JPEG, quality 10": lambda image: saved(image, 10),
    "half the size": lambda image: saved(resized(image, 0.5)),
    "a quarter of the size": lambda image: saved(resized(image, 0.25)),
    "brighter by a fifth": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.2)),
    "grey": lambda image: saved(image.convert("L").convert("RGB")),
    "1 % cut off each side": lambda image: saved(cropped(image, 0.01)),
    "2.5 % cut off each side": lambda image: saved(cropped(image, 0.025)),
    "5 % cut off each side": lambda image: saved(cropped(image, 0.05)),
    "mirrored": lambda image: saved(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


def embed(files: list[bytes], encoder: BuiltinEncoder) -> tuple[Vectors, np.ndarray]:
    vectors, hashes = [], []
    for start in range(0, len(files), 32):
        pixels = []
        for data in files[start : start + 32]:
            image = decode_image(
                data, target_size=encoder.image_size, max_pixels=default_max_pixels()
            ).image
            pixels.append(encoder.resizing.apply(image))
            hashes.append(perceptual_hash(image))
        vectors.append(encoder.encode_images(pixels))
    return np.concatenate(vectors), np.array(hashes, dtype=np.int64).view(np.uint64)


def photographs(kit: Path, versions_of: int = 300) -> None:
    encoder = BuiltinEncoder()
    files = [file.read_bytes() for file in sorted((kit / "photos").iterdir())]
    vectors, hashes = embed(files, encoder)
    images = [Image.open(io.BytesIO(data)).convert("RGB") for data in files[:versions_of]]
    print(f"{'':26} bits: median, 95 %, most   cosine: least, 5 %, median   grouped")
    for name, make in VERSIONS.items():
        like, like_hashes = embed([make(image) for image in images], encoder)
        bits = np.bitwise_count(hashes[:versions_of] ^ like_hashes)
        cosines = (vectors[:versions_of] * like).sum(axis=1)
        grouped = ((bits <= HASH_BITS) & (cosines >= DUPLICATE_THRESHOLD)).mean()
        print(
            f"{name:26} {np.median(bits):12.0f} {np.percentile(bits, 95):5.0f} {bits.max():5} "
            f"{cosines.min():18.2f} {np.percentile(cosines, 5):5.2f} {np.median(cosines):6.2f} "
            f"{grouped:12.1%}"
        )
    pairs = np.triu_indices(len(files), 1)
    bits = np.bitwise_count(hashes[pairs[0]] ^ hashes[pairs[1]])
    cosines = (vectors @ vectors.T)[pairs]
    grouped = (bits <= HASH_BITS) & (cosines >= DUPLICATE_THRESHOLD)
    print(
        f"{len(bits):,} pairs of different photographs: fewest bits {bits.min()}, greatest cosine "
        f"{cosines.max():.2f}; {(cosines >= DUPLICATE_THRESHOLD).sum()} at "
        f"{DUPLICATE_THRESHOLD} and more, {grouped.sum()} grouped"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--kit", type=Path, help="test material")
    options = parser.parse_args()
    if options.kit:
        photographs(options.kit)
    else:
        synthetic(options.rows, options.dim)


if __name__ == "__main__":
    main()
