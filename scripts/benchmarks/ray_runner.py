"""How near `eidetic ingest --runner ray` with two workers comes to the local runner.

    python scripts/benchmarks/ray_runner.py [--images N] [--rounds R] [--workers W] [--model M]...

In one run, alternating, the same images into new archives in the embedded store: the local runner
with its defaults, and Ray on this machine alone with W workers (each encoder takes its share of the
cores). Models are the built-in one, and ViT-B/32 of open_clip with random weights.

Prints images a second of both and their ratio (medians of the rounds): of whole runs, in which
starting Ray and its workers counts, and steadily, from the W-th batch on, which is what a long run
comes to. Then it compares the rows of the two archives of each model.
"""

import argparse
import os
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ingest_throughput import BATCH, make_checkpoint, make_images

import eidetic
from ingest import NoProgress
from schema import Connection, MilvusStore


@dataclass
class Watch(NoProgress):
    """Notes when images were handed to the store."""

    times: list[tuple[float, int]] = field(default_factory=list)

    def advance(self, files: int) -> None:
        self.times.append((time.perf_counter(), files))

    def steadily(self, skipped: int) -> float:
        """Return images a second after the first ``skipped`` batches."""
        began = self.times[skipped - 1][0]
        files = sum(count for _, count in self.times[skipped:])
        return files / (self.times[-1][0] - began)


def ingest(model: str, images: Path, data_dir: Path, runner: str, workers: int) -> "Speed":
    watch = Watch()
    with eidetic.open("bench", model=model, data_dir=data_dir) as archive:
        report = archive.ingest(
            [images],
            batch_size=BATCH,
            progress=watch,
            runner=runner,
            workers=workers if runner == "ray" else None,
        )
    return Speed(report.images_per_second, watch.steadily(workers))


@dataclass
class Speed:
    whole: float
    steady: float


def compare_rows(one: Path, other: Path) -> str:
    """Return how far the rows of two archives of the same files differ."""
    stores = []
    for data_dir in (one, other):
        connection = Connection(str(data_dir / "bench" / "milvus.db"))
        with closing(MilvusStore.open(connection, "bench")) as store:
            rows = {record.path: record for record in store.iterate()}
            vectors = store.vectors([record.id for record in rows.values()])
            stores.append((rows, vectors))
    (rows, vectors), (others, other_vectors) = stores
    same = sum(
        _without_root(rows[path]) == _without_root(others[path])
        for path in rows.keys() & others.keys()
    )
    furthest = max(
        float(np.abs(vectors[rows[path].id] - other_vectors[others[path].id]).max())
        for path in rows.keys() & others.keys()
    )
    return (
        f"{len(rows)} and {len(others)} rows, {same} with equal fields, greatest difference of a "
        f"vector's component {furthest:.1e}"
    )


def _without_root(record: object) -> list[tuple[str, object]]:
    """Fields of a record but those that name the archive's root, which has an id by chance."""
    names = record.__slots__  # type: ignore[attr-defined]
    return [(name, getattr(record, name)) for name in names if name not in ("id", "root")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", action="append", choices=["builtin", "ViT-B-32"])
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, {given.images} images of 500 pixels, {given.workers} workers")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = make_images(folder / "images", given.images, [])
        for label in given.model or ["builtin", "ViT-B-32"]:
            model = label if label == "builtin" else make_checkpoint(folder)
            speeds: dict[str, list[Speed]] = {"local": [], "ray": []}
            for i in range(given.rounds):
                for runner, found in speeds.items():
                    place = folder / f"{label}-{runner}-{i}"
                    found.append(ingest(model, images, place, runner, given.workers))
                local, ray = speeds["local"][-1], speeds["ray"][-1]
                print(
                    f"{label}, round {i + 1}: local {local.whole:.2f} whole, {local.steady:.2f} "
                    f"steady; ray {ray.whole:.2f} whole, {ray.steady:.2f} steady images/s; steady "
                    f"ratio {ray.steady / local.steady:.3f}; load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
            pairs = list(zip(speeds["local"], speeds["ray"], strict=True))
            whole = statistics.median(ray.whole / local.whole for local, ray in pairs)
            steady = statistics.median(ray.steady / local.steady for local, ray in pairs)
            print(f"{label}: median ratio {whole:.3f} whole, {steady:.3f} steady")
            print(compare_rows(folder / f"{label}-local-0", folder / f"{label}-ray-0"))


if __name__ == "__main__":
    main()
