"""The one place that touches torch: devices, batches in, unit vectors out."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from embed.encoder import unit
from embed.halving import EncodeImages, is_close, lowest_cosine, probe_images
from embed.resizing import Pixels, Resizing
from schema.errors import ModelUnavailable
from schema.records import Vectors

if TYPE_CHECKING:
    import torch


IMAGES_PER_RUN, TEXTS_PER_RUN = 64, 256
"""What a model sees at once: enough to fill the cores, and no more memory however many come."""

PROBE = "Eidetic finds 2 Dogs on the BEACH, caf\u00e9 \u4e2d\u6587 \u0639\u0631\u0628\u064a!"
"""A text whose tokens tell one way of preparing texts from another, for a fingerprint."""

Item = TypeVar("Item")


def use_threads(threads: int) -> None:
    """Let torch take so many cores for one operation, in all of this process."""
    import torch

    torch.set_num_threads(threads)


def in_batches(
    encode: Callable[[Sequence[Item]], Vectors], items: Sequence[Item], size: int, dim: int
) -> Vectors:
    """Encode ``size`` items at a time: shape (len(items), dim), float32."""
    parts = [encode(items[start : start + size]) for start in range(0, len(items), size)]
    return np.concatenate(parts) if parts else np.empty((0, dim), dtype=np.float32)


class Device:
    """Where a model runs, and how arrays get there and back.

    Attributes:
        name: torch's name of the device.
        half: Whether images are computed in half precision.
    """

    def __init__(self, name: str | None = None, *, faster_in_half: bool | None = None) -> None:
        """Take a device by torch's name; by default a GPU where there is one.

        Args:
            faster_in_half: Whether it multiplies faster in half precision than in single; by
                default where it is CUDA's. On a CPU, torch does so in few models and the graphs
                of `embed.exported` in all.

        Raises:
            ModelUnavailable: torch does not know the device, or cannot use it here.
        """
        import torch

        if name is None:
            has_mps = torch.backends.mps.is_available()
            name = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
        try:
            self._device = torch.device(name)
            torch.empty(0, device=self._device)
        except (RuntimeError, AssertionError) as error:
            raise ModelUnavailable(
                f"torch cannot use the device {name!r} here ({error}); leave it out for the best"
            ) from error
        self.name = name
        self.half = False
        self._faster_in_half = name.startswith("cuda") if faster_in_half is None else faster_in_half

    def place(self, model: "torch.nn.Module") -> "torch.nn.Module":
        """Move a model here, ready for inference."""
        return model.to(self._device).eval().requires_grad_(False)

    def normalise(
        self, batch: Sequence[Pixels], mean: Sequence[float], std: Sequence[float]
    ) -> "torch.Tensor":
        """Return a model's input: shape (n, 3, height, width), float32, (value / 255 - mean) / std.

        The bytes cross to the device as they are; a quarter of what floats would be.
        """
        import torch

        pixels = torch.from_numpy(np.stack(batch)).to(self._device).permute(0, 3, 1, 2)
        scale = [1 / (255 * s) for s in std]
        shift = [-m / s for m, s in zip(mean, std, strict=True)]
        factors = torch.tensor(scale, device=self._device).view(1, 3, 1, 1)
        offsets = torch.tensor(shift, device=self._device).view(1, 3, 1, 1)
        return pixels.float().mul_(factors).add_(offsets).contiguous()

    def put(self, value: "torch.Tensor") -> "torch.Tensor":
        """Move a tensor here."""
        return value.to(self._device)

    def run(self, forward: Callable[[], "torch.Tensor"], *, half: bool = False) -> Vectors:
        """Run a forward pass without gradients: features (n, dim) to unit-norm float32 vectors.

        Args:
            half: Multiply in half precision (IEEE 754 binary16), as torch's autocast does it.
        """
        import torch

        mixed = torch.autocast(self._device.type, torch.float16) if half else nullcontext()
        with torch.inference_mode(), mixed:
            features = forward()
        return unit(features.float().cpu().numpy())

    def run_images(self, forward: Callable[[], "torch.Tensor"]) -> Vectors:
        """Run a forward pass of images, in half precision where that was chosen; see `run`.

        An image whose values outgrow half precision has all be computed in single from then on.
        """
        if self.half:
            try:
                return self.run(forward, half=True)
            except ValueError:
                self.half = False
        return self.run(forward)

    def choose_precision(self, encode: EncodeImages, resizing: Resizing) -> None:
        """Have images computed in half precision where the device is faster so, and where a model's
        vectors of probes stay close; a model whose values outgrow half precision stays in single.

        Args:
            encode: The model's images to vectors, by `run_images`.
        """
        if not self._faster_in_half:
            return
        probes = probe_images(resizing)
        self.half = False
        own = encode(probes)
        self.half = True
        halved = encode(probes)
        self.half = self.half and is_close(lowest_cosine(own, halved))
