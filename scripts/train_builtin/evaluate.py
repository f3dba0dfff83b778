"""Measure the built-in model as it ships, on images it was never trained on.

    python -m scripts.train_builtin.evaluate [--captions FILE] [--texts FILE] [--labelled FILE]
        [--all-labelled] [--folder DIR] [--groups DIR] [--json FILE] [--record]

The Parquet files have the columns of the training material (key, image, captions, label). Recall is
in per cent: the share of texts whose own image is among the first k of all images of the file.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embed.builtin import BuiltinEncoder
from embed.builtin.encoder import DATA
from scripts.train_builtin.card import record_scores, write_card
from scripts.train_builtin.corpus import KEY_PREFIX, Example, held_back, read_jsonl_gz, read_parquet

LABELS = 200
TEMPLATES = ("a photo of a {}", "{}", "a close-up photo of a {}")

Prepare = Callable[[Image.Image], NDArray[np.uint8]]


def load(encoded: bytes) -> Image.Image:
    """Decode to RGB."""
    with Image.open(io.BytesIO(encoded)) as image:
        return image.convert("RGB")


def image_vectors(
    encoder: BuiltinEncoder, encoded: Sequence[bytes], prepare: Prepare | None = None
) -> NDArray[np.float32]:
    """Return shape (n, dim), through the encoder's own pre-processing unless told otherwise."""
    prepare = prepare or encoder.prepare
    parts = []
    for start in range(0, len(encoded), 64):
        batch = [prepare(load(data)) for data in encoded[start : start + 64]]
        parts.append(encoder.encode_images(batch))
    return np.concatenate(parts)


def centre_crop(size: int) -> Prepare:
    """Shorter side to ``size``, then the middle square."""

    def prepare(image: Image.Image) -> NDArray[np.uint8]:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box), dtype=np.uint8)

    return prepare


def padded(size: int) -> Prepare:
    """Longer side to ``size``, the rest filled with grey."""

    def prepare(image: Image.Image) -> NDArray[np.uint8]:
        scale = size / max(image.size)
        inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        out = Image.new("RGB", (size, size), (115, 110, 102))
        corner = ((size - inner[0]) // 2, (size - inner[1]) // 2)
        out.paste(image.resize(inner, Image.Resampling.BICUBIC), corner)
        return np.asarray(out, dtype=np.uint8)

    return prepare


def recalls(scores: NDArray[np.float32], own: NDArray[np.int64]) -> dict[str, float]:
    """Recall at 1, 5, 10 in per cent and the median rank.

    Args:
        scores: Shape (queries, candidates).
        own: Shape (queries,): the right candidate of each query.
    """
    right = scores[np.arange(len(own)), own][:, None]
    ranks = (scores > right).sum(axis=1)
    found = {f"R@{k}": round(100 * float((ranks < k).mean()), 2) for k in (1, 5, 10)}
    return {**found, "median_rank": float(np.median(ranks) + 1)}


def captions_by_language(rows: Sequence[Example], texts: Path | None) -> dict[str, list[list[str]]]:
    """Return, per language, the captions of each row; English from the Parquet file itself."""
    languages = {"en": [list(row.captions) for row in rows]}
    if texts is None or not texts.exists():
        return languages
    entries = {str(e["file"]).rsplit(".", 1)[0]: e for e in read_jsonl_gz(texts)}
    for language in ("ar", "zh", "de", "fr", "cs"):
        found = [
            list(entries.get(row.key.removeprefix(KEY_PREFIX), {}).get(language) or ())
            for row in rows
        ]
        if any(found):
            languages[language] = found
    return languages


def measure_retrieval(
    encoder: BuiltinEncoder, rows: Sequence[Example], texts: Path | None
) -> dict[str, dict[str, float]]:
    """Text -> image recall by language."""
    images = image_vectors(encoder, [row.image for row in rows])
    out = {}
    for language, captions in captions_by_language(rows, texts).items():
        flat = [text for own in captions for text in own]
        own = np.repeat(np.arange(len(rows)), [len(c) for c in captions])
        out[language] = recalls(encoder.encode_texts(flat) @ images.T, own)
    return out


def measure_preprocessing(encoder: BuiltinEncoder, folder: Path) -> dict[str, dict[str, float]]:
    """English text -> image recall by how an image is made square.

    Args:
        folder: Holds captions.jsonl and photos/ with images of their own aspect ratios (those of
            the Parquet files are square already).
    """
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    images = [(folder / "photos" / line["file"]).read_bytes() for line in lines]
    captions = [line["captions"]["en"] for line in lines]
    own = np.repeat(np.arange(len(lines)), [len(c) for c in captions])
    texts = encoder.encode_texts([text for c in captions for text in c])
    ways = {
        "squash": encoder.prepare,
        "centre crop": centre_crop(encoder.image_size),
        "pad": padded(encoder.image_size),
    }
    return {
        name: recalls(texts @ image_vectors(encoder, images, way).T, own)
        for name, way in ways.items()
    }


def measure_zero_shot(encoder: BuiltinEncoder, path: Path, everything: bool) -> dict[str, float]:
    """Accuracy over the `LABELS` most frequent labels of a file, on its held-back rows."""
    rows = list(read_parquet(path))
    frequent = sorted(
        Counter(row.label for row in rows).items(), key=lambda item: (-item[1], item[0])
    )
    labels = [label for label, _ in frequent[:LABELS]]
    position = {label: i for i, label in enumerate(labels)}
    asked = [r for r in rows if r.label in position and (everything or held_back(r.key))]
    prompts = encoder.encode_texts([t.format(label) for label in labels for t in TEMPLATES])
    anchors = prompts.reshape(len(labels), len(TEMPLATES), -1).mean(axis=1)
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    scores = image_vectors(encoder, [r.image for r in asked]) @ anchors.T
    found = recalls(scores, np.array([position[r.label] for r in asked]))
    return {
        "labels": len(labels),
        "images": len(asked),
        "top-1": found["R@1"],
        "top-5": found["R@5"],
    }


def measure_groups(encoder: BuiltinEncoder, folder: Path) -> dict[str, float]:
    """UKBench's measure: of the first four images found by each, how many are of its group of four.

    Files in the order of their names form the groups (0 to 3, 4 to 7 ...); 4 is perfect.
    """
    paths = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
    )
    vectors = image_vectors(encoder, [path.read_bytes() for path in paths])
    return {"images": len(paths), "right_of_4": groups_of_four(vectors)}


def groups_of_four(vectors: NDArray[np.float32]) -> float:
    """Mean number of right ones among the first four; rows 4k to 4k + 3 belong together."""
    nearest = np.argsort(-(vectors @ vectors.T), axis=1)[:, :4]
    groups = np.arange(len(vectors)) // 4
    return round(float((groups[nearest] == groups[:, None]).sum(axis=1).mean()), 3)


def measure_views(
    encoder: BuiltinEncoder, rows: Sequence[Example], count: int = 250
) -> dict[str, float]:
    """The measure of `measure_groups` on simulated views: each image seen four times.

    Views are turned by up to 25 degrees, seen in perspective, 0.7 to 1.0 of the frame, and up to
    20 % brighter or darker. Easier than UKBench where one side of an object hides the other.
    """
    rng = np.random.default_rng(4)
    vectors = []
    for row in rows[:count]:
        image = load(row.image)
        views = [encoder.resizing.apply(_view(image, rng)) for _ in range(4)]
        vectors.append(encoder.encode_images(views))
    return {"images": 4 * len(vectors), "right_of_4": groups_of_four(np.concatenate(vectors))}


def _view(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = image.size
    turned = image.rotate(rng.uniform(-25, 25), Image.Resampling.BICUBIC, fillcolor=(115, 110, 102))
    scale = rng.uniform(0.7, 1.0)
    left, top = rng.uniform(0, 1 - scale, 2)
    jitter = rng.uniform(-0.08, 0.08, (4, 2))
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) * scale + [left, top] + jitter
    quad = tuple(float(v) for x, y in corners for v in (x * width, y * height))
    seen = turned.transform(image.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    return seen.point(
        [min(255, int(v * gain)) for gain in [rng.uniform(0.8, 1.2)] for v in range(256)] * 3
    )


def measure_speed(rows: Sequence[Example]) -> dict[str, float]:
    """Milliseconds of one core per prepared image and per text, best of five runs."""
    encoder = BuiltinEncoder(intra_op_num_threads=1)
    images = [encoder.resizing.apply(load(row.image)) for row in rows[:128]]
    texts = [row.captions[0] for row in rows[:128]]
    encoder.encode_images(images[:32])
    encoder.encode_texts(texts[:1])

    def best(work: Callable[[], object], count: int) -> float:
        seconds = []
        for _ in range(5):
            began = time.process_time()
            work()
            seconds.append(time.process_time() - began)
        return round(1000 * min(seconds) / count, 2)

    return {
        "ms_per_image_in_batches": best(lambda: encoder.encode_images(images), len(images)),
        "ms_per_image_alone": best(
            lambda: [encoder.encode_images([i]) for i in images], len(images)
        ),
        "ms_per_text_alone": best(lambda: [encoder.encode_texts([t]) for t in texts], len(texts)),
    }


LOADING = """
import time, json, sys
import numpy as np
from PIL import Image
from embed.builtin import BuiltinEncoder
began = time.perf_counter()
import onnxruntime, tokenizers
libraries = time.perf_counter() - began
began = time.perf_counter()
encoder = BuiltinEncoder()
encoder.encode_texts(["a dog"])
text = time.perf_counter() - began
encoder.encode_images([encoder.resizing.apply(Image.new("RGB", (200, 100)))])
both = time.perf_counter() - began
print(json.dumps({"libraries_s": round(libraries, 3), "first_text_s": round(text, 3),
                  "both_towers_s": round(both, 3), "torch": "torch" in sys.modules}))
"""


def measure_loading() -> dict[str, float]:
    """Seconds from nothing to a first vector in a fresh process; best of three."""
    runs = [
        json.loads(
            subprocess.run([sys.executable, "-c", LOADING], capture_output=True, check=True).stdout
        )
        for _ in range(3)
    ]
    best: dict[str, float] = min(runs, key=lambda run: run["both_towers_s"])
    return best


def main() -> None:
    material = Path(os.environ.get("EIDETIC_TRAIN", "../shared/train"))
    kit = Path(os.environ.get("EIDETIC_KIT", "../shared/kit"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--captions", type=Path, default=material / "flickr8k-dev.parquet")
    parser.add_argument("--texts", type=Path, default=material / "text" / "flickr8k.jsonl.gz")
    parser.add_argument("--labelled", type=Path, default=material / "labelled.parquet")
    parser.add_argument(
        "--all-labelled", action="store_true", help="use every row, for a file never trained on"
    )
    parser.add_argument(
        "--folder", type=Path, default=kit, help="holds photos/ and captions.jsonl (aspect ratios)"
    )
    parser.add_argument("--groups", type=Path, help="a folder in the layout of UKBench")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument(
        "--record", action="store_true", help="write the figures into model.json and MODEL_CARD.md"
    )
    options = parser.parse_args()
    encoder = BuiltinEncoder()
    rows = list(read_parquet(options.captions))
    report: dict[str, object] = {
        "fingerprint": encoder.fingerprint,
        "text_to_image": measure_retrieval(encoder, rows, options.texts),
        "zero_shot": measure_zero_shot(encoder, options.labelled, options.all_labelled),
        "simulated_views": measure_views(encoder, rows),
        "speed_one_core": measure_speed(rows),
        "loading": measure_loading(),
    }
    if (options.folder / "captions.jsonl").is_file():
        report["preprocessing"] = measure_preprocessing(encoder, options.folder)
    if options.groups is not None:
        report["groups_of_four"] = measure_groups(encoder, options.groups)
    text = json.dumps(report, indent=2)
    print(text)
    if options.record:
        record_scores(DATA, report)
        write_card(DATA)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
