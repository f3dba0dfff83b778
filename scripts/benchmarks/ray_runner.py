"""How near `eidetic ingest --runner ray` with two workers comes to the local runner.

    python -m scripts.benchmarks.ray_runner [--images N] [--rounds R] [--workers W] [--model M]...

In one run, alternating, the same images into new archives in the embedded store: the local runner
with its defaults, and Ray on this machine alone with W workers (each encoder takes its share of the
cores). Models are the built-in one, and ViT-B/32 of open_clip with random weights, which is warmed
before.

Each run is done twice, with few images and with all of them, so that the difference tells what each
further image costs: starting Ray and its workers takes some fifteen seconds, and they read ahead of
the encoders. Prints, as medians of the rounds, images a second of whole runs and of the further
images, and the CPU time that all processes together take for one of these: on a machine that others
use too, the runner of more processes gets more of it, and the CPU time tells what a machine of its
own would give. Then it compares the rows of the two archives of each model.
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

import eidetic
from ingest import NoProgress
from schema import Connection, MilvusStore
from scripts.benchmarks.side_by_side import BATCH, make_images


def make_checkpoint(folder: Path) -> str:
    """Save random weights of ViT-B/32, warm them, and return the model spec."""
    import open_clip
    import torch

    from eidetic.warming import warm

    torch.manual_seed(0)
    weights = folder / "random.pt"
    torch.save(open_clip.create_model("ViT-B-32").state_dict(), weights)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    return warm(f"open_clip:ViT-B-32/{weights}").model


@dataclass
class Spent(NoProgress):
    """What a run takes until the last image is handed to the store."""

    began_s: float = field(default_factory=time.perf_counter)
    cpu_began_s: float = field(default_factory=lambda: cpu_time_s())
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def advance(self, files: int) -> None:  # noqa: ARG002
        self.wall_s = time.perf_counter() - self.began_s
        self.cpu_s = cpu_time_s() - self.cpu_began_s


@dataclass(frozen=True)
class Speed:
    """Images a second of a whole run and of further images, and milliseconds of CPU for each."""

    whole: float
    further: float
    cpu_ms: float


def cpu_time_s() -> float:
    """Return the CPU time that this process and its descendants have taken, in seconds."""
    parents, times = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            found = place.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(place.parent.name)
        parents[pid] = int(found[1])
        times[pid] = int(found[11]) + int(found[12])

    def is_ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    return sum(ticks for pid, ticks in times.items() if is_ours(pid)) / os.sysconf("SC_CLK_TCK")


def ingest(model: str, images: list[Path], data_dir: Path, runner: str, workers: int) -> Spent:
    with eidetic.open("bench", model=model, data_dir=data_dir) as archive:
        spent = Spent()
        archive.ingest(
            images,
            batch_size=BATCH,
            progress=spent,
            runner=runner,
            workers=workers if runner == "ray" else None,
        )
    return spent


def measure(model: str, images: Path, place: Path, runner: str, workers: int) -> Speed:
    """Ingest the first batch of each worker alone, then all images."""
    few = sorted(images.iterdir())[: workers * BATCH]
    some = ingest(model, few, place.with_suffix(".few"), runner, workers)
    every = ingest(model, [images], place, runner, workers)
    count = len(list(images.iterdir()))
    further = count - len(few)
    return Speed(
        whole=count / every.wall_s,
        further=further / (every.wall_s - some.wall_s),
        cpu_ms=1000 * (every.cpu_s - some.cpu_s) / further,
    )


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
        images = make_images(folder / "images", given.images, (500, 375), [])
        for label in given.model or ["builtin", "ViT-B-32"]:
            model = label if label == "builtin" else make_checkpoint(folder)
            speeds: dict[str, list[Speed]] = {"local": [], "ray": []}
            for i in range(given.rounds):
                for runner, found in speeds.items():
                    place = folder / f"{label}-{runner}-{i}"
                    found.append(measure(model, images, place, runner, given.workers))
                for runner, found in speeds.items():
                    print(
                        f"{label}, round {i + 1}, {runner}: {found[-1].whole:.2f} images/s whole, "
                        f"{found[-1].further:.2f} further, {found[-1].cpu_ms:.1f} ms CPU each",
                        flush=True,
                    )
            pairs = list(zip(speeds["local"], speeds["ray"], strict=True))
            whole = statistics.median(ray.whole / local.whole for local, ray in pairs)
            further = statistics.median(ray.further / local.further for local, ray in pairs)
            cpu = statistics.median(local.cpu_ms / ray.cpu_ms for local, ray in pairs)
            print(
                f"{label}: median ratio {whole:.3f} whole, {further:.3f} further, {cpu:.3f} by CPU "
                f"time; load {os.getloadavg()[0]:.1f}"
            )
            print(compare_rows(folder / f"{label}-local-0", folder / f"{label}-ray-0"))


if __name__ == "__main__":
    main()
