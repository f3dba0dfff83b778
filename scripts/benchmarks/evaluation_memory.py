"""What an evaluation of many captions takes: seconds, and memory beyond its vectors.

    python scripts/benchmarks/evaluation_memory.py --images 5000 --captions 50000

Random vectors of 512 dimensions in the in-memory store, which finds them exactly.
"""

import argparse
import resource
import time
from collections.abc import Sequence

import numpy as np

from embed.encoder import ToyEncoder, unit
from schema import Collection, Embedded, ImageRecord, MemoryStore, Vectors, row_id
from search import Captioned, evaluate

DIM = 512


class Random(ToyEncoder):
    """Draws a text's vector from the text."""

    dim = DIM

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        drawn = [np.random.default_rng(int(text)).standard_normal(DIM) for text in texts]
        return unit(np.stack(drawn))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--captions", type=int, default=50_000)
    chosen = parser.parse_args()
    each = chosen.captions // chosen.images
    store = MemoryStore(Collection("memory", "uid", "toy", DIM, "toy-1", "flat", 1))
    vectors = unit(np.random.default_rng(0).standard_normal((chosen.images, DIM)))
    for n, vector in enumerate(vectors):
        path = f"{n}.jpg"
        record = ImageRecord(row_id("r", path), "r", path, "", 1, 1, 1, 1, "jpeg")
        store.upsert([Embedded(record, vector)])
    captioned = [
        Captioned(f"{n}.jpg", tuple(str(n * each + i) for i in range(each)))
        for n in range(chosen.images)
    ]
    before = peak_mb()
    begun = time.perf_counter()
    result = evaluate(captioned, store=store, encoder=Random(), failures=25)
    seconds = time.perf_counter() - begun
    held = (result.captions + result.images) * DIM * 4 / 1e6
    print(f"{result.captions:,} captions, {result.images:,} images: {seconds:.1f} s")
    print(f"peak memory: {peak_mb():,.0f} MB, {before:,.0f} MB before")
    print(f"vectors of the captions and images: {held:,.0f} MB")
    print(f"all scores at once would take {result.captions * result.images * 4 / 1e6:,.0f} MB")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
