"""The two towers as they ship: parts side by side, each of unit norm times its share.

An image vector is [a * semantic(trunk), b * semantic(banks), c * look], a text vector is
[a' * text(trunk), b' * text(banks), 0]. The cosine of image and text is then a weighted mean of the
parts' cosines, times a constant; the look part (colours and textures, no words) takes part only in
the cosine of two images and cannot change the order of images for a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.train_builtin.banks import BANKS, Banks, BankSlices
from scripts.train_builtin.heads import Head
from scripts.train_builtin.student import PAD, Student
from scripts.train_builtin.trunk import Trunk

INPUT = 96


@dataclass(frozen=True, slots=True)
class TrunkView:
    """How the trunk looks at an image; the vectors of several views are averaged.

    Attributes:
        size: Pixels of the square it sees, at most `INPUT`.
    """

    size: int
    mirrored: bool = False

    def of(self, pixels: Tensor) -> Tensor:
        """Shape (n, 3, INPUT, INPUT) to (n, 3, size, size)."""
        if self.size != INPUT:
            size = (self.size, self.size)
            pixels = nn.functional.interpolate(pixels, size=size, mode="bilinear")
        return pixels.flip(3) if self.mirrored else pixels


def look_features(features: Tensor) -> Tensor:
    """Pick what describes the look from `Banks`' output: colours, and patches wherever they are."""
    slices = BankSlices.of_plan()
    parts = [features[:, slices.colours]]
    for columns, plan in zip(slices.patches, BANKS, strict=True):
        grid = features[:, columns].unflatten(1, (plan.centroids, plan.grid**2))
        parts.append(grid.mean(dim=2))
    return torch.cat([part.clamp(min=0).sqrt() for part in parts], dim=1)


class Look(nn.Module):
    """`Banks`' output to a unit vector in which alike-looking images are near: scaled PCA."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("axes", torch.zeros(inputs, dim))

    @torch.no_grad()
    def learn(self, features: NDArray[np.float16], patch_weight: float, power: float) -> None:
        """Fit to images of any kind.

        Args:
            patch_weight: Weight of the patch columns against the colour columns.
            power: Components are divided by their deviation to this power (1 is whitening).
        """
        x = look_features(torch.from_numpy(features.astype(np.float32)))
        centre = x.mean(0)
        weights = torch.full((x.shape[1],), patch_weight)
        colours = BankSlices.of_plan().colours
        weights[: colours.stop - colours.start] = 1.0
        weighted = (x - centre) * weights
        values, axes = torch.linalg.eigh(weighted.T @ weighted / len(x))
        dim = self.axes.shape[1]
        kept, scale = axes[:, -dim:], values[-dim:].clamp(min=1e-12) ** (-power / 2)
        self.centre.copy_(centre)
        self.axes.copy_(weights.unsqueeze(1) * kept * scale)

    def forward(self, features: Tensor) -> Tensor:
        return nn.functional.normalize((look_features(features) - self.centre) @ self.axes, dim=-1)


class ImageTower(nn.Module):
    """uint8 (n, 96, 96, 3) to unit vectors."""

    def __init__(
        self,
        trunk: Trunk,
        project: nn.Linear,
        banks: Banks,
        head: Head,
        look: Look,
        shares: tuple[float, float, float],
        trunk_views: Sequence[TrunkView],
    ) -> None:
        super().__init__()
        self.trunk, self.project = trunk, project
        self.banks, self.head, self.look = banks, head, look
        self.shares = [float(np.sqrt(s / sum(shares))) for s in shares]
        self.trunk_views = tuple(trunk_views)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.permute(0, 3, 1, 2).float() / 255.0
        maps = [self.trunk(view.of(pixels)) for view in self.trunk_views]
        seen = [
            nn.functional.normalize(self.project(found.mean(dim=(2, 3))), dim=-1) for found in maps
        ]
        deep = nn.functional.normalize(torch.stack(seen).sum(dim=0), dim=-1)
        features = self.banks(pixels)
        parts = (deep, self.head(features), self.look(features))
        return torch.cat([part * s for part, s in zip(parts, self.shares, strict=True)], dim=1)


class TextTower(nn.Module):
    """int64 token ids (n, length) to unit vectors."""

    def __init__(
        self,
        student: Student,
        deep: nn.Linear,
        shallow: nn.Linear,
        look_dim: int,
        shares: tuple[float, float],
    ) -> None:
        super().__init__()
        self.student, self.deep, self.shallow = student, deep, shallow
        self.shares = [float(np.sqrt(s / sum(shares))) for s in shares]
        self.look_dim = look_dim

    def forward(self, ids: Tensor) -> Tensor:
        sentence = nn.functional.normalize(self.student(ids), dim=-1)
        deep = nn.functional.normalize(self.deep(sentence), dim=-1) * self.shares[0]
        shallow = nn.functional.normalize(self.shallow(sentence), dim=-1) * self.shares[1]
        return nn.functional.pad(torch.cat([deep, shallow], dim=1), (0, self.look_dim))


def example_inputs() -> tuple[Tensor, Tensor]:
    """Return small inputs of both towers, for tracing."""
    return torch.zeros(2, INPUT, INPUT, 3, dtype=torch.uint8), torch.full((2, 5), PAD + 2)
