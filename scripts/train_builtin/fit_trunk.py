"""Training of the convolutional trunk on labels and captions together.

Two losses share one 256-dimensional image vector: cross-entropy over all labels, whose weights are
a learned linear map of the teacher's label vectors plus a free term, and cross-entropy over a
sample of all training captions, mapped from the teacher's sentence vectors. Only the trunk is kept;
`heads` fits the joint space anew on its frozen features.
"""

import itertools
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.train_builtin.augment import random_views
from scripts.train_builtin.corpus import Corpus
from scripts.train_builtin.targets import Targets
from scripts.train_builtin.trunk import Trunk

START = "start.pt"
JOINT = 256
SMOOTHING = 0.1
CAPTION_WEIGHT = 0.35
"""Of either loss over captions, against the loss over labels."""

Batch = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows of captioned images and rows of labelled ones."""


@dataclass(frozen=True, slots=True)
class TrunkPlan:
    """How long and how large.

    Attributes:
        sizes: Pixels of the training views, by fraction of the training done: (until, size).
        captioned_share: Share of captioned images in an epoch; they repeat to reach it.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    epochs: int
    epoch_images: int
    batch: int
    peak_rate: float
    weight_decay: float
    sizes: tuple[tuple[float, int], ...]
    captioned_share: float = 0.35
    caption_negatives: int = 3072

    def size_at(self, done: float) -> int:
        """Pixels of the views after the fraction ``done`` of the training."""
        return next((size for until, size in self.sizes if done < until), self.sizes[-1][1])


class TrunkTask(nn.Module):
    """The trunk with the two losses around it."""

    def __init__(self, plan: TrunkPlan, label_vectors: Tensor) -> None:
        super().__init__()
        self.trunk = Trunk(plan.widths, plan.depths)
        self.project = nn.Linear(self.trunk.width, JOINT)
        self.text = nn.Linear(label_vectors.shape[1], JOINT, bias=False)
        self.free = nn.Parameter(0.01 * torch.randn(len(label_vectors), JOINT))
        self.label_scale = nn.Parameter(torch.tensor(math.log(12.0)))
        self.caption_scale = nn.Parameter(torch.tensor(math.log(12.0)))
        self.register_buffer("label_vectors", label_vectors, persistent=False)

    def embed(self, views: Tensor) -> Tensor:
        pooled = self.trunk(views).mean(dim=(2, 3))
        return nn.functional.normalize(self.project(pooled), dim=-1)

    def label_logits(self, vectors: Tensor) -> Tensor:
        anchors = nn.functional.normalize(self.text(self.label_vectors) + self.free, dim=-1)
        return self.label_scale.exp().clamp(max=50.0) * vectors @ anchors.T

    def caption_logits(self, vectors: Tensor, sentences: Tensor) -> Tensor:
        anchors = nn.functional.normalize(self.text(sentences), dim=-1)
        return self.caption_scale.exp().clamp(max=50.0) * vectors @ anchors.T

    def losses(
        self,
        vectors: Tensor,
        batch: Batch,
        targets: Targets,
        sentences: Tensor,
        negatives: int,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return three mean cross-entropies: image to label, image to captions, caption to images.

        Args:
            vectors: Shape (captioned + labelled, JOINT): of the captioned images, then the others.
            sentences: Shape (captions, 384): `Targets.captions` on the device of ``vectors``.
            negatives: How many of all captions stand beside two of each image.
        """
        captioned, labelled = batch
        device = vectors.device
        spans = targets.spans[captioned]
        own = np.stack([rng.integers(lo, hi, size=2) for lo, hi in spans])
        others = rng.choice(len(targets.captions), negatives, replace=False)
        drawn = torch.from_numpy(np.concatenate([own.reshape(-1), others])).to(device)
        low, high = torch.from_numpy(spans).to(device).unsqueeze(-1).unbind(1)
        mine = ((drawn >= low) & (drawn < high)).float()
        logits = self.caption_logits(vectors[: len(captioned)], sentences[drawn])
        to_text = -(mine / mine.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
        back = logits[:, : 2 * len(captioned)].T
        owners = torch.arange(len(captioned), device=device).repeat_interleave(2)
        to_image = nn.functional.cross_entropy(back, owners, label_smoothing=SMOOTHING)
        named = torch.from_numpy(targets.label_ids[labelled]).to(device)
        logits = self.label_logits(vectors[len(captioned) :])
        to_label = nn.functional.cross_entropy(logits, named, label_smoothing=SMOOTHING)
        return to_label, to_text, to_image


class Progress:
    """Tells how much of a training is done: in steps, or in time where the cores are shared."""

    def __init__(self, steps: int, minutes: float | None, spent_s: float) -> None:
        self._steps = steps
        self._minutes = minutes
        self._began = time.monotonic() - spent_s

    def spent_s(self) -> float:
        """Seconds of training so far, those of earlier sittings included."""
        return time.monotonic() - self._began

    def after(self, step: int) -> float:
        """Return the fraction done, 1 and more at the end."""
        if self._minutes is None:
            return step / self._steps
        return self.spent_s() / (60 * self._minutes)


class Averaged:
    """Exponential moving average of a module's parameters; buffers are copied."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.dtype.is_floating_point:
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)


def epoch_order(
    captioned: NDArray[np.int64], labelled: NDArray[np.int64], plan: TrunkPlan, seed: int
) -> list[Batch]:
    """Return the batches of one epoch, a fixed mix in each."""
    rng = np.random.default_rng(seed)
    per_batch = round(plan.batch * plan.captioned_share)
    steps = plan.epoch_images // plan.batch

    def draw(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        rounds = -(-count // len(rows))
        return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]

    left = draw(captioned, steps * per_batch).reshape(steps, per_batch)
    right = draw(labelled, steps * (plan.batch - per_batch)).reshape(steps, -1)
    return list(zip(left, right, strict=True))


def fit_trunk(
    corpus: Corpus,
    targets: Targets,
    plan: TrunkPlan,
    folder: Path,
    device: str,
    seed: int,
    minutes: float | None = None,
) -> None:
    """Train, writing checkpoint.pt after each epoch and going on from it where it is there.

    The schedule is laid out over the epochs of the plan, or over ``minutes`` of training. The first
    epoch begins with the weights of start.pt where `begin_trunk` has left that. The checkpoint
    holds the averaged weights too, under "averaged": those are the result.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    task = TrunkTask(plan, torch.from_numpy(targets.labels)).to(device)
    if (folder / START).exists():
        task.load_state_dict(torch.load(folder / START, map_location=device, weights_only=True))
    # On a CPU, convolutions with channels last take about four fifths of the time.
    task.trunk.to(memory_format=torch.channels_last)
    averaged = Averaged(task, 0.998)
    decayed = [p for p in task.parameters() if p.ndim > 1]
    plain = [p for p in task.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": plan.weight_decay},
            {"params": plain, "weight_decay": 0},
        ],
        lr=plan.peak_rate,
        betas=(0.9, 0.98),
    )
    steps_per_epoch = plan.epoch_images // plan.batch
    first, spent_s = 0, 0.0
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        task.load_state_dict(state["task"])
        optimiser.load_state_dict(state["optimiser"])
        averaged.values = state["averaged"]
        first, spent_s = state["epoch"] + 1, state["spent_s"]
    progress = Progress(plan.epochs * steps_per_epoch, minutes, spent_s)

    captioned = np.flatnonzero(targets.spans[:, 1] > targets.spans[:, 0])
    labelled = np.flatnonzero(targets.label_ids >= 0)
    sentences = torch.from_numpy(targets.captions).to(device)
    images = torch.from_numpy(np.array(corpus.images)).permute(0, 3, 1, 2)

    for epoch in itertools.count(first):
        if progress.after(epoch * steps_per_epoch) >= 1:
            break
        began = time.monotonic()
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        rng = np.random.default_rng(seed * 1000 + epoch)
        size = plan.size_at(progress.after(epoch * steps_per_epoch))
        sums = np.zeros(4)
        task.train()
        for number, (left, right) in enumerate(
            epoch_order(captioned, labelled, plan, seed * 1000 + epoch)
        ):
            step = epoch * steps_per_epoch + number
            done = progress.after(step)
            if done >= 1:
                break
            rate = plan.peak_rate * min(1.0, (step + 1) / steps_per_epoch)
            rate *= 0.5 * (1 + math.cos(math.pi * done))
            for group in optimiser.param_groups:
                group["lr"] = rate
            rows = torch.from_numpy(np.concatenate([left, right]))
            views = random_views(images[rows].to(device), size, generator)
            vectors = task.embed(views.contiguous(memory_format=torch.channels_last))

            label_loss, to_text, to_image = task.losses(
                vectors, (left, right), targets, sentences, plan.caption_negatives, rng
            )
            loss = label_loss + CAPTION_WEIGHT * (to_text + to_image)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(task.parameters(), 2.0)
            optimiser.step()
            averaged.update(task, step)
            sums += [label_loss.item(), to_text.item(), to_image.item(), 1]
        means = (sums[:3] / max(sums[3], 1)).tolist()
        line = {
            "epoch": epoch,
            "size": size,
            "label_loss": round(means[0], 4),
            "caption_loss": round(means[1], 4),
            "image_loss": round(means[2], 4),
            "seconds": round(time.monotonic() - began, 1),
        }
        with (folder / "losses.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(line, flush=True)
        state = {
            "task": task.state_dict(),
            "optimiser": optimiser.state_dict(),
            "averaged": averaged.values,
            "epoch": epoch,
            "spent_s": progress.spent_s(),
        }
        torch.save(state, folder / "checkpoint.tmp")
        (folder / "checkpoint.tmp").replace(checkpoint)
