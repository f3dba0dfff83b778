"""From an upright RGB image to a model's input size, as the model's authors resize."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from embed.encoder import Pixels


@dataclass(frozen=True, slots=True)
class Resizing:
    """How an image becomes ``height`` x ``width`` pixels. Safe to use from many threads.

    Attributes:
        mode: "squash" ignores the aspect ratio. "crop" scales the shorter side to ``shortest`` and
            cuts the rest off on both sides, over black where the image is too small.
        shortest: For "crop", the length of the shorter side in pixels.
        resample: Pillow's filter.
        rounds: Whether half a pixel of a crop's offset is rounded to even, as torchvision does, or
            cut off, as transformers does.
    """

    width: int
    height: int
    mode: Literal["squash", "crop"]
    shortest: int
    resample: Image.Resampling
    rounds: bool

    def apply(self, image: Image.Image) -> Pixels:
        """Return the resized image: shape (height, width, 3), uint8."""
        if self.mode == "squash":
            return np.asarray(image.resize((self.width, self.height), self.resample))
        short, long = sorted(image.size)
        scaled = int(self.shortest * long / short)
        wide = image.width > image.height
        size = (scaled, self.shortest) if wide else (self.shortest, scaled)
        if size != image.size:
            image = image.resize(size, self.resample)
        left = self._offset(image.width - self.width)
        top = self._offset(image.height - self.height)
        return np.asarray(image.crop((left, top, left + self.width, top + self.height)))

    def _offset(self, excess: int) -> int:
        if excess < 0:
            return -(-excess // 2)
        return round(excess / 2) if self.rounds else excess // 2
