"""What vectors of images in half precision do to search.

    python -m scripts.benchmarks.half_precision [--kit DIR]

The queries are captions, the answers their images. First genuine vectors of CLIP ViT-B/32, given
errors in random directions until each has a certain cosine with what it was. Then the built-in
model, which the product never runs in half precision since it loses far more by it than is
allowed: computed in both. "The same ten" is the share of the first ten that both give.
"""

import argparse
from pathlib import Path

import numpy as np

from embed.builtin import BuiltinEncoder
from embed.builtin.encoder import DATA
from embed.encoder import unit
from embed.graphs import ImageGraph
from embed.halving import MIN_COSINE_IN_HALF
from schema import Vectors
from scripts.benchmarks.captioned import Captioned, builtin_images, vitb32_images

DEPTHS = (1, 5, 10)
COSINES = (0.9999, MIN_COSINE_IN_HALF, 0.999, 0.99)
DRAWS = 200


class InHalf(BuiltinEncoder):
    """The built-in model in half precision, where this processor multiplies that faster."""

    def __init__(self) -> None:
        super().__init__()
        self.graph = ImageGraph(DATA / "image.onnx", half=True)

    def encode_images(self, batch: list) -> Vectors:
        return unit(self.graph.run(batch))


def disturbed(vectors: Vectors, cosine: float, rng: np.random.Generator) -> Vectors:
    """Return vectors of unit norm that have a cosine with each of these."""
    noise = rng.standard_normal(vectors.shape)
    noise -= (noise * vectors).sum(axis=1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return (cosine * vectors + np.sqrt(1 - cosine**2) * noise).astype(np.float32)


def told(exact: Vectors, others: list[Vectors], texts: Vectors, own: np.ndarray) -> str:
    """Return recall by the other vectors, its change from the exact ones, and what tens keep."""

    def recalls(images: Vectors) -> np.ndarray:
        scores = texts @ images.T
        better = scores > scores[np.arange(len(texts)), own][:, None]
        return np.array([(better.sum(axis=1) < depth).mean() for depth in DEPTHS])

    def first_ten(images: Vectors) -> list[set[int]]:
        return [set(row) for row in np.argsort(-(texts @ images.T), axis=1)[:, :10].tolist()]

    before, ten = recalls(exact), first_ten(exact)
    after = np.mean([recalls(each) for each in others], axis=0)
    kept = [len(a & b) / 10 for each in others for a, b in zip(ten, first_ten(each), strict=True)]
    found = "  ".join(
        f"R@{depth} {100 * value:.2f} ({100 * (value - old):+.2f})"
        for depth, value, old in zip(DEPTHS, after, before, strict=True)
    )
    return f"{found}  the same ten {100 * np.mean(kept):.2f} %"


def owners(known: Captioned) -> np.ndarray:
    return np.repeat(np.arange(len(known.files)), [len(said) for said in known.captions])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, default=Path("../shared/kit"))
    kit = parser.parse_args().kit
    known, texts = vitb32_images(kit)
    images = unit(known.images)
    print(f"ViT-B/32, {len(images)} images, {len(texts)} captions, {DRAWS} draws of errors")
    for cosine in COSINES:
        others = [disturbed(images, cosine, np.random.default_rng(n)) for n in range(DRAWS)]
        print(f"  cosine {cosine}:  {told(images, others, unit(texts), owners(known))}", flush=True)
    encoder, in_half = BuiltinEncoder(), InHalf()
    known = builtin_images(kit, encoder)
    half = builtin_images(kit, in_half).images
    texts = encoder.encode_texts([caption for said in known.captions for caption in said])
    cosines = (known.images * half).sum(axis=1)
    print(
        f"built-in model, {len(half)} images, {len(texts)} captions, in {in_half.graph.precision}"
    )
    print(
        f"  cosine {cosines.mean():.4f} on average, {cosines.min():.4f} at least:  "
        f"{told(known.images, [half], texts, owners(known))}"
    )


if __name__ == "__main__":
    main()
