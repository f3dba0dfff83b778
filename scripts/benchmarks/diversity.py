"""What ``--diverse`` costs in relevance and gains in difference.

    python -m scripts.benchmarks.diversity [--kit DIR]

The kit's captioned images with the built-in model; a query is a caption. Relevance: how often the
caption's own image is among the first ten. Difference: one less the mean cosine of the first ten
with each other, and the greatest cosine of two of them.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from embed.builtin import BuiltinEncoder
from scripts.benchmarks.tagging import builtin_case
from search.diversity import POOL, diversify

DEPTH = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, default=Path("../shared/kit"), help="test material")
    kit = parser.parse_args().kit
    images = builtin_case(kit).images
    lines = [json.loads(line) for line in (kit / "captions.jsonl").open(encoding="utf-8")]
    texts = BuiltinEncoder().encode_texts([line["captions"]["en"][0] for line in lines])
    scores = texts @ images.T
    upper = np.triu_indices(DEPTH, 1)
    print("diversity   own image in first ten   mean cosine of these   greatest")
    for diversity in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        own, mean, most = [], [], []
        for n, row in enumerate(scores):
            pool = np.argsort(-row, kind="stable")[:POOL]
            order = diversify(row[pool].astype(np.float64), images[pool], diversity)[:DEPTH]
            shown = pool[order]
            cosines = (images[shown] @ images[shown].T)[upper]
            own.append(n in shown)
            mean.append(cosines.mean())
            most.append(cosines.max())
        print(f"{diversity:9.1f} {np.mean(own):24.3f} {np.mean(mean):22.3f} {np.mean(most):10.3f}")


if __name__ == "__main__":
    main()
