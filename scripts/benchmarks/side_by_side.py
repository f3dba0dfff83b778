"""Ingesting the same images with Eidetic, with rclip, and as a tutorial does, in one run.

    python -m scripts.benchmarks.side_by_side --rclip RCLIP [--photos DIR] [--single] [--plot FILE]

RCLIP is the command of rclip (PyPI), installed in an environment of its own. All take the same
random weights of open_clip's ViT-B-32-256, the model that rclip has, exported to where rclip looks
for it. In turns, so that a noisy machine disturbs all alike, on images of 500 pixels and of 12
megapixels:

- Eidetic: `eidetic ingest` into a new archive on Milvus Lite;
- rclip: `rclip QUERY` in a folder that it does not know, which indexes it;
- tutorial: transformers' CLIPModel and CLIPProcessor, one image at a time, vectors in a list;
- bare: the graph that Eidetic runs, and open_clip in torch, each on prepared pixels in memory.

Eidetic computes images in half precision where the processor is faster so, unless `--single` is
given; all others in single precision, which is all that they have on a CPU.

The first two are whole processes, from their start to their end. Peak memory is that of a process
and all those it started (proportional set size, sampled ten times a second), in a run of its own.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.benchmarks.rclip import ARCH, SIDE, Setting, Whole, prepare, whole_process

BATCH = 32
LARGE = (4000, 3000)


@dataclass
class Run:
    """One contestant's runs, and the peak of memory in one more."""

    wholes: list[Whole] = field(default_factory=list)
    peak: int = 0

    @property
    def seconds(self) -> list[float]:
        return [whole.seconds for whole in self.wholes]


def make_images(folder: Path, count: int, size: tuple[int, int], sources: list[Path]) -> Path:
    """Write JPEG images of a size: crops of real ones, or smooth noise."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        if sources:
            with Image.open(sources[i % len(sources)]) as opened:
                image = opened.convert("RGB")
        else:
            image = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        dx, dy = (int(v) for v in rng.integers(0, 3, 2))
        image = image.crop((dx, dy, image.width - dx, image.height - dy))
        image.resize(size, Image.Resampling.BICUBIC).save(folder / f"{i:05d}.jpg", quality=88)
    return folder


def by_eidetic(setting: Setting, images: Path, *, weigh: bool) -> Whole:
    shutil.rmtree(setting.folder / "data", ignore_errors=True)
    command = [str(Path(sys.executable).with_name("eidetic")), "--json", "ingest", str(images)]
    return whole_process(
        [*command, "--model", setting.spec], setting.folder, setting.environ, weigh=weigh
    )


def by_rclip(setting: Setting, images: Path, *, weigh: bool) -> Whole:
    for database in (setting.folder / "rclip").glob("db.sqlite3*"):
        database.unlink()
    return whole_process([setting.rclip, "-f", "a dog"], images, setting.environ, weigh=weigh)


def tutorial(images: list[Path]) -> float:
    """Return images a second of the loop that tutorials show."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    vision = {"image_size": SIDE, "patch_size": 32, "hidden_size": 768, "intermediate_size": 3072}
    vision |= {"num_hidden_layers": 12, "num_attention_heads": 12}
    model = transformers.CLIPModel(transformers.CLIPConfig(vision_config=vision)).eval()
    size = {"shortest_edge": SIDE}
    processor = transformers.CLIPImageProcessor(
        size=size, crop_size={"height": SIDE, "width": SIDE}
    )
    began = time.perf_counter()
    vectors = []
    for file in images:
        inputs = processor(images=Image.open(file).convert("RGB"), return_tensors="pt")
        with torch.no_grad():
            vectors.append(model.get_image_features(**inputs).pooler_output[0].numpy())
    return len(vectors) / (time.perf_counter() - began)


def bare(setting: Setting) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return what measures images a second of the graph, and of torch."""
    import open_clip
    import torch

    from embed import load_encoder

    model = open_clip.create_model(ARCH).eval()
    graph = load_encoder(setting.spec)
    pixels = list(np.random.default_rng(0).integers(0, 256, (BATCH, SIDE, SIDE, 3), dtype=np.uint8))
    tensor = torch.rand((BATCH, 3, SIDE, SIDE))

    def in_torch() -> None:
        with torch.inference_mode():
            model.encode_image(tensor)

    return lambda: rate(lambda: graph.encode_images(pixels)), lambda: rate(in_torch)


def rate(encode: Callable[[], object], batches: int = 6) -> float:
    encode()
    began = time.perf_counter()
    for _ in range(batches):
        encode()
    return batches * BATCH / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rclip", required=True, help="the command of rclip")
    parser.add_argument("--photos", type=Path, help="folder of JPEG images to make the sets from")
    parser.add_argument("--small", type=int, default=600, help="images of 500 pixels")
    parser.add_argument("--large", type=int, default=150, help="images of 12 megapixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", action="store_true", help="Eidetic in single precision, too")
    parser.add_argument("--plot", type=Path, help="file to draw the result into")
    given = parser.parse_args()
    sources = sorted(given.photos.glob("*.jpg")) if given.photos else []
    versions = {n: importlib.metadata.version(n) for n in ("openvino", "torch", "transformers")}
    told = subprocess.run([given.rclip, "--version"], capture_output=True, text=True, check=True)
    print(f"{os.cpu_count()} cores, {told.stdout.strip()}, {versions}", flush=True)
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        setting = prepare(Path(name), given.rclip, single=given.single)
        print(f"Eidetic's images in {setting.precision} precision", flush=True)
        graph_rate, torch_rate = bare(setting)
        for label, count, size in (
            ("500 pixels", given.small, (500, 375)),
            ("12 megapixels", given.large, LARGE),
        ):
            images = make_images(Path(name) / label.replace(" ", "-"), count, size, sources)
            results[label] = measure(setting, images, given.rounds, graph_rate, torch_rate)
            print(label, json.dumps(results[label], indent=2), flush=True)
    if given.plot:
        plot(results, given.plot)


def measure(
    setting: Setting,
    images: Path,
    rounds: int,
    graph_rate: Callable[[], float],
    torch_rate: Callable[[], float],
) -> dict[str, float]:
    files = sorted(images.glob("*.jpg"))
    ours, theirs, loops, graphs, torches = Run(), Run(), [], [], []
    for _ in range(rounds):
        for contestant, run in ((by_eidetic, ours), (by_rclip, theirs)):
            run.wholes.append(contestant(setting, images, weigh=False))
        graphs.append(graph_rate())
        torches.append(torch_rate())
        loops.append(tutorial(files[:40]))
    for contestant, run in ((by_eidetic, ours), (by_rclip, theirs)):
        run.peak = contestant(setting, images, weigh=True).peak
    fast, slow = (len(files) / statistics.median(run.seconds) for run in (ours, theirs))
    # As its report tells: from its first look at the folder to its last row.
    steady = [json.loads(whole.printed)["images_per_second"] for whole in ours.wholes]
    return {
        "eidetic images/s": round(fast, 2),
        "rclip images/s": round(slow, 2),
        "tutorial images/s": round(statistics.median(loops), 2),
        "graph images/s": round(statistics.median(graphs), 2),
        "torch images/s": round(statistics.median(torches), 2),
        "eidetic to rclip": round(median_ratio(theirs.seconds, ours.seconds), 3),
        "eidetic without its start, images/s": round(statistics.median(steady), 2),
        "that to torch": round(median_ratio(steady, torches), 3),
        "that to graph": round(median_ratio(steady, graphs), 3),
        "eidetic peak MB": round(ours.peak / 1e6),
        "rclip peak MB": round(theirs.peak / 1e6),
    }


def median_ratio(ones: list[float], others: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


def plot(results: dict[str, dict[str, float]], file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    names = ["eidetic", "rclip", "tutorial", "graph", "torch"]
    figure, axes = pyplot.subplots(1, len(results), figsize=(9, 3.2), layout="constrained")
    for ax, (label, found) in zip(axes, results.items(), strict=True):
        values = [found[f"{name} images/s"] for name in names]
        bars = ax.barh(names[::-1], values[::-1], color=["#bbb"] * 3 + ["#888", "#0a6"])
        ax.bar_label(bars, fmt="%.1f", padding=3)
        ax.set_title(f"images/s, {label}")
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


if __name__ == "__main__":
    main()
