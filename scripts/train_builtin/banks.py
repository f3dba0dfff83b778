"""Filter banks learned without labels: whitened k-means patches at three scales, and colours.

Patch features follow Coates, Lee and Ng (2011), "An analysis of single-layer networks in
unsupervised feature learning": patches are contrast-normalised and ZCA-whitened, k-means gives the
centroids, an image's response to a centroid is max(0, mean distance - distance), and responses are
averaged over a grid of regions. Colour features are the same with single pixels, which makes a soft
colour histogram.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class BankPlan:
    """One bank of patch filters.

    Attributes:
        shrink: Factor by which the 96-pixel image is averaged down first.
        grid: Responses are averaged over grid x grid regions.
    """

    shrink: int
    stride: int
    centroids: int
    grid: int
    patch: int = 6


BANKS = (BankPlan(1, 3, 256, 3), BankPlan(2, 2, 384, 3), BankPlan(4, 1, 256, 2))
COLOURS = 96
IMAGES_PER_RUN = 16
"""Larger batches are slower on a CPU: their responses are memory the system hands out anew."""

PATCH_FLOOR = 1e-3
"""Added to a patch's variance (pixels in [0, 1]), so that flat patches stay flat."""


def k_means(points: Tensor, count: int, rounds: int, generator: torch.Generator) -> Tensor:
    """Return (count, dim) centroids; an empty cluster is reseeded with a random point."""
    centroids = points[torch.randperm(len(points), generator=generator)[:count]].clone()
    for _ in range(rounds):
        nearest = torch.cdist(points, centroids).argmin(dim=1)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=count).unsqueeze(1)
        fresh = points[torch.randint(0, len(points), (count,), generator=generator)]
        centroids = torch.where(sizes > 0, sums / sizes.clamp(min=1), fresh)
    return centroids


def triangle(squared: Tensor) -> Tensor:
    """Map squared distances (n, k, h, w) to responses max(0, mean over k - distance)."""
    distance = squared.clamp(min=1e-8).sqrt()
    return torch.relu(distance.mean(dim=1, keepdim=True) - distance)


class PatchBank(nn.Module):
    """Images (n, 3, 96, 96) in [0, 1] to (n, centroids * grid * grid)."""

    def __init__(self, plan: BankPlan) -> None:
        super().__init__()
        self.plan = plan
        length = 3 * plan.patch**2
        self.register_buffer("whiten", torch.zeros(length, length))
        self.register_buffer("offset", torch.zeros(length))
        self.register_buffer("centroids", torch.zeros(plan.centroids, length))

    def shrink(self, images: Tensor) -> Tensor:
        if self.plan.shrink == 1:
            return images
        return nn.functional.avg_pool2d(images, self.plan.shrink)

    @torch.no_grad()
    def learn(self, images: Tensor, generator: torch.Generator) -> None:
        """Fit whitening and centroids on random patches of ``images`` (n, 3, 96, 96)."""
        small = self.shrink(images)
        patches = nn.functional.unfold(small, self.plan.patch).transpose(1, 2)
        rows = torch.randint(0, patches.shape[1], (len(small), 40), generator=generator)
        points = patches.gather(1, rows.unsqueeze(-1).expand(-1, -1, patches.shape[2])).flatten(
            0, 1
        )
        points = points - points.mean(1, keepdim=True)
        points = points / (points.square().mean(1, keepdim=True) + PATCH_FLOOR).sqrt()
        mean = points.mean(0)
        centred = points - mean
        values, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
        whiten = axes @ torch.diag((values.clamp(min=0) + 0.1).rsqrt()) @ axes.T
        self.whiten.copy_(whiten)
        self.offset.copy_(-whiten @ mean)
        self.centroids.copy_(k_means(centred @ whiten, self.plan.centroids, 12, generator))

    def forward(self, images: Tensor) -> Tensor:
        small = self.shrink(images)
        size, stride = self.plan.patch, self.plan.stride
        length = 3 * size**2
        box = torch.full((1, 3, size, size), 1.0 / length, device=small.device)
        mean = nn.functional.conv2d(small, box, stride=stride)
        power = nn.functional.conv2d(small.square(), box, stride=stride)
        spread = ((power - mean.square()).clamp(min=0) + PATCH_FLOOR).rsqrt()
        kernel = self.whiten - self.whiten.mean(dim=1, keepdim=True)
        white = nn.functional.conv2d(small, kernel.view(length, 3, size, size), stride=stride)
        white = white * spread + self.offset.view(1, -1, 1, 1)
        cross = nn.functional.conv2d(white, self.centroids.view(-1, length, 1, 1))
        squared = (
            white.square().sum(1, keepdim=True)
            + self.centroids.square().sum(1).view(1, -1, 1, 1)
            - 2 * cross
        )
        return pool(triangle(squared), self.plan.grid).flatten(1)


class ColourBank(nn.Module):
    """Images (n, 3, 96, 96) in [0, 1] to (n, COLOURS * 5): whole image, then 2 x 2 regions."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("axes", torch.zeros(3, 3))
        self.register_buffer("centroids", torch.zeros(COLOURS, 3))

    @torch.no_grad()
    def learn(self, images: Tensor, generator: torch.Generator) -> None:
        pixels = nn.functional.avg_pool2d(images, 4).permute(0, 2, 3, 1).reshape(-1, 3)
        opponent = torch.tensor([[0.33, 0.33, 0.33], [0.9, -0.9, 0.0], [0.45, 0.45, -0.9]])
        self.axes.copy_(opponent)
        points = pixels[torch.randperm(len(pixels), generator=generator)[:60000]] @ opponent.T
        self.centroids.copy_(k_means(points, COLOURS, 15, generator))

    def forward(self, images: Tensor) -> Tensor:
        small = nn.functional.avg_pool2d(images, 2)
        points = nn.functional.conv2d(small, self.axes.view(3, 3, 1, 1))
        cross = nn.functional.conv2d(points, self.centroids.view(-1, 3, 1, 1))
        squared = (
            points.square().sum(1, keepdim=True)
            + self.centroids.square().sum(1).view(1, -1, 1, 1)
            - 2 * cross
        )
        soft = (-60.0 * squared).softmax(dim=1)
        quarters = pool(soft, 2).flatten(2)
        whole = quarters.mean(dim=2)
        return torch.cat([whole, quarters.flatten(1)], dim=1)


class Banks(nn.Module):
    """All banks and an 8 x 8 colour layout, side by side; see `BankSlices` for what is where."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.ModuleList(PatchBank(plan) for plan in BANKS)
        self.colours = ColourBank()

    def learn(self, images: Tensor, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for bank in self.patches:
            bank.learn(images, generator)
        self.colours.learn(images, generator)

    def forward(self, images: Tensor) -> Tensor:
        layout = nn.functional.avg_pool2d(images, images.shape[-1] // 8).flatten(1)
        return torch.cat(
            [bank(images) for bank in self.patches] + [self.colours(images), layout], 1
        )


@dataclass(frozen=True, slots=True)
class BankSlices:
    """Column ranges of `Banks`' output."""

    patches: tuple[slice, ...]
    colours: slice
    layout: slice

    @classmethod
    def of_plan(cls) -> "BankSlices":
        edges = [0]
        for plan in BANKS:
            edges.append(edges[-1] + plan.centroids * plan.grid**2)
        ranges = tuple(slice(a, b) for a, b in pairwise(edges))
        colours = slice(edges[-1], edges[-1] + 5 * COLOURS)
        return cls(ranges, colours, slice(colours.stop, colours.stop + 192))


def pool(responses: Tensor, grid: int) -> Tensor:
    """Average (n, k, h, w) over grid x grid equal regions, leaving out a remainder at the edges."""
    height, width = responses.shape[-2] // grid, responses.shape[-1] // grid
    return nn.functional.avg_pool2d(responses, (height, width))[..., :grid, :grid]


@torch.inference_mode()
def extract(
    banks: nn.Module, images: NDArray[np.uint8], mirror: bool, device: str
) -> NDArray[np.float16]:
    """Run over (n, 96, 96, 3) uint8 images: shape (n, features), float16."""
    out: list[NDArray[np.float16]] = []
    for start in range(0, len(images), IMAGES_PER_RUN):
        batch = torch.from_numpy(np.array(images[start : start + IMAGES_PER_RUN])).to(device)
        batch = batch.permute(0, 3, 1, 2).float() / 255.0
        if mirror:
            batch = batch.flip(3)
        out.append(banks(batch).half().cpu().numpy())
    return np.concatenate(out)
