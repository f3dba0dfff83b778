"""What each part of the model is worth, measured on the work folder of a training run.

    python -m scripts.train_builtin.ablation --work DIR [--material DIR] [--preset cpu]

English text -> image recall over the development split and zero-shot accuracy over the 200 most
frequent labels on held-back images, both with the teacher's own sentence vectors, so that the text
tower plays no part. "names" maps a label's name linearly; "anchors" adds the learned free term,
which is what the text tower is tuned to. "other labels" is the same, with anchors, over the
held-back images of all other labels: choosing by that column keeps the one before it, which is
reported, out of the choice.
"""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.train_builtin.banks import Banks, extract
from scripts.train_builtin.corpus import Corpus, prepare_corpora, read_parquet
from scripts.train_builtin.evaluate import LABELS, recalls
from scripts.train_builtin.fit_trunk import TrunkTask
from scripts.train_builtin.presets import PRESETS
from scripts.train_builtin.targets import make_targets
from scripts.train_builtin.teacher import sentence_vectors
from scripts.train_builtin.towers import INPUT, TrunkView
from scripts.train_builtin.train import make_head, read_trunk

VIEWS = (
    (TrunkView(64),),
    (TrunkView(80),),
    (TrunkView(96),),
    (TrunkView(80), TrunkView(80, mirrored=True)),
    (TrunkView(80), TrunkView(64, mirrored=True)),
)
SHARES = (0.0, 0.15, 0.22, 0.3, 0.45)

Array = NDArray[np.float32]


@torch.inference_mode()
def deep_vectors(task: TrunkTask, images: NDArray[np.uint8], views: Sequence[TrunkView]) -> Array:
    """The trunk's part of the image vectors, averaged over ``views``."""
    out = []
    for start in range(0, len(images), 100):
        pixels = torch.from_numpy(np.array(images[start : start + 100])).permute(0, 3, 1, 2) / 255.0
        seen = torch.stack([task.embed(view.of(pixels)) for view in views]).sum(dim=0)
        out.append(nn.functional.normalize(seen, dim=-1))
    return torch.cat(out).numpy()


def mapped(text: nn.Linear, vectors: Array, free: Tensor | float = 0.0) -> Array:
    """Sentence vectors in one part's space."""
    with torch.inference_mode():
        return nn.functional.normalize(text(torch.from_numpy(vectors)) + free, dim=-1).numpy()


def together(deep: Array, shallow: Array, share: float) -> Array:
    """Two parts as one vector, ``share`` of the squared norm being the banks'."""
    return np.hstack([np.sqrt(1 - share) * deep, np.sqrt(share) * shallow])


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A zero-shot task: which of some labels belongs to each image.

    Attributes:
        rows: Of the held-back images: those asked for.
        named: Rows of `Targets.labels`: the labels to choose from.
        truth: Per image, the right one as a position in ``named``.
    """

    rows: NDArray[np.int64]
    named: NDArray[np.int64]
    truth: NDArray[np.int64]

    def accuracy(self, images: Array, labels: Array) -> str:
        """Top-1 / top-5 in per cent, from vectors of all held-back images and of all labels."""
        found = recalls(images[self.rows] @ labels[self.named].T, self.truth)
        return f"{found['R@1']:.1f} / {found['R@5']:.1f}"


def choices(material: Path, kept: Corpus, names: Sequence[str]) -> tuple[Choice, Choice]:
    """Return the choice among the `LABELS` most frequent labels, and that among the others."""
    counts = Counter(row.label for row in read_parquet(material / "labelled.parquet"))
    frequent = {name for name, _ in sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:LABELS]}
    asked, other = (
        np.flatnonzero([(label in frequent) is wanted for label in kept.labels])
        for wanted in (True, False)
    )
    return _choice(asked, kept, names), _choice(other, kept, names)


def _choice(rows: NDArray[np.int64], kept: Corpus, names: Sequence[str]) -> Choice:
    labels = sorted({kept.labels[i] for i in rows})
    named = np.array([names.index(label) for label in labels])
    return Choice(rows, named, np.array([labels.index(kept.labels[i]) for i in rows]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--material", type=Path, default=Path(os.environ.get("EIDETIC_TRAIN", "../shared/train"))
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    options = parser.parse_args()
    preset, work = PRESETS[options.preset], options.work

    train, dev, kept = prepare_corpora(options.material, work, INPUT)
    targets = make_targets(train, kept, work, "cpu")
    captions = sentence_vectors([c for own in dev.captions for c in own], work / "dev-captions.npy")
    owner = np.repeat(np.arange(len(dev)), [len(own) for own in dev.captions])
    asked, other = choices(options.material, kept, targets.names)

    task = read_trunk(preset, targets, work)
    head, shallow = make_head(
        np.load(work / "banks-train.npy", mmap_mode="r"), targets, preset, work, "cpu", 0
    )
    banks = Banks()
    banks.load_state_dict(torch.load(work / "banks.pt", weights_only=True))

    def through_banks(images: NDArray[np.uint8]) -> Array:
        found = extract(banks, images, mirror=False, device="cpu").astype(np.float32)
        with torch.inference_mode():
            return head(torch.from_numpy(found)).numpy()

    def line(name: str, dev_images: Array, held: Array, texts: Array, named: Array, anchors: Array):
        """Print one row of a Markdown table."""
        recall = recalls(texts @ dev_images.T, owner)
        cells = [
            " / ".join(f"{recall[f'R@{k}']:.1f}" for k in (1, 5, 10)),
            asked.accuracy(held, named),
            asked.accuracy(held, anchors),
            other.accuracy(held, anchors),
        ]
        print("| " + " | ".join([name, *cells]) + " |", flush=True)

    print("| part | R@1 / R@5 / R@10 | zero-shot, names | zero-shot, anchors | other labels |")
    print("| --- | --- | --- | --- | --- |")
    shallow_parts = (
        through_banks(dev.images),
        through_banks(kept.images),
        mapped(shallow.text, captions),
        mapped(shallow.text, targets.labels),
        shallow.labels.numpy(),
    )
    deep_words = (
        mapped(task.text, captions),
        mapped(task.text, targets.labels),
        mapped(task.text, targets.labels, task.free),
    )
    line("banks alone", *shallow_parts)
    for views in VIEWS:
        deep_parts = (
            deep_vectors(task, dev.images, views),
            deep_vectors(task, kept.images, views),
            *deep_words,
        )
        name = " and ".join(f"{v.size} px{' mirrored' if v.mirrored else ''}" for v in views)
        for share in SHARES if views == VIEWS[-1] else (0.0,):
            joint = [together(d, s, share) for d, s in zip(deep_parts, shallow_parts, strict=True)]
            line(f"trunk at {name}" + (f", banks {share:.2f}" if share else " alone"), *joint)


if __name__ == "__main__":
    main()
