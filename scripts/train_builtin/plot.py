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
    tuning = lines(work / "student" / "tuning.jsonl")
    # A run that continues from an exported model takes the text tower as it is, and only tunes it.
    taught = work / "student" / "losses.jsonl"
    # Text as text and a fixed salt keep the file small and the same from run to run.
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "eidetic"})
    panels = 3 if taught.exists() else 2
    figure, axes = plt.subplots(1, panels, figsize=(3.7 * panels, 3.2), layout="constrained")
    left, right = axes[0], axes[-1]
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
    if taught.exists():
        text = lines(taught)
        axes[1].plot([line["epoch"] for line in text], [line["cosine"] for line in text])
        axes[1].set(title="text tower: cosine with teacher", xlabel="epoch")
    for key in ("labels", "captions"):
        right.plot([line["step"] for line in tuning], [line[key] for line in tuning], label=key)
    right.set(title="tuning to the joint space: loss", xlabel="step")
    right.legend()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
