"""Where the time of an ingest goes, by model and by size of the images.

    python -m scripts.benchmarks.ingest_profile [--photos DIR] [--models builtin ViT-B-32 ViT-L-14]

Models of open_clip have random weights and are warmed. Each ingest is a process of its own, which
has taken in a few images before: the archive is there, and the model is loaded. Told are:

- images a second, from the first look at the folder to the last row;
- processor time an image: of the workers that decode, and of the process itself, which encodes,
  hashes, reads metadata and writes rows;
- cores in use: both together, as a share of what all cores could have given. What is missing to
  100 % was spent in waiting;
- the encoder's share: of the time, how long at least one batch was being encoded.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eidetic
from scripts.benchmarks.side_by_side import LARGE, make_images

SMALL = (500, 375)
FIRST = 8
"""Images that are taken in before the measurement."""


class UnderWay:
    """How long at least one call of a function was under way."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._calls = 0
        self._since = 0.0
        self._lock = threading.Lock()

    def watch(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, its calls counted."""

        def watched(*args: Any, **named: Any) -> Any:
            with self._lock:
                if self._calls == 0:
                    self._since = time.perf_counter()
                self._calls += 1
            try:
                return call(*args, **named)
            finally:
                with self._lock:
                    self._calls -= 1
                    if self._calls == 0:
                        self.seconds += time.perf_counter() - self._since

        return watched


def profile(model: str, first: Path, images: Path) -> dict[str, float]:
    """Ingest two folders with a model, and tell what the second took."""
    with eidetic.open("profile", model=model) as archive:
        archive.ingest([first])
        encoder = archive.encoder()
        encoding = UnderWay()
        kind = type(encoder)
        kind.encode_images = encoding.watch(kind.encode_images)  # type: ignore[method-assign]
        own, workers = _cpu(resource.RUSAGE_SELF), _cpu(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        report = archive.ingest([images])
        took = time.perf_counter() - began
        own = _cpu(resource.RUSAGE_SELF) - own
        workers = _cpu(resource.RUSAGE_CHILDREN) - workers
    return {
        "images/s": round(report.indexed / took, 1),
        "decoding ms": round(1000 * workers / report.indexed, 1),
        "own ms": round(1000 * own / report.indexed, 1),
        "cores in use": round((own + workers) / took / (os.cpu_count() or 1), 3),
        "encoding": round(encoding.seconds / took, 3),
    }


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def random_model(arch: str, folder: Path) -> str:
    """Save random weights of open_clip, warm them, and return the spec."""
    import open_clip
    import torch

    from eidetic.warming import warm

    torch.manual_seed(0)
    weights = folder / f"{arch}.pt"
    torch.save(open_clip.create_model(arch).state_dict(), weights)
    spec = f"open_clip:{arch}/{weights}"
    warm(spec)
    return spec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="folder of JPEG images to make the sets from")
    parser.add_argument("--models", nargs="+", default=["builtin", "ViT-B-32", "ViT-L-14"])
    parser.add_argument("--images", type=int, default=400, help="of each size; a quarter for ViT-L")
    parser.add_argument(
        "--one", nargs=3, metavar=("SPEC", "FIRST", "IMAGES"), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    if given.one:
        spec, first, images = given.one
        print(json.dumps(profile(spec, Path(first), Path(images))))
        return
    sources = sorted(given.photos.glob("*.jpg")) if given.photos else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"XDG_CACHE_HOME": name}
        print("| model | pixels | images/s | decoding ms | own ms | cores in use | encoding |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for model in given.models:
            spec = model if model == "builtin" else random_model(model, folder)
            count = given.images // 4 if "-L-" in model else given.images
            for size in (SMALL, LARGE):
                sets = folder / f"{model}-{size[0]}"
                sets.mkdir()
                first = make_images(sets / "first", FIRST, size, sources)
                images = make_images(sets / "images", count, size, sources)
                command = [sys.executable, "-m", __spec__.name, "--one", spec, first, images]
                environ = os.environ | {"EIDETIC_DATA_DIR": str(sets / "data")}
                done = subprocess.run(command, env=environ, capture_output=True, text=True)
                if done.returncode:
                    raise SystemExit(done.stderr)
                told = json.loads(done.stdout.splitlines()[-1])
                cells = [model, f"{size[0]} x {size[1]}", *told.values()]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
