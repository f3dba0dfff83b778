"""The convolutional trunk: a narrow ResNet of plain 3 x 3 convolutions.

Dense 3 x 3 convolutions run through Winograd kernels on a CPU and reach several times the speed
of the depthwise and 1 x 1 convolutions that mobile architectures are made of, so the plain block of
ResNet (He et al. 2015) is the cheap one here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PIXEL_MEAN = (0.45, 0.43, 0.40)
PIXEL_STD = (0.26, 0.25, 0.27)


def normalise(images: Tensor) -> Tensor:
    """Map (n, 3, h, w) from [0, 1] to about zero mean and unit variance."""
    mean = torch.tensor(PIXEL_MEAN, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(PIXEL_STD, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / std


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        nn.init.zeros_(self.norm2.weight)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            pool = nn.AvgPool2d(2, ceil_mode=True) if stride == 2 else nn.Identity()
            self.short = nn.Sequential(
                pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.short(x))


class Trunk(nn.Module):
    """Images (n, 3, h, w) in [0, 1] to a map (n, width, h / 16, w / 16)."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        stem = widths[0] // 2
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        inputs = stem
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for i in range(depth):
                stride = 2 if i == 0 and stage < 3 else 1
                blocks.append(Block(inputs, width, stride))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.width = inputs

    def forward(self, images: Tensor) -> Tensor:
        return self.blocks(self.stem(normalise(images)))
