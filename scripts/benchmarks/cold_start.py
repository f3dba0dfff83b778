"""How long a text query takes as a whole process, beside rclip's, on the same images.

    python -m scripts.benchmarks.cold_start --rclip RCLIP [--images 10000] [--runs 15]

RCLIP is the command of rclip (PyPI), in an environment of its own. Images are small ones that are
made for the purpose. Eidetic has the built-in model, rclip its ViT-B-32-256 (random weights), whose
vectors are put into its database, because how they came there is another matter. In turns:

- eidetic: `eidetic search`;
- rclip: `rclip --no-indexing`, and `rclip`, which looks for new images first, as its users do;
- exported: `eidetic search` in an archive of ViT-B-32-256 that was warmed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.benchmarks.rclip import ARCH, Setting, prepare, whole_process

EIDETIC = str(Path(sys.executable).with_name("eidetic"))
QUERY = "two dogs on a beach"

FILL = """
import os, sys, numpy
from pathlib import Path
from rclip import db
base = db.DB(Path(os.environ["RCLIP_DATADIR"]) / "db.sqlite3")
rng = numpy.random.default_rng(0)
for file in sorted(Path(sys.argv[1]).iterdir()):
    vector = rng.standard_normal(512).astype("f4")
    vector /= numpy.linalg.norm(vector)
    state = file.stat()
    base.upsert_image(dict(filepath=str(file), modified_at=state.st_mtime, size=state.st_size,
                           vector=vector.tobytes(), hash=file.name), commit=False)
base.commit()
"""


def make_images(folder: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (3, 4, 3), dtype=np.uint8))
        coarse.resize((96, 72), Image.Resampling.BICUBIC).save(folder / f"{i:06d}.jpg")
    return folder


def fill(setting: Setting, images: Path, some: int) -> None:
    """Put the images into both archives, and some of them into one of rclip's model."""
    python = Path(setting.rclip).with_name("python")
    quiet = [EIDETIC, "-q"]
    few = make_images(setting.folder / "few", some)
    for command in (
        [*quiet, "ingest", str(images), "--model", "builtin"],
        [*quiet, "--archive", "exported", "ingest", str(few), "--model", setting.spec],
        [str(python), "-c", FILL, str(images)],
    ):
        subprocess.run(command, env=setting.environ, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rclip", required=True, help="the command of rclip")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        setting = prepare(Path(name), given.rclip)
        images = make_images(Path(name) / "images", given.images)
        fill(setting, images, given.images // 20)
        commands = {
            "eidetic": [EIDETIC, "search", QUERY],
            "rclip --no-indexing": [given.rclip, "--no-indexing", QUERY],
            "rclip": [given.rclip, QUERY],
            f"eidetic, {ARCH} warmed": [EIDETIC, "--archive", "exported", "search", QUERY],
        }
        times: dict[str, list[float]] = {label: [] for label in commands}
        for _ in range(given.runs):
            for label, command in commands.items():
                times[label].append(whole_process(command, images, setting.environ).seconds)
        peaks = {
            label: whole_process(command, images, setting.environ, weigh=True).peak
            for label, command in commands.items()
        }
    for label, taken in times.items():
        print(
            f"{label:32} median {statistics.median(taken):.2f} s, from {min(taken):.2f} to "
            f"{max(taken):.2f}, peak {peaks[label] / 1e6:.0f} MB"
        )
    pairs = zip(times["eidetic"], times["rclip --no-indexing"], strict=True)
    print(f"eidetic to rclip --no-indexing: {statistics.median(a / b for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
