"""How near the vectors of neighbouring frames are, within a scene and over a cut.

    python scripts/benchmarks/video_near.py --photos DIR [--model builtin]

Each photograph is a scene of a film: four seconds, over which the picture wanders by a fifth of its
width. The cosine of two frames of one scene, two seconds apart, is set against that of two frames
of neighbouring scenes. `ingest.filming.NEAR` should lie above nearly all of the latter.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from embed import load_encoder
from ingest.filming import NEAR

WIDE = (1280, 720)
SEEN = (1066, 600)


def frame(photo: Image.Image, share: float, encoder: object) -> np.ndarray:
    left = int((WIDE[0] - SEEN[0]) * share)
    top = int((WIDE[1] - SEEN[1]) * share)
    seen = photo.crop((left, top, left + SEEN[0], top + SEEN[1]))
    return encoder.resizing.apply(seen)  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--count", type=int, default=150)
    args = parser.parse_args()
    encoder = load_encoder(args.model)
    still, slow, fast, cuts = [], [], [], []
    before = None
    for path in sorted(args.photos.glob("*.jpg"))[: args.count]:
        photo = ImageOps.fit(Image.open(path).convert("RGB"), WIDE)
        pixels = [frame(photo, share, encoder) for share in (0.0, 0.1, 0.5, 1.0)]
        a, b, c, d = encoder.encode_images(pixels)
        noise = np.random.default_rng(0).normal(0, 4, pixels[0].shape)
        noisy = np.clip(pixels[0] + noise, 0, 255).astype(np.uint8)
        still.append(float(a @ encoder.encode_images([noisy])[0]))
        slow.append(float(a @ b))
        fast.append(float(a @ c))
        if before is not None:
            cuts.append(float(before @ a))
        before = d
    names = ("still, with noise", "moved by 2 %", "moved by 8 %", "over a cut")
    print(f"{encoder.spec}, {len(still)} scenes; cosine at the quantiles")
    print(f"| frames | 1 % | 10 % | 50 % | 90 % | 99 % | at {NEAR} and more |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, found in zip(names, (still, slow, fast, cuts), strict=True):
        values = np.array(found)
        told = " | ".join(f"{q:.3f}" for q in np.quantile(values, (0.01, 0.1, 0.5, 0.9, 0.99)))
        print(f"| {name} | {told} | {(values >= NEAR).mean():.0%} |")


if __name__ == "__main__":
    main()
