"""What it costs to decode in processes of their own instead of in threads.

    python scripts/benchmarks/decoding_isolation.py [--small N] [--large N] [--rounds R]
                                                    [--photos DIR]

Ingests the same JPEG images (500 pixels, 12 megapixels) into a store in memory, alternating, in one
run: decoding in threads of this process, and in worker processes as the product does. With the toy
encoder nothing but decoding takes time; with the built-in model its graph wants the cores as well.

Prints images a second (medians of the rounds; of processes with and without the time it takes to
start them), the CPU time of one image, and the ratios of processes to threads, both without the
start. CPU time is less disturbed by a busy machine than speed.
"""

import argparse
import contextlib
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import ingest.runner
from embed.builtin import BuiltinEncoder
from embed.encoder import Encoder, ToyEncoder
from ingest import Journal, Scope
from ingest import ingest as run_ingest
from ingest.decoding import Decoded, Job, decode
from ingest.decoding_pool import DecodingPool
from schema import Collection, MemoryStore, Root

SIZES = {"500 px": (500, 375), "12 MP": (4000, 3000)}


class InThreads:
    """Decodes in the thread that asks."""

    def decode(self, job: Job, data: bytes, *, name: str = "") -> Decoded:  # noqa: ARG002
        return decode(job, data)

    def close(self) -> None:
        pass


class Started(DecodingPool):
    """Worker processes that are there before the run begins."""

    def __init__(self, data: bytes, job: Job) -> None:
        super().__init__()
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(lambda _: self.decode(job, data), range(4 * (os.cpu_count() or 1))))


@dataclass
class Measured:
    images_per_second: float
    cpu_ms: float


def make_images(folder: Path, count: int, size: tuple[int, int], sources: list[Path]) -> Path:
    """Write JPEG images of one size: real ones, scaled, or smooth noise; grain on either."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    grain = rng.normal(0, 6, (size[1], size[0], 1))
    for i in range(count):
        if sources:
            with Image.open(sources[i % len(sources)]) as opened:
                image = opened.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        else:
            small = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
        pixels = np.asarray(image, np.float32) + np.roll(grain, i, axis=0)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
            folder / f"{i:05d}.jpg", quality=90
        )
    return folder


def cpu_seconds() -> float:
    """CPU time of this process and of its children, those that have ended and those that run."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both) + sum(running())


def running() -> Iterator[float]:
    """Yield the CPU time of each child that runs."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            facts = status.read_text().rpartition(")")[2].split()
            if int(facts[1]) == os.getpid() and facts[0] != "Z":
                yield (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


def measure(images: Path, encoder: Encoder, pool: object, journal: Path) -> Measured:
    """Ingest a folder into a new archive in memory, decoding in ``pool``."""
    ingest.runner.DecodingPool = lambda: pool  # type: ignore[assignment, misc]
    uid = journal.stem
    collection = Collection("bench", uid, encoder.spec, encoder.dim, encoder.fingerprint, "flat", 1)
    used, began = cpu_seconds(), time.perf_counter()
    with Journal.open(journal, uid) as opened:
        scope = Scope(Root.at(str(images)))
        report = run_ingest([scope], store=MemoryStore(collection), encoder=encoder, journal=opened)
    seconds = time.perf_counter() - began
    return Measured(report.indexed / seconds, 1000 * (cpu_seconds() - used) / report.indexed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=600, help="images of 500 pixels")
    parser.add_argument("--large", type=int, default=60, help="images of 12 megapixels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=Path, help="folder of JPEG images to make the set from")
    given = parser.parse_args()
    sources = sorted(given.photos.glob("*.jpg")) if given.photos else []
    counts = {"500 px": given.small, "12 MP": given.large}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run")
    columns = (
        "images", "encoder", "threads", "processes", "without their start", "ratio",
        "CPU in threads", "CPU in processes", "ratio",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, size in SIZES.items():
            images = make_images(folder / label, counts[label], size, sources)
            first = (images / "00000.jpg").read_bytes()
            for encoder in (ToyEncoder(), BuiltinEncoder()):
                job = Job(b"", encoder.resizing, encoder.image_size, 100_000_000)
                decode(job, first)
                rounds: dict[str, list[Measured]] = {"threads": [], "processes": [], "started": []}
                for i in range(given.rounds):
                    pools = {
                        "threads": InThreads,
                        "processes": DecodingPool,
                        "started": lambda job=job, first=first: Started(first, job),
                    }
                    for kind, make in pools.items():
                        journal = folder / f"{label}-{encoder.spec}-{kind}-{i}.sqlite"
                        rounds[kind].append(measure(images, encoder, make(), journal))
                print(row(label, encoder.spec, rounds), flush=True)


def row(label: str, spec: str, rounds: dict[str, list[Measured]]) -> str:
    """Return one line of the table."""

    def median(kind: str, field: str) -> float:
        return statistics.median(getattr(measured, field) for measured in rounds[kind])

    def ratio(kind: str, field: str) -> float:
        pairs = zip(rounds[kind], rounds["threads"], strict=True)
        return statistics.median(getattr(a, field) / getattr(b, field) for a, b in pairs)

    speed, cpu = "images_per_second", "cpu_ms"
    return (
        f"| {label} | {spec} | {median('threads', speed):.1f}/s | "
        f"{median('processes', speed):.1f}/s | {median('started', speed):.1f}/s | "
        f"{ratio('started', speed):.3f} | {median('threads', cpu):.2f} ms | "
        f"{median('started', cpu):.2f} ms | {ratio('started', cpu):.3f} |"
    )


if __name__ == "__main__":
    main()
