"""Draw the training curves of a work folder: python -m scripts.train_builtin.plot WORK OUT.svg"""

import json
import sys
from itertools import pairwise
from pathlib import Path

from matplotlib import pyplot as plt


def lines(path: Path) -> list[dict[str, float]]:
    """One JSON object per line."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> None:
    work, out = Path(sys.argv[1]), Path(sys.argv[2])
    trunk = lines(work / "trunk" / "losses.jsonl")
    text = lines(work / "student" / "losses.jsonl")
    tuning = lines(work / "student" / "tuning.jsonl")
    # Text as text and a fixed salt keep the file small and the same from run to run.
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "eidetic"})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    epochs = [line["epoch"] for line in trunk]
    for key, name in (
        ("caption_loss", "image to captions"),
        ("image_loss", "caption to images"),
        ("label_loss", "labels"),
    ):
        left.plot(epochs, [line[key] for line in trunk], label=name)
    left.set(title="trunk: cross-entropy", xlabel="epoch")
    left.legend()
    for before, line in pairwise(trunk):
        if before["size"] != line["size"]:
            left.axvline(line["epoch"], color="grey", linewidth=0.6, linestyle=":")
    middle.plot([line["epoch"] for line in text], [line["cosine"] for line in text])
    middle.set(title="text tower: cosine with teacher", xlabel="epoch")
    for key in ("labels", "captions"):
        right.plot([line["step"] for line in tuning], [line[key] for line in tuning], label=key)
    right.set(title="tuning to the joint space: loss", xlabel="step")
    right.legend()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
