"""Captioned images that benchmarks of search share, and their vectors."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embed.builtin import BuiltinEncoder
from embed.images import decode_image, default_max_pixels
from schema import Vectors

BATCH = 32


@dataclass(frozen=True, slots=True)
class Captioned:
    """Images by file name.

    Attributes:
        captions: Several in English for each image.
        images: Vectors of the images: shape (n, dim), float32, unit norm.
    """

    files: list[str]
    captions: list[list[str]]
    images: Vectors


def builtin_images(kit: Path, encoder: BuiltinEncoder) -> Captioned:
    """Return the captioned photographs, embedded by the built-in model as ingestion does."""
    lines = [json.loads(line) for line in (kit / "captions.jsonl").open(encoding="utf-8")]
    files, limit = [line["file"] for line in lines], default_max_pixels()
    parts = []
    for start in range(0, len(files), BATCH):
        pixels = []
        for file in files[start : start + BATCH]:
            data = (kit / "photos" / file).read_bytes()
            decoded = decode_image(data, target_size=encoder.image_size, max_pixels=limit)
            pixels.append(encoder.resizing.apply(decoded.image))
        parts.append(encoder.encode_images(pixels))
    return Captioned(files, [line["captions"]["en"] for line in lines], np.concatenate(parts))


def vitb32_images(kit: Path) -> tuple[Captioned, Vectors]:
    """Return images with genuine vectors of CLIP ViT-B/32, and those of their captions in turn."""
    folder = kit / "vitb32"
    images = np.load(folder / "image_embeddings.npy")[::5]
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    said = [line["caption"] for line in lines]
    return (
        Captioned(
            [Path(line["image_path"]).name for line in lines[::5]],
            [said[n : n + 5] for n in range(0, len(said), 5)],
            images,
        ),
        np.load(folder / "text_embeddings.npy"),
    )
