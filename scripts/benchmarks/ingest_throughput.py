"""How near `eidetic ingest` comes to the bare encoder, and whether its memory stays flat.

    python scripts/benchmarks/ingest_throughput.py [--images N] [--rounds R] [--photos DIR]

In one run, alternating, so that a noisy machine disturbs both alike:

- bare: ViT-B/32's forward pass (open_clip, random weights) on prepared float tensors in memory;
- ingest: the same model through the whole product, files on disk to rows in Milvus Lite.

Prints images a second of both, their ratio (median of the rounds), and the peak memory of whole
ingests of N/4 and N images, each in a process of its own.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ARCH = "ViT-B-32"
BATCH = 32


def make_checkpoint(folder: Path) -> str:
    """Save random weights of the real architecture, and return the model spec."""
    import open_clip
    import torch

    torch.manual_seed(0)
    model = open_clip.create_model(ARCH)
    path = folder / "random.pt"
    torch.save(model.state_dict(), path)
    return f"open_clip:{ARCH}/{path}"


def make_images(folder: Path, count: int, sources: list[Path]) -> Path:
    """Write JPEG images of 500 pixels: crops and flips of real ones, or smooth noise."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        if sources:
            with Image.open(sources[i % len(sources)]) as opened:
                image = opened.convert("RGB")
        else:
            small = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            image = Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC)
        if (i // max(len(sources), 1)) % 2:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        dx, dy = (int(v) for v in rng.integers(0, 17, 2))
        image = image.crop((dx, dy, image.width - dx, image.height - dy))
        image = image.resize((500, max(1, 500 * image.height // image.width)))
        image.save(folder / f"{i:06d}.jpg", quality=88)
    return folder


def bare(spec: str, count: int) -> float:
    """Return images a second of the forward pass alone, on prepared float tensors."""
    import open_clip
    import torch

    path = spec.partition("/")[2]
    model, _, _ = open_clip.create_model_and_transforms(ARCH, pretrained=path)
    model.eval()
    pixels = torch.rand((BATCH, 3, 224, 224))
    with torch.inference_mode():
        model.encode_image(pixels)
        started = time.perf_counter()
        for _ in range(max(1, count // BATCH)):
            model.encode_image(pixels)
        return BATCH * max(1, count // BATCH) / (time.perf_counter() - started)


def ingest(spec: str, images: Path, data_dir: Path) -> float:
    """Return images a second of a whole ingest into a new archive, model loading left out."""
    import eidetic

    with eidetic.open("bench", model=spec, data_dir=data_dir) as archive:
        report = archive.ingest([images], batch_size=BATCH)
    return report.images_per_second


def print_peak(spec: str, images: Path, data_dir: Path) -> None:
    """Ingest in this process and print its peak resident memory.

    From /proc, since getrusage's peak is inherited from the process that started this one.
    """
    ingest(spec, images, data_dir)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    print(f"{kilobytes * 1024 / 1e6:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=Path, help="folder of JPEG images to make the set from")
    given = parser.parse_args()
    sources = sorted(given.photos.glob("*.jpg")) if given.photos else []
    import torch

    print(f"{os.cpu_count()} cores, torch {torch.__version__}, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = make_checkpoint(folder)
        images = make_images(folder / "images", given.images, sources)
        ratios = []
        for i in range(given.rounds):
            before = bare(spec, given.images // 2)
            whole = ingest(spec, images, folder / f"data{i}")
            after = bare(spec, given.images // 2)
            ratios.append(whole / statistics.mean((before, after)))
            print(
                f"round {i + 1}: bare {before:.2f} and {after:.2f}, ingest {whole:.2f} images/s, "
                f"ratio {ratios[-1]:.3f}",
                flush=True,
            )
        print(f"median ratio {statistics.median(ratios):.3f}")
        quarter = make_images(folder / "quarter", given.images // 4, sources)
        spawn = multiprocessing.get_context("spawn")
        for label, part in (("a quarter of them", quarter), ("all of them", images)):
            data = folder / f"memory-{part.name}"
            print(f"peak memory, {label}: ", end="", flush=True)
            child = spawn.Process(target=print_peak, args=(spec, part, data))
            child.start()
            child.join()
            if child.exitcode:
                sys.exit(f"the ingest of {part} failed")


if __name__ == "__main__":
    main()
