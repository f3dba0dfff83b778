"""Encoders of transformers that take images only: ViT, DINOv2, ResNet."""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from embed.hf_pixels import Preparation
from embed.resizing import Pixels
from embed.scoring import takes_no_words
from embed.tensors import IMAGES_PER_RUN, Device, in_batches
from embed.towers import Towers, image_tower
from schema.records import Vectors

if TYPE_CHECKING:
    import torch


def _first_token(outputs: Any) -> "torch.Tensor":
    """Return the class token, which a ViT gathers the image in.

    Not ViT's pooler: it is not among the published weights of models that were trained to
    classify, so that transformers fills it with random numbers.
    """
    token: torch.Tensor = outputs.last_hidden_state[:, 0]
    return token


def _pooled(outputs: Any) -> "torch.Tensor":
    """Return the mean over all places of the image."""
    mean: torch.Tensor = outputs.pooler_output.flatten(1)
    return mean


READ_OUT: Mapping[str, Callable[[Any], "torch.Tensor"]] = {
    "vit": _first_token,
    "dinov2": _first_token,
    "dinov2_with_registers": _first_token,
    "resnet": _pooled,
}
"""How the output becomes one vector, by transformers' name of the family."""


class HfImageEncoder:
    """An encoder of transformers without a text tower.

    Its output equals that of transformers' ``image-feature-extraction`` pipeline on the same model,
    the class token of a ViT or DINOv2 and the pooled output of a ResNet, scaled to unit norm.
    """

    scoring = None

    def __init__(self, spec: str, model: Any, preparation: Preparation, device: Device) -> None:
        """Take a loaded model of a family that `READ_OUT` has.

        Args:
            spec: What loads it again.
            model: The model of transformers.
            preparation: What its image processor does.
            device: Where it runs.
        """
        self.spec = spec
        self._device = device
        self._model: Any = device.place(model)
        self._preparation = preparation
        family = model.config.model_type
        self._read_out = READ_OUT[family]
        self.resizing = preparation.resizing
        self.image_size = max(self.resizing.width, self.resizing.height)
        shaping = {**preparation.facts, "vector": self._read_out.__name__}
        text = json.dumps(shaping, sort_keys=True, default=str)
        self.fingerprint = f"hf-{blake2b(text.encode(), digest_size=8).hexdigest()}"
        config = model.config
        self.dim: int = config.hidden_sizes[-1] if family == "resnet" else config.hidden_size
        device.choose_precision(self.encode_images, self.resizing)

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        return in_batches(self._encode_images, batch, IMAGES_PER_RUN, self.dim)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002 - of the Protocol
        """Refuse: the model takes images only.

        Raises:
            UsageError: Always; it names what to use instead.
        """
        raise takes_no_words(self.spec)

    def towers(self) -> Towers:
        """Return what is exported of it."""
        mean, std = self._preparation.mean, self._preparation.std
        read_out = self._read_out
        tower = image_tower(
            self._model, lambda m, pixels: read_out(m(pixel_values=pixels)), mean, std
        )
        return Towers(tower, None)

    def _encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        mean, std = self._preparation.mean, self._preparation.std
        return self._device.run_images(
            lambda: self._read_out(
                self._model(pixel_values=self._device.normalise(batch, mean, std))
            )
        )
