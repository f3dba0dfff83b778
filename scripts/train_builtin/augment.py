"""Augmentation of a whole batch at once: crop, flip, colour, erase."""

import torch
from torch import Tensor


def random_views(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Draw one random view of each image.

    Args:
        images: Shape (n, 3, h, w), uint8.
        size: Pixels of the square view.

    Returns:
        Shape (n, 3, size, size), float32 in [0, 1].
    """
    n = len(images)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    area = uniform(0.35, 1.0, n)
    aspect = torch.exp(uniform(-0.3, 0.3, n))
    half_w = (area * aspect).sqrt().clamp(max=1.0)
    half_h = (area / aspect).sqrt().clamp(max=1.0)
    x = uniform(-1, 1, n) * (1 - half_w)
    y = uniform(-1, 1, n) * (1 - half_h)
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    zero = torch.zeros(n)
    theta = torch.stack(
        [torch.stack([half_w * flip, zero, x], 1), torch.stack([zero, half_h, y], 1)], 1
    )
    grid = torch.nn.functional.affine_grid(theta, [n, 3, size, size], align_corners=False)
    out = torch.nn.functional.grid_sample(
        images.float(), grid.to(images.device), padding_mode="reflection", align_corners=False
    )
    out = out.div_(255.0)

    gain = uniform(0.75, 1.25, n, 1, 1, 1).to(out.device)
    tint = uniform(0.93, 1.07, n, 3, 1, 1).to(out.device)
    contrast = uniform(0.75, 1.25, n, 1, 1, 1).to(out.device)
    saturation = uniform(0.6, 1.3, n, 1, 1, 1).to(out.device)
    grey = out.mean(dim=1, keepdim=True)
    out = grey + (out - grey) * saturation
    mean = out.mean(dim=(1, 2, 3), keepdim=True)
    out = ((out - mean) * contrast + mean * gain) * tint
    return erase(out.clamp_(0.0, 1.0), generator)


def erase(images: Tensor, generator: torch.Generator, side: float = 0.35) -> Tensor:
    """Grey out one random square of ``side`` of the width in half of the images, in place."""
    n, _, height, width = images.shape
    cut = int(side * width)
    tops = torch.randint(0, height - cut + 1, (n,), generator=generator).tolist()
    lefts = torch.randint(0, width - cut + 1, (n,), generator=generator).tolist()
    chosen = (torch.rand(n, generator=generator) < 0.5).tolist()
    for i, (top, left, take) in enumerate(zip(tops, lefts, chosen, strict=True)):
        if take:
            images[i, :, top : top + cut, left : left + cut] = 0.43
    return images
