"""From an upright RGB image to a model's input size, as the model's authors resize."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""One prepared image: shape (height, width, 3), uint8, sRGB; all of one encoder share a shape."""


@dataclass(frozen=True, slots=True)
class Resizing:
    """How an image becomes ``height`` x ``width`` pixels. Safe to use from many threads, and to
    send to another process.

    Attributes:
        mode: "squash" ignores the aspect ratio. "crop" scales the shorter side to ``shortest`` and
            cuts the rest off on both sides, over black where the image is too small. "fit" keeps
            the aspect ratio, and makes no image larger than it is.
        shortest: For "crop", the length of the shorter side in pixels.
        resample: Pillow's filter.
        rounds: Whether half a pixel of a crop's offset is rounded to even, as torchvision does, or
            cut off, as transformers does.
        reducing_gap: For "squash" and "fit", how many times the result's size an image may be that
            is given to the filter; a larger one is first reduced by whole numbers. None leaves that
            out.
    """

    width: int
    height: int
    mode: Literal["squash", "crop", "fit"]
    shortest: int
    resample: Image.Resampling
    rounds: bool
    reducing_gap: float | None = None

    @classmethod
    def squash(
        cls, side: int, resample: Image.Resampling, reducing_gap: float | None = None
    ) -> "Resizing":
        """Return the resizing to a square that ignores the aspect ratio."""
        return cls(side, side, "squash", 0, resample, False, reducing_gap)

    @classmethod
    def within(cls, side: int) -> "Resizing":
        """Return the resizing to a longer side of at most ``side`` pixels, for people to see."""
        return cls(side, side, "fit", 0, Image.Resampling.LANCZOS, False, 3.0)

    def apply(self, image: Image.Image) -> Pixels:
        """Return the resized image: shape (height, width, 3), uint8; "fit" may give less."""
        if self.mode == "fit":
            scale = min(self.width / image.width, self.height / image.height, 1.0)
            fitted = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            if fitted == image.size:
                return np.asarray(image)
            return np.asarray(image.resize(fitted, self.resample, reducing_gap=self.reducing_gap))
        if self.mode == "squash":
            size = (self.width, self.height)
            return np.asarray(image.resize(size, self.resample, reducing_gap=self.reducing_gap))
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
