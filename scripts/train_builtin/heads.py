"""Heads that carry frozen image features and teacher sentence vectors into one joint space."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.train_builtin.targets import Targets


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """Size and schedule of one head.

    Attributes:
        label_weight: Weight of the loss over labels against the loss over captions.
        feature_dropout: Share of the input columns zeroed at random while training.
    """

    width: int
    dim: int
    epochs: int
    batch: int = 768
    rate: float = 1e-3
    weight_decay: float = 0.1
    feature_dropout: float = 0.5
    hidden_dropout: float = 0.3
    label_weight: float = 0.3
    text_noise: float = 0.02


class Head(nn.Module):
    """Features (n, inputs) to unit vectors (n, dim): roots, standardised, two layers."""

    def __init__(self, inputs: int, plan: HeadPlan) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("gain", torch.ones(inputs))
        self.inner = nn.Linear(inputs, plan.width)
        self.outer = nn.Linear(plan.width, plan.dim)
        self.feature_dropout = nn.Dropout(plan.feature_dropout)
        self.hidden_dropout = nn.Dropout(plan.hidden_dropout)

    def forward(self, features: Tensor) -> Tensor:
        x = (features.clamp(min=0).sqrt() - self.centre) * self.gain
        x = torch.relu(self.inner(self.feature_dropout(x)))
        return nn.functional.normalize(self.outer(self.hidden_dropout(x)), dim=-1)


def contrast(images: Tensor, sentences: Tensor, owners: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE (CLIP, Radford et al. 2021) that counts every caption of an image as right.

    Args:
        images: Shape (n, dim), unit norm; ``sentences`` (m, dim) likewise.
        owners: Shape (m,): the row of ``images`` each sentence describes.
    """
    logits = scale * images @ sentences.T
    mine = (
        owners.unsqueeze(0) == torch.arange(len(images), device=owners.device).unsqueeze(1)
    ).float()
    to_text = -(mine / mine.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
    to_image = nn.functional.cross_entropy(logits.T, owners, label_smoothing=0.05)
    return to_text + to_image


@dataclass(frozen=True, slots=True, eq=False)
class FittedHead:
    """A head and the words' side of its space.

    Attributes:
        text: Linear map of sentence vectors into the space.
        free: Shape (labels, dim): what each label's anchor adds to its mapped name.
        losses: Mean per epoch.
    """

    head: Head
    text: nn.Linear
    free: Tensor
    losses: list[float]


def fit_head(
    features: NDArray[np.float16], targets: Targets, plan: HeadPlan, device: str, seed: int
) -> FittedHead:
    """Fit a head over fixed features.

    Args:
        features: Shape (n, inputs), a row per training image.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head = Head(features.shape[1], plan)
    sample = np.sort(rng.choice(len(features), min(6000, len(features)), replace=False))
    roots = np.sqrt(np.maximum(features[sample].astype(np.float32), 0))
    head.centre.copy_(torch.from_numpy(roots.mean(0)))
    head.gain.copy_(torch.from_numpy(1 / (roots.std(0) + 1e-3)))
    head.to(device)
    text = nn.Linear(targets.captions.shape[1], plan.dim, bias=False).to(device)
    free = nn.Parameter(0.01 * torch.randn(len(targets.labels), plan.dim, device=device))
    scale = nn.Parameter(torch.tensor(math.log(14.0), device=device))
    label_scale = nn.Parameter(torch.tensor(math.log(14.0), device=device))
    parameters = [*head.parameters(), *text.parameters(), free, scale, label_scale]
    optimiser = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=plan.weight_decay)
    captioned = np.flatnonzero(targets.spans[:, 1] > targets.spans[:, 0])
    labelled = np.flatnonzero(targets.label_ids >= 0)
    steps = len(captioned) // plan.batch
    total = plan.epochs * steps
    names = torch.from_numpy(targets.labels).to(device)
    losses: list[float] = []
    for epoch in range(plan.epochs):
        order = rng.permutation(captioned)[: steps * plan.batch].reshape(steps, plan.batch)
        summed = 0.0
        for number, rows in enumerate(order):
            done = (epoch * steps + number) / total
            warm = min(1.0, 20 * done + 0.02)
            for group in optimiser.param_groups:
                group["lr"] = plan.rate * warm * 0.5 * (1 + math.cos(math.pi * done))
            others = rng.choice(labelled, plan.batch, replace=False)
            batch = torch.from_numpy(features[np.concatenate([rows, others])].astype(np.float32))
            vectors = head(batch.to(device))
            own = np.stack([rng.integers(lo, hi, size=2) for lo, hi in targets.spans[rows]])
            drawn = torch.from_numpy(targets.captions[own.reshape(-1)]).to(device)
            drawn = drawn + plan.text_noise * torch.randn_like(drawn)
            sentences = nn.functional.normalize(text(drawn), dim=-1)
            owners = torch.arange(len(rows), device=device).repeat_interleave(2)
            caption_loss = contrast(vectors[: len(rows)], sentences, owners, scale.exp())
            anchors = nn.functional.normalize(text(names) + free, dim=-1)
            label_loss = nn.functional.cross_entropy(
                label_scale.exp() * vectors[len(rows) :] @ anchors.T,
                torch.from_numpy(targets.label_ids[others]).to(device),
                label_smoothing=0.1,
            )
            loss = caption_loss + plan.label_weight * label_loss
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            summed += float(loss.detach())
        losses.append(summed / steps)
    return FittedHead(head.cpu().eval(), text.cpu().eval(), free.detach().cpu(), losses)
